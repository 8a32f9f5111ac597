/* Move the window on by a sample x; leave the whole of it in seen [sample][feature], the oldest first, less the centers. */
static void look({{ name }}_memory *m, const float *x, float *seen)
{
    int f, t;
    for (f = 0; f < {{ NAME }}_FEATURES; f++) {
        float *const kept = m->window + f * {{ spec.window - 1 }};
        for (t = 0; t < {{ spec.window - 1 }}; t++)
            seen[t * {{ NAME }}_FEATURES + f] = kept[t];
        seen[{{ spec.window - 1 }} * {{ NAME }}_FEATURES + f] = x[f] - center[f];
        memmove(kept, kept + 1, {{ spec.window - 2 }} * sizeof(float));
        kept[{{ spec.window - 2 }}] = x[f] - center[f];
    }
}
