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

/* Take a sample that lacks nothing, without a look at it. */
static void take({{ name }}_memory *m, const float *sample, float *forecast)
{
{% if not spec.sensors and not change %}
    advance(m, sample, forecast);
{% else %}
{% if spec.sensors %}
    float x[{{ NAME }}_INPUTS];
    int f, k;
    memcpy(x, sample, sizeof x);
    for (f = 0; f < {{ NAME }}_FEATURES; f++) /* in the typical sensor's numbers */
        x[f] = by_gain(m, f, sample[f] - m->offset[f]);
{% else %}
    const float *const x = sample;
    int k;
{% endif %}
    advance(m, x, forecast);
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
{% endif %}
}

/* Whether the network can take a value: no NaN, nothing infinite, nothing so large that it would overflow. */
static int is_usable(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7FFFFFFFu) <= {{ limit }}u;
}

void {{ name }}_reset({{ name }}_state *s)
{
    memset(s, 0, sizeof *s);
}

/* Forget the stream, but not what the sensor is like. */
static void forget({{ name }}_state *s)
{
{% if spec.sensors %}
    float offset[{{ NAME }}_FEATURES], gain[{{ NAME }}_FEATURES];
    memcpy(offset, s->memory.offset, sizeof offset);
    memcpy(gain, s->memory.gain, sizeof gain);
{% endif %}
    {{ name }}_reset(s);
{% if spec.sensors %}
    memcpy(s->memory.offset, offset, sizeof offset);
    memcpy(s->memory.gain, gain, sizeof gain);
{% endif %}
}

{% if spec.known %}
/* Copy what is known ahead, [step ahead][column]. Where it lacks, what was said last of the same time stands in; beyond that the
   last that is known of the column; of a stream that has known nothing yet, the column's mean. */
static void expect(const {{ name }}_state *s, const float *given, float *ahead)
{
    static const float mean[{{ NAME }}_KNOWN] = {{ "{" }}{{ known_means }}{{ "}" }};
    const float *const before = s->sample + {{ NAME }}_FEATURES + {{ NAME }}_KNOWN;
    int k, c;
    for (k = 0; k < {{ NAME }}_HORIZON; k++)
        for (c = 0; c < {{ NAME }}_KNOWN; c++) {
            const int at = k * {{ NAME }}_KNOWN + c;
            if (is_usable(given[at]))
                ahead[at] = given[at];
            else if (s->age && k + 1 < {{ NAME }}_HORIZON)
                ahead[at] = before[at];
            else if (k)
                ahead[at] = ahead[at - {{ NAME }}_KNOWN];
            else
                ahead[at] = s->age ? s->sample[{{ NAME }}_FEATURES + at] : mean[c];
        }
}

{% endif %}
int {{ name }}_step({{ name }}_state *s, const float *sample, float *forecast)
{
    float x[{{ NAME }}_INPUTS];
    int f, lacking = 0;
    for (f = 0; f < {{ NAME }}_FEATURES; f++) {
        x[f] = sample[f];
        if (!is_usable(sample[f])) { /* a target's forecast stands in; another feature keeps its last value */
            x[f] = f < {{ NAME }}_TARGETS ? s->forecast[f] : s->sample[f];
            lacking = 1;
        }
    }
    if (lacking && (s->age == 0 || s->imputed >= {{ NAME }}_GAP_LIMIT)) {
        const uint32_t nan = 0x7FC00000u;
        for (f = 0; f < {{ NAME }}_OUTPUTS; f++)
            memcpy(forecast + f, &nan, sizeof nan);
        forget(s);
        return {{ NAME }}_MISSING;
    }
{% if spec.known %}
    expect(s, sample + {{ NAME }}_FEATURES, x + {{ NAME }}_FEATURES);
{% endif %}
    take(&s->memory, x, forecast);
    memcpy(s->sample, x, sizeof x);
    memcpy(s->forecast, forecast, sizeof s->forecast);
    s->age += s->age < UINT32_MAX;
    s->imputed = lacking ? s->imputed + 1 : 0;
    return lacking ? {{ NAME }}_IMPUTED : {{ NAME }}_OK;
}
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
    {{ name }}_state s;
    float forecast[{{ NAME }}_OUTPUTS];
    int t, k, wrong = 0;
    {{ name }}_reset(&s);
    for (t = 0; t < {{ vector.x|length }}; t++) {
        (void){{ name }}_step(&s, samples[t], forecast);
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
