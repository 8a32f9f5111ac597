/* ---- Whether the stream began with garbage; see streaming/beginnings.py ---- */

/* See a number as it came; return whether it shows that the first one was garbage. */
static int began_far({{ name }}_state *s, float sample)
{
    if (s->seen == {{ beginnings.PAST }}u)
        return 0;
    if (s->seen == 0)
        s->first = sample;
    if (s->seen < {{ beginnings.FOLLOWED }}u && sample == s->first) {
        s->seen = s->seen + 1 < {{ beginnings.FOLLOWED }}u ? s->seen + 1 : {{ beginnings.PAST }}u;
        return 0;
    }
    if (s->seen < {{ beginnings.FOLLOWED }}u) {
        s->least = s->most = sample;
        s->seen = {{ beginnings.FOLLOWED }}u;
    } else {
        s->least = sample < s->least ? sample : s->least;
        s->most = sample > s->most ? sample : s->most;
        s->seen += s->seen < {{ beginnings.WHOLE }}u;
    }
    if (s->seen == {{ beginnings.WHOLE }}u && s->most > s->least) {
        const float reach = {{ beginnings.WIDTHS }}f * (s->most - s->least);
        s->seen = s->first - s->most > reach || s->least - s->first > reach ? {{ beginnings.FAR }}u : {{ beginnings.PAST }}u;
    }
    return s->seen == {{ beginnings.FAR }}u;
}
