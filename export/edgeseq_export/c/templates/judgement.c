/* A step of streams with all that stands around the network, for samples that nothing is odd about: the usual ones. What
   is odd is left to the reference in NumPy, which this must equal: see edgeseq_runtime/judgement. Streams lie in its
   arrays, with a row for each.

   This file is compiled by itself, without the liberties that the network may take: each sum and product is rounded as
   NumPy rounds it, and NaN is no number. */
#include "model.h"

#include <math.h>
#include <stddef.h>
#include <string.h>
{% if layout %}

{% include "seasonal.h" if running else "adaptation.h" %}
{% else %}

typedef float model_adaptation; /* of a model that cannot adapt */
{% endif %}
{% if detector %}

{% include "anomalies.h" %}
{% else %}

typedef float model_anomalies; /* of a model without residuals, which finds none */
{% endif %}

/* Version of `edgeseq_streams`: code that has another one is not called. */
const int32_t edgeseq_judgement = {{ version }};

/* What became of a step. */
enum {
    TAKEN = 0, /* all streams have moved */
    ODD = 1, /* something is odd about a sample: nothing has changed */
    INFINITE = 2 /* the network has moved, and a forecast of it is not finite: nothing else has changed but the runs */
};

/* Forecasts of a target that wait for their truth, in one ring for each step ahead; samples after which all rings begin
   where they began; and the circles that the rings lie on. See monitoring/waiting.py. */
#define WAITING ((int64_t)MODEL_HORIZON * (MODEL_HORIZON + 1) / 2)
#define TURNS (MODEL_HORIZON | 1)
#define CIRCLES (WAITING / TURNS)

/* Which streams move, by which samples, and where all that is remembered of them lies. */
typedef struct {
    int64_t count;
    const int64_t *rows; /* of the streams; NULL: the first ones */
    const float *samples; /* [count][input] */
    const double *given; /* [count] seconds since 1970, NaN where a sample has no time; NULL: none has one */
    int64_t steps, turns; /* that the reference has counted for all streams */

    /* The network's: a row for each stream. */
    model_memory *memory;
    float *x, *y; /* [input], [output]: the last sample and forecast */

    /* Values: between low and high, a row for each stream or one for all. */
    float *low, *high; /* [input] */
    int64_t bounds_apart; /* numbers from one stream's to the next one's, 0 for one for all */
    float *runs; /* [target][2]: the last value, and how often in a row it has come */
    int64_t stuck_after; /* so many equal values are odd; 0: any number is fine */

    /* Time. */
    double *last; /* of the last sample, seconds since 1970; NaN where it is not known */
    double period, early, late; /* seconds; a sample in time comes between the last two after the one before */
    const int64_t *paced; /* steps of another pace than the period; `told` of them where it is known to last */
    int64_t told;

    /* How old streams are. */
    const int64_t *begun; /* at which of `steps` */

    /* Forecasts beside truths; said is NULL where nobody asks. See monitoring/monitor.py, conformal.py, drift.py. */
    float *said; /* [WAITING][target] */
    int64_t *turn;
    float *gains; /* [target]; NULL where all are 1 */
    const float *middle, *below, *above; /* [step ahead][target], for all streams */
    float *moving; /* [3][step ahead][target]: the logarithm of a width; that it is too wide, and too narrow, 1 is proof */
    float *width; /* [step ahead][target] */
    float *hurried; /* [step ahead][target]: by how much haste has moved that logarithm */
    const float *held, *more; /* [3][step ahead][target], for all streams: what a hit adds to moving, and a miss besides */
    double widest, haste, furthest; /* float32 each: haste moves so many times as much besides, and so far all in all */
    const double *lowest, *highest; /* [target], for all streams; NULL where `shown_errors` is there */
    float *shares; /* [target]; likewise */
    float *shown_errors; /* [{{ shown.WORDS }}], see monitoring/shown_drift.py; NULL where validation has shown what errors are usual */
    float *raised; /* one */
    double memory_of_shares, alarm, clear;

    /* What streams go on learning, a row for each; NULL where they do not. See adaptation. */
    model_adaptation *adaptation;

    /* How surprising samples are, a row for each stream; NULL where nobody asks. See anomalies. */
    model_anomalies *anomalies;
    const float *offsets; /* of sensors [target], beside `gains`; NULL where all are 0 */
    double limit; /* float32: bits of surprise that are an anomaly */

    /* Of streams whose scale runs along: what follows them besides. See streaming/shown_range.py, learned_period.py. */
    float *shown; /* [3]: samples that were shown, up to `fewest`; the least and the greatest */
    int64_t fewest;
    double widths, largest; /* float32 each: how far beyond these values are in range, and that the network can take */
    const double *periods; /* seconds, NaN where they are not known yet; NULL: `period` holds for all */

    /* Of a lone stream whose samples are counted from an anchor. See streaming/anchors.py. */
    const double *anchor;
    double *own; /* [output]: the last forecast with the anchor added; NULL where nobody asks */
} edgeseq_streams;

void edgeseq_move(int64_t count, const int64_t *rows, model_memory *memory, const float *x, float *y);

static int64_t row_of(const edgeseq_streams *s, int64_t k)
{
    return s->rows ? s->rows[k] : k;
}

{% include "exponential.h" %}

{% include "numbers.h" %}
{% if layout %}

{% include "arithmetic.h" %}

{% include "root_of_inverse.h" %}

{% if running %}
{% include "rounded.h" %}

{% include "area_sine.h" %}

{% endif %}
{% include "seasonal.c" if running else "adaptation.c" %}
{% endif %}
{% if detector %}

{% include "anomalies.c" %}
{% endif %}

/* ---- Before the network ---- */

static double period_of(const edgeseq_streams *s, int64_t row)
{
    return s->periods ? s->periods[row] : s->period;
}

static double seconds_of(const edgeseq_streams *s, int64_t k)
{
    const double given = s->given ? s->given[k] : NAN;
    return given == given ? given : s->last[row_of(s, k)] + period_of(s, row_of(s, k));
}

/* How often in a row a target has come with a value. */
static float run_of(const float *run, float value)
{
    return value == run[0] ? run[1] + 1.0f : 1.0f;
}

/* Whether a sample comes when it should: not early or late, or as early as those before, if that has been told. */
static int is_in_time(const edgeseq_streams *s, int64_t k)
{
    const int64_t row = row_of(s, k);
    const double passed = seconds_of(s, k) - s->last[row]; /* NaN where nothing is known to lack */
    if (s->periods) { /* without one yet, the step to this sample is to be learned from */
        const double period = s->periods[row];
        return !(passed == passed) || (s->paced[row] == 0 && passed >= period / {{ another_rate }} && passed < 1.5 * period);
    }
    if (s->paced[row] == 0)
        return !(passed < s->early || passed >= s->late);
    return s->paced[row] == s->told && passed > 0.0 && passed < s->early;
}

/* Whether nothing is odd about a sample: it comes when it should, all is there and in range, and nothing stands still. */
static int is_usual(const edgeseq_streams *s, int64_t k)
{
    const int64_t row = row_of(s, k);
    const float *const x = s->samples + k * MODEL_INPUTS;
    const float *const low = s->low + row * s->bounds_apart, *const high = s->high + row * s->bounds_apart;
    int f;
    if (!is_in_time(s, k))
        return 0;
    for (f = 0; f < MODEL_INPUTS; f++)
        if (!(x[f] >= low[f] && x[f] <= high[f]))
            return 0;
    for (f = 0; s->stuck_after && f < MODEL_TARGETS; f++)
        if (run_of(s->runs + 2 * (row * MODEL_TARGETS + f), x[f]) > (float)s->stuck_after)
            return 0;
    return 1;
}

static void count_runs(const edgeseq_streams *s, int64_t k)
{
    float *const runs = s->runs + 2 * row_of(s, k) * MODEL_TARGETS;
    const float *const x = s->samples + k * MODEL_INPUTS;
    int f;
    for (f = 0; f < MODEL_TARGETS; f++) {
        runs[2 * f + 1] = run_of(runs + 2 * f, x[f]);
        runs[2 * f] = x[f];
    }
}

{% if running %}
/* What a stream has shown is its range. */
static void follow_range(const edgeseq_streams *s, int64_t row)
{
    float *const shown = s->shown + 3 * row, *const low = s->low + row * s->bounds_apart, *const high = s->high + row * s->bounds_apart;
    const float x = s->x[row], fewest = (float)s->fewest, largest = (float)s->largest;
    float width, reach = INFINITY;
    if (shown[0] == fewest && x >= shown[1] && x <= shown[2])
        return;
    shown[1] = shown[0] == 0.0f || x < shown[1] ? x : shown[1];
    shown[2] = shown[0] == 0.0f || x > shown[2] ? x : shown[2];
    shown[0] += shown[0] < fewest ? 1.0f : 0.0f;
    width = shown[2] - shown[1];
    if (shown[0] == fewest && width > 0.0f)
        reach = (float)s->widths * width;
    *low = larger(shown[1] - reach, -largest);
    *high = smaller(shown[2] + reach, largest);
}

{% endif %}
/* ---- After it: what compares forecasts with truths ---- */

static float within(float x, float most)
{
    return x < -most ? -most : x > most ? most : x;
}

static float as_share(float x)
{
    return x < 0.0f ? 0.0f : x > 1.0f ? 1.0f : x;
}

/* Adaptive conformal inference: the interval of each step ahead becomes wider by a miss, narrower by a hit; many times as far
   where it is proven that it is too wide, or too narrow. See monitoring/conformal.py and evidence.py. */
static void adapt_width(const edgeseq_streams *s, int64_t row, const float *errors)
{
    float *const log_width = s->moving + 3 * row * MODEL_OUTPUTS, *const too_wide = log_width + MODEL_OUTPUTS;
    float *const too_narrow = too_wide + MODEL_OUTPUTS, *const width = s->width + row * MODEL_OUTPUTS;
    float *const hurried = s->hurried + row * MODEL_OUTPUTS;
    const float widest = (float)s->widest, haste = (float)s->haste, furthest = (float)s->furthest;
    float added[3][MODEL_OUTPUTS];
    int proven[MODEL_OUTPUTS], is_any_proven = 0;
    int k, of;
    for (k = 0; k < MODEL_OUTPUTS; k++) { /* without branches, so that compilers take several at once */
        const float distance = errors[k] - s->middle[k];
        const float over = distance - s->above[k] * width[k], under = s->below[k] * width[k] - distance;
        const int is_known = (over == over) & (under == under), is_missed = (over > 0.0f) | (under > 0.0f);
        for (of = 0; of < 3; of++) {
            const float held = s->held[of * MODEL_OUTPUTS + k], missed = held + s->more[of * MODEL_OUTPUTS + k];
            added[of][k] = is_known ? (is_missed ? missed : held) : 0.0f;
        }
        proven[k] = (too_wide[k] >= 1.0f) | (too_narrow[k] >= 1.0f);
        is_any_proven |= proven[k];
        too_wide[k] = as_share(too_wide[k] + added[1][k]);
        too_narrow[k] = as_share(too_narrow[k] + added[2][k]);
    }
    for (k = 0; is_any_proven && k < MODEL_OUTPUTS; k++) {
        const float before = hurried[k];
        if (proven[k]) {
            hurried[k] = within(before + haste * added[0][k], furthest);
            added[0][k] += hurried[k] - before;
        }
    }
    for (k = 0; k < MODEL_OUTPUTS; k++) {
        log_width[k] = within(log_width[k] + added[0][k], widest);
        width[k] = exponential(log_width[k]);
    }
}

static void raise_flag(const edgeseq_streams *s, int64_t row, double share)
{
    if (share > s->alarm)
        s->raised[row] = 1.0f;
    else if (share < s->clear)
        s->raised[row] = 0.0f;
}

/* The running share of one-step truths outside of validation's interval, and the flag that it raises. */
static void watch_drift(const edgeseq_streams *s, int64_t row, const float *errors)
{
    float *const shares = s->shares + row * MODEL_TARGETS;
    double worst = 0.0;
    int t;
    for (t = 0; t < MODEL_TARGETS; t++) {
        const double error = errors[t];
        double share = shares[t];
        if (error == error) {
            const double outside = error >= s->lowest[t] && error <= s->highest[t] ? 0.0 : 1.0;
            share += (outside - share) / s->memory_of_shares;
        }
        shares[t] = (float)share;
        worst = share > worst ? share : worst;
    }
    raise_flag(s, row, worst);
}
{% if running %}

{% include "shown_drift.c" %}
{% endif %}

{% if detector %}
static void look_for_anomalies(const edgeseq_streams *s, int64_t row, const float *errors)
{
    float sample[MODEL_TARGETS]; /* in the typical sensor's numbers */
    int t;
    for (t = 0; t < MODEL_TARGETS; t++) {
        sample[t] = s->x[row * MODEL_INPUTS + t];
        if (s->offsets)
            sample[t] = (sample[t] - s->offsets[row * MODEL_TARGETS + t]) / s->gains[row * MODEL_TARGETS + t];
    }
    find_anomaly(s->anomalies + row, errors, errors + {{ (detector.steps - 1) * detector.layout.targets }}, sample, (float)s->limit);
}

{% endif %}
/* Where the ring of a step ahead begins, on the same circle as that of TURNS - step; `first` is the first circle's begin. */
static int64_t place_of(int step, int64_t first)
{
    int64_t place = first + MODEL_HORIZON - step;
    if (step <= TURNS / 2) { /* behind the other one, and so before the begin */
        place = first + step - (TURNS - MODEL_HORIZON) - step * CIRCLES;
        place += place < 0 ? WAITING : 0;
    }
    return place;
}

/* Take the errors of what was said of this sample, and keep what the network says now where that is warm. */
static void watch(const edgeseq_streams *s, int64_t row, int is_warm)
{
    const int64_t first = (s->turns + s->turn[row]) % TURNS * CIRCLES;
    const float *const y = s->y + row * MODEL_OUTPUTS, *const x = s->x + row * MODEL_INPUTS;
    float *const said = s->said + row * WAITING * MODEL_TARGETS;
    float errors[MODEL_OUTPUTS];
    int step, t;
{% if running %}
    if (s->shown_errors)
        watch_shown_drift(s, row, x[0] - said[place_of(1, first) * MODEL_TARGETS]);
{% endif %}
    for (step = 0; step < MODEL_HORIZON; step++) {
        const float *const of_sample = said + place_of(step + 1, first) * MODEL_TARGETS;
        for (t = 0; t < MODEL_TARGETS; t++) {
            const int k = step * MODEL_TARGETS + t;
            errors[k] = x[t] - of_sample[t];
            if (s->gains) {
                const float gain = s->gains[row * MODEL_TARGETS + t];
                errors[k] = {{ "gain == 0.0f ? NAN : " if running }}errors[k] / gain;
            }
        }
    }
    for (step = 0; step < MODEL_HORIZON; step++) {
        float *const last = said + place_of(TURNS - (step + 1), first) * MODEL_TARGETS; /* what was first there has been read */
        for (t = 0; t < MODEL_TARGETS; t++)
            last[t] = is_warm ? y[step * MODEL_TARGETS + t] : NAN;
    }
    adapt_width(s, row, errors);
    if (s->shares)
        watch_drift(s, row, errors);
{% if detector %}
    if (s->anomalies)
        look_for_anomalies(s, row, errors);
{% endif %}
    if (s->rows)
        s->turn[row] = (s->turn[row] + 1) % TURNS;
}

/* ---- The step ---- */

static int are_finite(const float *numbers, int count)
{
    int k;
    for (k = 0; k < count; k++)
        if (!(numbers[k] - numbers[k] == 0.0f))
            return 0;
    return 1;
}

/* Learn of a stream's step: what compares forecasts with truths is told of those that go out. */
static void learn_of_step(const edgeseq_streams *s, int64_t row)
{
    const int is_warm = s->steps - s->begun[row] + 1 >= MODEL_WARMUP;
{% if running %}
    if (s->gains)
        s->gains[row] = *s->memory[row].scale; /* in multiples of which errors are judged from now on */
{% endif %}
{% if layout %}
    const float *const x = s->x + row * MODEL_INPUTS;
    if (s->adaptation)
        adapt(s->adaptation + row, s->memory + row, x, x, is_warm, s->y + row * MODEL_OUTPUTS);
{% endif %}
    if (s->said)
        watch(s, row, is_warm);
}

{% if running %}
/* A forecast as its stream is measured. The caller's `own` is of double precision: an anchor may be far from 0. */
void edgeseq_add_anchor(const float *forecast, double anchor, double *own)
{
    int k;
    for (k = 0; k < MODEL_OUTPUTS; k++)
        own[k] = forecast[k] + anchor;
}

{% endif %}
/* Take a sample of each stream, or of none where one of them is odd. The ages are the caller's to count. */
int edgeseq_take(const edgeseq_streams *s)
{
    int64_t k;
    for (k = 0; k < s->count; k++)
        if (!is_usual(s, k))
            return ODD;
    for (k = 0; k < s->count; k++) {
        memcpy(s->x + row_of(s, k) * MODEL_INPUTS, s->samples + k * MODEL_INPUTS, MODEL_INPUTS * sizeof(float));
        if (s->stuck_after)
            count_runs(s, k);
{% if running %}
        if (s->shown)
            follow_range(s, row_of(s, k));
{% endif %}
    }
    edgeseq_move(s->count, s->rows, s->memory, s->x, s->y);
    for (k = 0; k < s->count; k++)
        if (!are_finite(s->y + row_of(s, k) * MODEL_OUTPUTS, MODEL_OUTPUTS))
            return INFINITE;
    for (k = 0; k < s->count; k++) {
        learn_of_step(s, row_of(s, k));
        s->last[row_of(s, k)] = seconds_of(s, k);
    }
{% if running %}
    if (s->own)
        edgeseq_add_anchor(s->y, *s->anchor, s->own);
{% endif %}
    return TAKEN;
}

/* Samples in a row of the first stream: take those before the first that is odd, or whose forecast is not finite. Return how
   many those are, and leave what stopped it in `made`. For each its forecast [output] is left in y and, where somebody asks,
   its intervals' width [output] and the drift flag after it, and its gains [target] where they move; its bits of surprise
   [target + 1], of all targets together last, and the code of its anomaly. */
int64_t edgeseq_run(const edgeseq_streams *s, float *y, float *width, float *raised, float *gains, float *bits, float *alarms,
                    int32_t *made)
{
    edgeseq_streams one = *s;
    int64_t t;
    one.count = 1;
    one.own = NULL; /* the caller adds anchors to all of y at once */
    *made = TAKEN;
    for (t = 0; t < s->count; t++) {
        *made = edgeseq_take(&one);
        if (*made != TAKEN)
            break;
        memcpy(y + t * MODEL_OUTPUTS, s->y, MODEL_OUTPUTS * sizeof(float));
        if (s->said) {
            memcpy(width + t * MODEL_OUTPUTS, s->width, MODEL_OUTPUTS * sizeof(float));
            raised[t] = *s->raised;
{% if running %}
            gains[t] = *s->gains;
{% else %}
            (void)gains;
{% endif %}
        }
{% if not detector %}
        (void)bits, (void)alarms;
{% else %}
        if (s->anomalies) {
            int target;
            for (target = 0; target < MODEL_TARGETS; target++)
                *bits++ = *s->anomalies->targets[target].own_bits;
            *bits++ = *s->anomalies->bits;
            alarms[t] = *s->anomalies->alarm;
        }
{% endif %}
        one.samples += MODEL_INPUTS;
        one.given = one.given ? one.given + 1 : NULL;
        one.steps++;
        one.turns++;
    }
    return t;
}

/* The same width of the same logarithm, wherever it is asked for. */
void edgeseq_exponentials(int64_t count, const float *x, float *y)
{
    int64_t k;
    for (k = 0; k < count; k++)
        y[k] = exponential(x[k]);
}
