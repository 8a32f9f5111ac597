/* ---- Adaptation: each truth, when it comes, teaches what to make of the network's forecasts. The equations and their
   sources stand in edgeseq_runtime/adaptation, which this equals but for rounding. At a few steps ahead, the knots,
   forecasts wait for their truth; what lies between goes by the knots beside it. Forecasts are changes from the sample
   that they were made at, in units of what is usual for so many steps. ---- */

#define KNOTS {{ layout.knots|length }}
#define EXPERTS {{ layout.experts }} /* the network, the corrected network, persistence{% if layout.season %}, the season before{% endif %} */
#define REGRESSORS {{ layout.features }} /* of the correction: 1, the network's{% if layout.season %}, the season's less that{% endif %}, the last changes */
#define CHANGES {{ changes }}
#define KEPT {{ layout.kept }} /* samples */
#define WAITS {{ layout.waits|length }} /* numbers that wait together */
#define CLIP {{ number(clip) }}

/* What waits for its truth. */
enum { BASE, OWN, {% if layout.season %}SEASONAL, {% endif %}CORRECTED, SAID, CHANGE };

static const int knots[KNOTS] = {{ "{" }}{{ layout.knots|join(", ") }}{{ "}" }};
static const int first_slots[KNOTS] = {{ "{" }}{{ first_slots|join(", ") }}{{ "}" }};

/* [target][step ahead], and of changes from one sample to the next, for the typical sensor. */
static const float unit[{{ layout.targets * layout.horizon }}] = {
{{ values(units) }}};
static const float unit_of_changes[{{ layout.targets }}] = {{ "{" }}{{ numbers(units_of_changes) }}{{ "}" }};

/* Of each step ahead the knot before it, and how near the next one is: 1 at that. */
static const uint8_t knot_before[{{ layout.horizon }}] = {
{{ values(before) }}};
static const float nearness[{{ layout.horizon }}] = {
{{ values(nearness) }}};

/* Where a knot's forecast lies whose truth has come, which then gives way to the next one. */
static inline int slot(const float *places, int k)
{
    return first_slots[k] + (int)places[k];
}

/* The value of so many samples ago. */
static inline float value_of(const {{ name }}_learned *s, int newest, int ago)
{
    return s->values[newest >= ago ? newest - ago : newest - ago + KEPT];
}

{% include "learning.c" %}

/* What each expert of a knot would have lost. */
static void charge(const float *waits, float came, float *losses)
{
    const float said = waits[SAID], off = 2.0f * clipped(said - came, -CLIP, CLIP);
    const float forecasts[EXPERTS] = {{ "{" }}waits[OWN], waits[CORRECTED], 0.0f{% if layout.season %}, waits[SEASONAL]{% endif %}{{ "}" }};
    int e;
    for (e = 0; e < EXPERTS; e++)
        losses[e] = off * clipped(forecasts[e] - said, {{ number(-reach) }}, {{ number(reach) }});
}

/* What the correction is made of. */
static void look_at(const float *waits, float *phi)
{
    int c;
    *phi++ = 1.0f;
    *phi++ = clipped(waits[OWN], -CLIP, CLIP);
{% if layout.season %}
    *phi++ = clipped(waits[SEASONAL] - waits[OWN], -CLIP, CLIP);
{% endif %}
    for (c = 0; c < CHANGES; c++)
        *phi++ = waits[CHANGE + c];
}

/* Learn of a truth at the knots where something waited for it; return whether there was any. */
static int learn({{ name }}_learned *s, const float *places, const float *units, float gain, float truth, float *losses)
{
    float phi[REGRESSORS];
    int k, has_learned = 0;
    for (k = 0; k < KNOTS; k++) {
        const float *const waits = s->waiting + slot(places, k) * WAITS;
        const float came = (truth - waits[BASE]) / (units[knots[k] - 1] * gain);
        if (is_number(came - waits[SAID])) {
            compare(s, k, waits, came);
            look_at(waits, phi);
            correct(s->weights + k * REGRESSORS, s->covariance + k * REGRESSORS * REGRESSORS, phi, clipped(came - waits[OWN], -CLIP, CLIP));
            charge(waits, came, losses + k * EXPERTS);
            has_learned = 1;
        }
    }
    return has_learned;
}

/* ---- Forecasting ---- */

/* What a knot makes of forecasts: the shares of experts, 0 where its gate is closed; and the correction, of which a part is
   alike for all, and the others go by the forecasts. */
typedef struct {
    float of_corrected, of_persistence, alike, by_own{% if layout.season %}, of_season, by_season{% endif %};
} influence;

/* A forecast of the network, and how far that of the season is from it: 0 where it is not known. */
typedef struct {
    float size, own{% if layout.season %}, off{% endif %};
} view;

/* So many steps ahead, in units of what is usual for them. */
static inline view view_of(const {{ name }}_learned *s, int newest, int steps, float size, float forecast)
{
    const float x = s->values[newest];
    view v;
    v.size = size;
    v.own = (forecast - x) / size;
{% if layout.season %}
    v.off = (value_of(s, newest, ({{ layout.season }} - steps % {{ layout.season }}) % {{ layout.season }}) - x) / size - v.own;
    if (!is_number(v.off))
        v.off = 0.0f;
{% else %}
    (void)steps;
{% endif %}
    return v;
}

static inline float correction(const influence *by, const view *v)
{
    const float sum = by->alike + by->by_own * clipped(v->own, -CLIP, CLIP);
    return clipped(sum{% if layout.season %} + by->by_season * clipped(v->off, -CLIP, CLIP){% endif %}, -CLIP, CLIP);
}

static inline float mixed(float near, float before, float after)
{
    return (1.0f - near) * before + near * after;
}

/* Between two knots. */
static inline influence between(const influence *of_knots, int step)
{
    const float near = nearness[step];
    const influence *const a = of_knots + knot_before[step], *const b = a + (KNOTS > 1);
    influence by;
    by.of_corrected = mixed(near, a->of_corrected, b->of_corrected);
    by.of_persistence = mixed(near, a->of_persistence, b->of_persistence);
    by.alike = mixed(near, a->alike, b->alike);
    by.by_own = mixed(near, a->by_own, b->by_own);
{% if layout.season %}
    by.of_season = mixed(near, a->of_season, b->of_season);
    by.by_season = mixed(near, a->by_season, b->by_season);
{% endif %}
    return by;
}

/* NaN, in all that waits at a slot. */
static void say_nothing(float *waits)
{
    memset(waits, 0xFF, WAITS * sizeof(float));
}

/* Let what is said at a knot wait for its truth; leave what the knot makes of forecasts. Return whether its gate is open. */
static int say(const {{ name }}_learned *s, int k, const float *shares, float x, const view *v, const float *changes, float *waits, influence *by)
{
    const float *const weights = s->weights + k * REGRESSORS;
    const int is_open = s->gain[k] < {{ number(-margin) }} * s->worst[k];
    int c;
    by->alike = weights[0];
    for (c = 0; c < CHANGES; c++)
        by->alike += weights[REGRESSORS - CHANGES + c] * changes[c];
    by->by_own = weights[1];
{% if layout.season %}
    by->by_season = weights[2];
{% endif %}
    waits[BASE] = x;
    waits[OWN] = v->own;
    waits[CORRECTED] = v->own + correction(by, v);
    waits[SAID] = shares[0] * v->own + shares[1] * waits[CORRECTED];
{% if layout.season %}
    waits[SEASONAL] = v->own + v->off;
    waits[SAID] += shares[3] * waits[SEASONAL];
    by->of_season = is_open ? shares[3] : 0.0f;
{% endif %}
    by->of_corrected = is_open ? shares[1] : 0.0f;
    by->of_persistence = is_open ? shares[2] : 0.0f;
    memcpy(waits + CHANGE, changes, CHANGES * sizeof(float));
    if (!is_number(v->own) || !is_number(waits[SAID]))
        say_nothing(waits);
    return is_open;
}

/* Move a forecast of the network towards the better ones. */
static inline float adapted(const influence *by, const view *v, float forecast)
{
    const float of_others = by->of_corrected * correction(by, v) - by->of_persistence * v->own;
    const float moved = forecast + (of_others{% if layout.season %} + by->of_season * v->off{% endif %}) * v->size;
    return is_number(moved) ? moved : forecast;
}

/* The last changes, 0 where they are not known. */
static void look_back(const {{ name }}_learned *s, int newest, float divisor, float *changes)
{
    int c;
    for (c = 0; c < CHANGES; c++) {
        const float change = (value_of(s, newest, c) - value_of(s, newest, c + 1)) / divisor;
        changes[c] = is_number(change) ? clipped(change, -CLIP, CLIP) : 0.0f;
    }
}

/* Let what is said at the knots wait, and adapt the forecasts, {{ layout.targets }} numbers apart, where a gate is open. */
static void adapt_target({{ name }}_learned *s, const float *places, int newest, const float *units, float gain, const float *changes,
                         const float *shares, float *forecast)
{
    influence of_knots[KNOTS];
    int k, step, is_any_open = 0;
    for (k = 0; k < KNOTS; k++) {
        const int at = knots[k] - 1;
        const view v = view_of(s, newest, knots[k], units[at] * gain, forecast[at * {{ layout.targets }}]);
        float *const waits = s->waiting + slot(places, k) * WAITS;
        is_any_open |= say(s, k, shares + k * EXPERTS, s->values[newest], &v, changes, waits, of_knots + k);
    }
    for (step = 0; is_any_open && step < {{ layout.horizon }}; step++) {
        float *const said = forecast + step * {{ layout.targets }};
        const view v = view_of(s, newest, step + 1, units[step] * gain, *said);
        const influence by = between(of_knots, step);
        *said = adapted(&by, &v, *said);
    }
}

/* Whether all forecasts of a target are numbers. */
static int are_numbers(const float *forecast)
{
    int step;
    for (step = 0; step < {{ layout.horizon }}; step++)
        if (!is_number(forecast[step * {{ layout.targets }}]))
            return 0;
    return 1;
}

/* Learn of a sample, and adapt the network's forecasts after it, which count if they are warm. x is as the network saw it
   [target], truth [target] what may teach, NaN where nothing may. */
static void adapt({{ name }}_adaptation *a, const {{ name }}_memory *m, const float *x, const float *truth, int is_warm, float *forecast)
{
    const int newest = (int)a->places[KNOTS];
    int k, t, has_learned = 0;
{% if not spec.sensors %}
    (void)m;
{% endif %}
    for (t = 0; t < {{ layout.targets }}; t++) {
        {{ name }}_learned *const s = a->targets + t;
        const float *const units = unit + t * {{ layout.horizon }}, gain = {{ "1.0f + m->gain[t]" if spec.sensors else "1.0f" }};
        float losses[KNOTS * EXPERTS] = {0}, shares[KNOTS * EXPERTS], changes[CHANGES];
        has_learned |= learn(s, a->places, units, gain, truth[t], losses);
        weigh(s, losses, shares);
        s->values[newest] = x[t];
        if (is_warm && are_numbers(forecast + t)) {
            look_back(s, newest, unit_of_changes[t] * gain, changes);
            adapt_target(s, a->places, newest, units, gain, changes, shares, forecast + t);
        } else
            for (k = 0; k < KNOTS; k++)
                say_nothing(s->waiting + slot(a->places, k) * WAITS);
    }
    for (k = 0; k < KNOTS; k++)
        a->places[k] = (int)a->places[k] + 1 < knots[k] ? a->places[k] + 1.0f : 0.0f;
    a->places[KNOTS] = newest + 1 < KEPT ? (float)(newest + 1) : 0.0f;
    if (has_learned && a->taught[0] < 16777216.0f)
        a->taught[0] += 1.0f;
}
