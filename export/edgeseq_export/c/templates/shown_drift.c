/* The running share of one-step errors outside of what the stream itself has shown, in its own unit, and the flag that it
   raises. See monitoring/shown_drift.py. */

enum { SHARE, COUNT, PARTS, CALM, WIDTH, LAST, EARLIER, EARLIEST };

/* Move the width of this part of a stream's life on by an error of this size. */
static void widen(float *shown, double size)
{
    const double width = shown[WIDTH], count = shown[COUNT] + 1.0;
    const double young = {{ shown.YOUNG_GAIN }} / count, gain = young > {{ shown.GAIN }} ? young : {{ shown.GAIN }};
    const int is_beyond = size > width;
    double factor = 1.0;
    shown[COUNT] = (float)count;
    shown[CALM] = is_beyond ? 0.0f : shown[CALM] <= {{ shown.CALM_AFTER }}.0f ? shown[CALM] + 1.0f : shown[CALM];
    if (count <= {{ shown.ROUGH }}.0)
        factor = is_beyond ? 2.0 : 0.5;
    else if (is_beyond)
        factor = 1.0 + {{ shown.MISSED }} * gain;
    else if (shown[CALM] <= {{ shown.CALM_AFTER }}.0f)
        factor = 1.0 - {{ shown.HELD }} * gain;
    factor *= width;
    shown[WIDTH] = (float)(width > 0.0 ? (factor > {{ shown.LEAST }} ? factor : {{ shown.LEAST }}) : size);
}

static void watch_shown_drift(const edgeseq_streams *s, int64_t row, float error)
{
    float *const shown = s->shown_errors + {{ shown.WORDS }} * row;
    const double size = error < 0.0f ? -error : error;
    const float was_raised = s->raised[row], usual = larger(shown[EARLIER], shown[EARLIEST]);
    if (!(size > 0.0 || (size == 0.0 && shown[WIDTH] > 0.0f)))
        return;
    if (shown[EARLIEST] > 0.0f) {
        double share = shown[SHARE];
        share += ((size > {{ shown.WIDER }} * usual ? 1.0 : 0.0) - share) / s->memory_of_shares;
        shown[SHARE] = (float)share;
        raise_flag(s, row, share);
    }
    widen(shown, size);
    if (was_raised > 0.0f && s->raised[row] == 0.0f) { /* what was has passed: that is what the stream is like */
        shown[LAST] = larger(shown[LAST], shown[WIDTH]);
        shown[EARLIER] = larger(usual, shown[WIDTH]);
    }
    if (shown[COUNT] >= (float)({{ shown.FIRST_PART }} << (int)shown[PARTS])) {
        shown[EARLIEST] = shown[EARLIER];
        shown[EARLIER] = shown[LAST];
        shown[LAST] = shown[WIDTH];
        shown[PARTS] += shown[PARTS] < {{ shown.MOST_PARTS }}.0f ? 1.0f : 0.0f;
        shown[COUNT] = 0.0f;
    }
}
