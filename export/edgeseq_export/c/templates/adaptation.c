/* ---- Adaptation: each truth, when it comes, teaches what to make of the network's forecasts. The equations and their
   sources stand in edgeseq_runtime/adaptation, which this equals but for rounding. At a few steps ahead, the knots,
   forecasts wait for their truth; what lies between goes by the knots beside it. Forecasts are changes from the sample
   that they were made at, in units of what is usual for so many steps. ---- */

#define KNOTS {{ layout.knots|length }}
#define EXPERTS {{ layout.experts }} /* the network, the corrected network, persistence{% if layout.season %}, the season before{% endif %} */
#define REGRESSORS {{ layout.features }} /* of the correction: 1, the network's{% if layout.season %}, the season's less that{% endif %}, the last changes */
#define CHANGES {{ changes }}
#define KEPT {{ layout.kept }} /* samples */
#define CLIP {{ number(clip) }}

/* What waits for its truth. */
enum { BASE, OWN, {% if layout.season %}SEASONAL, {% endif %}CORRECTED, SAID, CHANGE };

static const int knots[KNOTS] = {{ "{" }}{{ layout.knots|join(", ") }}{{ "}" }};
static const int first_slots[KNOTS] = {{ "{" }}{{ first_slots|join(", ") }}{{ "}" }};
static const float prior[EXPERTS] = {{ "{" }}{{ numbers(layout.prior) }}{{ "}" }};
static const float trust[EXPERTS] = {{ "{" }}{{ numbers(trust) }}{{ "}" }}; /* what the root of an expert's losses divides to its rate */

/* [target][step ahead], and of changes from one sample to the next, for the typical sensor. */
static const float unit[{{ layout.targets * layout.horizon }}] = {
{{ values(units) }}};
static const float unit_of_changes[{{ layout.targets }}] = {{ "{" }}{{ numbers(units_of_changes) }}{{ "}" }};

/* Of each step ahead the knot before it, and how near the next one is: 1 at that. */
static const uint8_t knot_before[{{ layout.horizon }}] = {
{{ values(before) }}};
static const float nearness[{{ layout.horizon }}] = {
{{ values(nearness) }}};

/* Neither NaN nor infinite, whatever the compiler supposes of floats. */
static inline int is_number(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7F800000u) != 0x7F800000u;
}

static inline float smaller(float a, float b)
{
    return a < b ? a : b;
}

static inline float larger(float a, float b)
{
    return a > b ? a : b;
}

static inline float clipped(float value, float low, float high)
{
    return smaller(larger(value, low), high);
}

/* 1 / sqrt(x) by Newton's method, off by a few 1e-7 of it: no C library is needed. */
static inline float root_of_inverse(float x)
{
    uint32_t bits;
    float y;
    int step;
    memcpy(&bits, &x, sizeof bits);
    bits = 0x5F375A86u - (bits >> 1);
    memcpy(&y, &bits, sizeof y);
    for (step = 0; step < 3; step++)
        y *= 1.5f - 0.5f * x * y * y;
    return y;
}

/* exp(x) of x up to 0, down to 0: the gates' exponential ends at that of -30. */
static inline float vanishing(float x)
{
    const float root = exponential(0.25f * x), square = root * root;
    return square * square;
}

static inline float product(const float *a, const float *b)
{
    float sum = 0.0f;
    int r;
    for (r = 0; r < REGRESSORS; r++)
        sum += a[r] * b[r];
    return sum;
}

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

/* ---- Learning ---- */

/* The gate of a knot: whether what was said is better than what the network said. */
static void compare({{ name }}_learned *s, int k, const float *waits, float came)
{
    const float of_own = came - waits[OWN], of_said = came - waits[SAID];
    const float own = smaller(of_own * of_own, {{ number(worst) }}), said = smaller(of_said * of_said, {{ number(worst) }});
    s->gain[k] = {{ number(memory) }} * s->gain[k] + said - own;
    s->worst[k] = larger({{ number(memory) }} * s->worst[k], own);
}

/* How fast an expert's weight follows its losses. */
static inline float rate_of(const {{ name }}_learned *s, int k, int e)
{
    const float by_range = 0.5f / (2.0f * s->range[k][e] + 1e-30f);
    return smaller(by_range, trust[e] * root_of_inverse(s->variance[k][e] + 1e-30f));
}

/* What each expert would have lost. */
static void charge({{ name }}_learned *s, int k, const float *waits, float came)
{
    const float said = waits[SAID], truth = clipped(came, said - CLIP, said + CLIP);
    const float forecasts[EXPERTS] = {{ "{" }}waits[OWN], waits[CORRECTED], 0.0f{% if layout.season %}, waits[SEASONAL]{% endif %}{{ "}" }};
    int e;
    for (e = 0; e < EXPERTS; e++) {
        const float loss = 2.0f * (said - truth) * clipped(forecasts[e] - said, {{ number(-reach) }}, {{ number(reach) }});
        s->range[k][e] = larger(s->range[k][e], larger(loss, -loss));
        s->variance[k][e] += loss * loss;
        s->regret[k][e] += loss * (1.0f + rate_of(s, k, e) * loss);
    }
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
        *phi++ = clipped(waits[CHANGE + c], -CLIP, CLIP);
}

/* Recursive least squares of the network's error, with forgetting. */
static void correct({{ name }}_learned *s, int k, const float *waits, float came)
{
    float *const weights = s->weights[k];
    float phi[REGRESSORS], along[REGRESSORS], share, error, scale = {{ number(1 / forgetting) }}, trace = 0.0f;
    int r, q;
    look_at(waits, phi);
    for (r = 0; r < REGRESSORS; r++)
        along[r] = product(s->covariance[k][r], phi);
    share = 1.0f / ({{ number(forgetting) }} + product(phi, along));
    error = clipped(came - waits[OWN], -CLIP, CLIP) - product(weights, phi);
    for (r = 0; r < REGRESSORS; r++) {
        weights[r] += share * along[r] * error;
        trace += s->covariance[k][r][r] - share * along[r] * along[r];
    }
    if (trace * scale > {{ number(most_trace) }})
        scale = {{ number(most_trace) }} / trace;
    for (r = 0; r < REGRESSORS; r++)
        for (q = 0; q < REGRESSORS; q++)
            s->covariance[k][r][q] = (s->covariance[k][r][q] - share * (along[r] * along[q])) * scale;
}

/* Learn of a truth all that waited for it; return whether anything did. */
static int learn({{ name }}_learned *s, const float *places, const float *units, float size, float truth)
{
    int k, has_learned = 0;
    for (k = 0; k < KNOTS; k++) {
        const float *const waits = s->waiting[slot(places, k)];
        const float came = (truth - waits[BASE]) / (units[knots[k] - 1] * size);
        if (is_number(came) && is_number(waits[OWN])) {
            compare(s, k, waits, came);
            charge(s, k, waits, came);
            correct(s, k, waits, came);
            has_learned = 1;
        }
    }
    return has_learned;
}

/* ---- Forecasting ---- */

/* How much each expert counts at a knot; 1 together. */
static void weigh(const {{ name }}_learned *s, int k, float *weights)
{
    float rates[EXPERTS], lost[EXPERTS], least, sum = 0.0f;
    int e;
    for (e = 0; e < EXPERTS; e++) {
        rates[e] = rate_of(s, k, e);
        lost[e] = rates[e] * s->regret[k][e];
    }
    least = lost[0];
    for (e = 1; e < EXPERTS; e++)
        least = smaller(least, lost[e]);
    for (e = 0; e < EXPERTS; e++) {
        weights[e] = prior[e] * rates[e] * vanishing(least - lost[e]);
        sum += weights[e];
    }
    for (e = 0; e < EXPERTS; e++)
        weights[e] /= sum;
}
{% if layout.season %}

/* What was said {{ layout.season }} samples before a step to come, or at the same time of an earlier season; what the network says
   where that is not known. */
static inline float season_before(const {{ name }}_learned *s, int newest, int step, float divisor, float own)
{
    const float then = value_of(s, newest, ({{ layout.season }} - step % {{ layout.season }}) % {{ layout.season }});
    return is_number(then) ? (then - s->values[newest]) / divisor : own;
}
{% endif %}

/* What the forecasts are moved by at knots: shares of the experts, 0 where the gate is closed, and the correction. */
typedef struct {
    float corrected[KNOTS], persistence[KNOTS]{% if layout.season %}, season[KNOTS]{% endif %}, correction[KNOTS];
} moves;

/* Between two knots. */
static inline float between(const float *of_knots, int step)
{
    const float near = nearness[step], *const before = of_knots + knot_before[step];
    return (1.0f - near) * before[0] + near * before[KNOTS > 1];
}

/* Let what is said at a knot wait for its truth; leave there what it moves. Return whether the gate is open. */
static int say({{ name }}_learned *s, int k, float *waits, int newest, float divisor, const float *changes, float own, moves *by)
{
    float phi[REGRESSORS], weights[EXPERTS];
    const int is_open = s->gain[k] < {{ number(-gate) }} * s->worst[k];
    waits[BASE] = s->values[newest];
    waits[OWN] = own;
{% if layout.season %}
    waits[SEASONAL] = season_before(s, newest, knots[k], divisor, own);
{% else %}
    (void)newest;
    (void)divisor;
{% endif %}
    memcpy(waits + CHANGE, changes, CHANGES * sizeof(float));
    look_at(waits, phi);
    by->correction[k] = clipped(product(s->weights[k], phi), -CLIP, CLIP);
    waits[CORRECTED] = own + by->correction[k];
    weigh(s, k, weights);
    waits[SAID] = weights[0] * own + weights[1] * waits[CORRECTED]{% if layout.season %} + weights[3] * waits[SEASONAL]{% endif %};
    by->corrected[k] = is_open ? weights[1] : 0.0f;
    by->persistence[k] = is_open ? weights[2] : 0.0f;
{% if layout.season %}
    by->season[k] = is_open ? weights[3] : 0.0f;
{% endif %}
    return is_open;
}

/* Say the forecasts of a target; those of the network become the adapted ones, where these are better. */
static void forecast_target({{ name }}_learned *s, const float *places, int newest, const float *units, float size, float unit_of_change,
                            float *forecast)
{
    const float x = s->values[newest];
    float changes[CHANGES];
    moves by;
    int c, k, step, is_any_open = 0;
    for (c = 0; c < CHANGES; c++) {
        const float change = value_of(s, newest, c) - value_of(s, newest, c + 1);
        changes[c] = is_number(change) ? change / unit_of_change : 0.0f;
    }
    for (k = 0; k < KNOTS; k++) {
        const float divisor = units[knots[k] - 1] * size;
        const float own = (forecast[(knots[k] - 1) * {{ layout.targets }}] - x) / divisor;
        is_any_open |= say(s, k, s->waiting[slot(places, k)], newest, divisor, changes, own, &by);
    }
    for (step = 0; is_any_open && step < {{ layout.horizon }}; step++) {
        const float divisor = units[step] * size, own = (forecast[step * {{ layout.targets }}] - x) / divisor;
        float moved = between(by.corrected, step) * between(by.correction, step) - between(by.persistence, step) * own;
{% if layout.season %}
        moved += between(by.season, step) * (season_before(s, newest, step + 1, divisor, own) - own);
{% endif %}
        forecast[step * {{ layout.targets }}] += moved * divisor;
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
        const float *const units = unit + t * {{ layout.horizon }}, size = {{ "1.0f + m->gain[t]" if spec.sensors else "1.0f" }};
        if (is_number(truth[t]))
            has_learned |= learn(s, a->places, units, size, truth[t]);
        s->values[newest] = x[t];
        if (is_warm && are_numbers(forecast + t))
            forecast_target(s, a->places, newest, units, size, unit_of_changes[t] * size, forecast + t);
        else
            for (k = 0; k < KNOTS; k++)
                memset(s->waiting[slot(a->places, k)], 0xFF, sizeof s->waiting[0]); /* NaN */
    }
    for (k = 0; k < KNOTS; k++)
        a->places[k] = (int)a->places[k] + 1 < knots[k] ? a->places[k] + 1.0f : 0.0f;
    a->places[KNOTS] = newest + 1 < KEPT ? (float)(newest + 1) : 0.0f;
    if (has_learned && a->taught[0] < 16777216.0f)
        a->taught[0] += 1.0f;
}
