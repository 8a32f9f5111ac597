/* ---- The step ---- */
{% if spec.sensors %}

static float times_gain(const {{ name }}_memory *m, int f, float value)
{
    ROUNDED const float size = 1.0f + m->gain[f];
    volatile const float product = size * value; /* rounded by itself, not fused with the sum */
    return product;
}

static float by_gain(const {{ name }}_memory *m, int f, float value)
{
    ROUNDED const float size = 1.0f + m->gain[f];
    ROUNDED const float quotient = value / size;
    return quotient;
}
{% endif %}
{% if spec.sensors %}

/* A sample in the typical sensor's numbers. */
static void to_typical(const {{ name }}_memory *m, const float *sample, float *x)
{
    int f;
    memcpy(x, sample, {{ NAME }}_INPUTS * sizeof(float));
    for (f = 0; f < {{ NAME }}_FEATURES; f++)
        x[f] = by_gain(m, f, sample[f] - m->offset[f]);
}
{% endif %}
{% if spec.sensors or change %}

/* What the network says after a sample x as a forecast in the stream's own numbers, in place. */
static void to_own(const {{ name }}_memory *m, const float *x, float *forecast)
{
    int k;
{% if not spec.sensors %}
    (void)m;
{% elif not change %}
    (void)x;
{% endif %}
    for (k = 0; k < {{ NAME }}_OUTPUTS; k++) {
        const int t = k % {{ NAME }}_TARGETS;
{% if change %}
        ROUNDED const float said = forecast[k];
        forecast[k] = x[t] + said;
{% endif %}
{% if spec.sensors %}
        forecast[k] = m->offset[t] + times_gain(m, t, forecast[k]);
{% endif %}
    }
}
{% endif %}

/* Take a sample that lacks nothing, without a look at it. */
static void take({{ name }}_memory *m, const float *sample, float *forecast)
{
{% if spec.sensors %}
    float x[{{ NAME }}_INPUTS];
    to_typical(m, sample, x);
{% else %}
    const float *const x = sample;
{% endif %}
    advance(m, x, forecast);
{% if spec.sensors or change %}
    to_own(m, x, forecast);
{% endif %}
}

/* Whether the network can take a value: no NaN, nothing infinite, nothing so large that it would overflow. */
static int is_usable(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7FFFFFFFu) <= {{ limit }}u;
}

{% if layout or detector %}
{% include "numbers.h" %}

{% endif %}
{% if layout %}
{% if not running %}
{% include "arithmetic.h" %}

{% include "root_of_inverse.h" %}

{% endif %}
{% include "seasonal.c" if running else "adaptation.c" %}

/* What was said, and the samples before, tell nothing of the samples to come; what was learned stays. */
static void forget_waiting({{ name }}_adaptation *a)
{
{% if running %}
    memset(a->values, 0xFF, sizeof a->values); /* NaN */
    memset(a->units, 0xFF, sizeof a->units);
    memset(a->waiting, 0xFF, sizeof a->waiting);
{% else %}
    int t;
    for (t = 0; t < {{ NAME }}_TARGETS; t++) {
        memset(a->targets[t].values, 0xFF, sizeof a->targets[t].values); /* NaN */
        memset(a->targets[t].waiting, 0xFF, sizeof a->targets[t].waiting);
    }
{% endif %}
}

/* For a stream that has learned nothing yet. */
static void begin({{ name }}_adaptation *a)
{
    int {{ "" if running else "t, " }}k;
    memset(a, 0, sizeof *a);
{% if running %}
    for (k = 0; k < KNOTS; k++)
        set_unsure(a->covariance + k * REGRESSORS * REGRESSORS);
    set_recent_unsure(a->recent_covariance);
{% else %}
    for (t = 0; t < {{ NAME }}_TARGETS; t++)
        for (k = 0; k < KNOTS; k++)
            set_unsure(a->targets[t].covariance + k * REGRESSORS * REGRESSORS);
{% endif %}
    forget_waiting(a);
}

{% endif %}
void {{ name }}_reset({{ name }}_state *s)
{
{% if spec.known %}
    static const float mean[{{ NAME }}_KNOWN] = {{ "{" }}{{ known_means }}{{ "}" }};
    int k;
{% endif %}
    memset(s, 0, sizeof *s);
{% if spec.known %}
    for (k = 0; k < {{ NAME }}_HORIZON * {{ NAME }}_KNOWN; k++)
        s->sample[{{ NAME }}_FEATURES + k] = mean[k % {{ NAME }}_KNOWN]; /* until something is said */
{% endif %}
{% if layout %}
    begin(&s->adaptation);
{% endif %}
}

/* Forget the stream, but not what the sensor is like{{ ", what is known ahead" if spec.known }}{{ ", what was learned" if layout }}. */
static void forget({{ name }}_state *s)
{
{% if spec.sensors %}
    float offset[{{ NAME }}_FEATURES], gain[{{ NAME }}_FEATURES];
    memcpy(offset, s->memory.offset, sizeof offset);
    memcpy(gain, s->memory.gain, sizeof gain);
{% endif %}
    memset(&s->memory, 0, sizeof s->memory);
    s->age = s->imputed = 0;
{% if running %}
    s->seen = 0; /* the sensor may power up again */
{% endif %}
{% if layout %}
    forget_waiting(&s->adaptation);
{% endif %}
{% if spec.sensors %}
    memcpy(s->memory.offset, offset, sizeof offset);
    memcpy(s->memory.gain, gain, sizeof gain);
{% endif %}
}

{% if spec.known %}
/* Take what is known ahead, [step ahead][column], into the state's sample. What lacks is the value that was said before for the
   same time or, beyond those, the one before it. `reach` says up to which step ahead values were said. */
static void look_ahead({{ name }}_state *s, const float *given)
{
    float *const told = s->sample + {{ NAME }}_FEATURES;
    int c, k;
    for (c = 0; c < {{ NAME }}_KNOWN; c++) {
        const uint32_t reach = s->reach[c] ? s->reach[c] - 1 : 0;
        float nearest = told[c]; /* of now */
        s->reach[c] = reach;
        for (k = 0; k < {{ NAME }}_HORIZON; k++) {
            const int at = k * {{ NAME }}_KNOWN + c;
            if (is_usable(given[at])) {
                nearest = given[at];
                s->reach[c] = (uint32_t)k + 1 > reach ? (uint32_t)k + 1 : reach;
            } else if ((uint32_t)k < reach) {
                nearest = told[at + {{ NAME }}_KNOWN];
            }
            told[at] = nearest;
        }
    }
}

{% endif %}
{% if running %}
{% include "beginning.c" %}

/* Return a sample counted from the stream's first one: a network that sees changes only may be told any numbers that change
   alike, and near zero float has more digits. */
static float counted({{ name }}_state *s, float sample)
{
    if (s->seen == {{ beginnings.FAR }}u) /* of the step before */
        s->seen = {{ beginnings.PAST }}u;
    if (!is_usable(sample))
        return sample;
    if (began_far(s, sample)) { /* as if this were its first sample */
        {{ name }}_reset(s);
        s->seen = {{ beginnings.FAR }}u;
    }
    if (!s->is_anchored) {
        s->anchor = sample;
        s->is_anchored = 1;
    }
    return sample - s->anchor;
}

{% endif %}
int {{ name }}_step({{ name }}_state *s, const float *sample, float *forecast)
{
    const uint32_t nan = 0x7FC00000u;
    float x[{{ NAME }}_INPUTS]{% if layout %}, truth[{{ NAME }}_TARGETS]{% endif %};
{% if running %}
    const float given[1] = {counted(s, *sample)};
{% else %}
    const float *const given = sample;
{% endif %}
    int f, lacking = 0;
{% if layout %}
    memcpy(truth, given, sizeof truth);
{% endif %}
{% if spec.known %}
    look_ahead(s, given + {{ NAME }}_FEATURES);
    memcpy(x, s->sample, sizeof x);
{% endif %}
    for (f = 0; f < {{ NAME }}_FEATURES; f++) {
        x[f] = given[f];
        if (!is_usable(given[f])) { /* a target's forecast stands in; another feature keeps its last value */
            x[f] = f < {{ NAME }}_TARGETS ? s->forecast[f] : s->sample[f];
            lacking = 1;
{% if layout %}
            if (f < {{ NAME }}_TARGETS)
                memcpy(truth + f, &nan, sizeof nan); /* what stands in teaches nothing */
{% endif %}
        }
    }
    if (lacking && (s->age == 0 || s->imputed >= {{ NAME }}_GAP_LIMIT)) {
        for (f = 0; f < {{ NAME }}_OUTPUTS; f++)
            memcpy(forecast + f, &nan, sizeof nan);
        forget(s);
        return {{ NAME }}_MISSING;
    }
    take(&s->memory, x, forecast);
{% if layout %}
    adapt(&s->adaptation, &s->memory, x, truth, {{ "s->age >= %s_WARMUP - 1"|format(NAME) if spec.warmup > 1 else "1" }}, forecast);
{% endif %}
    memcpy(s->sample, x, sizeof x);
    memcpy(s->forecast, forecast, sizeof s->forecast);
{% if running %}
{% if detector and detector.steps > 1 %}
    s->farther = forecast[{{ detector.steps - 1 }}];
{% endif %}
    for (f = 0; f < {{ NAME }}_OUTPUTS; f++) {
        ROUNDED const float said = forecast[f];
        forecast[f] = s->anchor + said;
    }
{% endif %}
    s->age += s->age < UINT32_MAX;
    s->imputed = lacking ? s->imputed + 1 : 0;
    return lacking ? {{ NAME }}_IMPUTED : {{ NAME }}_OK;
}
{% if detector %}

{% include "anomalies.c" %}

{% include "detector.c" %}
{% endif %}
{% if spec.sensors %}

void {{ name }}_set_sensor({{ name }}_state *s, const float *offset, const float *gain)
{
    int f;
    for (f = 0; f < {{ NAME }}_FEATURES; f++) {
        s->memory.offset[f] = offset[f];
        s->memory.gain[f] = gain[f] - 1.0f; /* so that zeros are the typical sensor */
    }
}
{% endif %}
{% if vector %}

#ifdef {{ NAME }}_SELF_TEST
int {{ name }}_self_test(void)
{
    static const float samples[{{ vector.x|length }}][{{ NAME }}_INPUTS] = {
{% for row in vector.x %}
        {{ "{" }}{{ row }}{{ "}" }}{{ "," if not loop.last }}
{% endfor %}
    };
    static const float wanted[{{ vector.x|length }}][{{ NAME }}_OUTPUTS] = {
{% for row in vector.y %}
        {{ "{" }}{{ row }}{{ "}" }}{{ "," if not loop.last }}
{% endfor %}
    };
{% if not fixed %}
    static const float allowed[{{ NAME }}_TARGETS] = {{ "{" }}{{ vector.allowed }}{{ "}" }};
{% endif %}
    {{ name }}_memory m;
    float forecast[{{ NAME }}_OUTPUTS];
    int t, k, wrong = 0;
    memset(&m, 0, sizeof m);
    for (t = 0; t < {{ vector.x|length }}; t++) {
        take(&m, samples[t], forecast);
        for (k = 0; k < {{ NAME }}_OUTPUTS; k++) {
{% if fixed %}
            wrong += memcmp(&forecast[k], &wanted[t][k], sizeof(float)) != 0; /* to the last bit */
{% else %}
            const float off = forecast[k] - wanted[t][k];
            wrong += !(is_usable(off) && off <= allowed[k % {{ NAME }}_TARGETS] && -off <= allowed[k % {{ NAME }}_TARGETS]);
{% endif %}
        }
    }
    return wrong;
}
#endif
{% endif %}
