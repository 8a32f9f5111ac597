/* ---- The detector: here forecasts wait for their truth ---- */

/* 2^-bits, off by 3e-7 of it at most; 0 from 126 bits on. */
static float power_of_half(float bits)
{
    const int32_t whole = (int32_t)smaller(bits, 126.0f);
    const float x = bits - (float)whole;
    const uint32_t size = (uint32_t)(127 - whole) << 23;
    float scale;
    memcpy(&scale, &size, sizeof scale);
    return whole < 126 ? scale * (1.0f + x * (-0.6931437f + x * (0.24018015f + x * (-0.055297382f
        + x * (0.009205827f - x * 0.00094491494f))))) : 0.0f;
}

static float value_of_bits(float bits)
{
    return is_number(bits) ? power_of_half(bits) : bits;
}

/* Nothing has been said of the samples to come. */
static void forget_said({{ name }}_detector *d)
{
    memset(d->said, 0xFF, sizeof d->said); /* NaN */
{% if detector.steps > 1 %}
    memset(d->said_farther, 0xFF, sizeof d->said_farther);
{% endif %}
}

/* Nothing has been seen; the rate stays. */
static void watch_anew({{ name }}_detector *d)
{
    static const float fresh[{{ detector.layout.words }}] = {
{{ values(detector.fresh) }}};
    static const uint16_t unknown[{{ detector.unknown|length }}] = {{ "{" }}{{ detector.unknown|join(", ") }}{{ "}" }}; /* of these: NaN */
    const float limit = d->limit;
    int k;
    memset(d, 0, sizeof *d);
    d->limit = limit;
    memcpy(&d->memory, fresh, sizeof fresh);
    for (k = 0; k < {{ detector.unknown|length }}; k++)
        memset((float *)&d->memory + unknown[k], 0xFF, sizeof(float));
    forget_said(d);
}

void {{ name }}_detector_reset({{ name }}_detector *d, float rate)
{
    float below = 0.0f, above = 126.0f;
    int k;
    d->limit = 0.0f;
    watch_anew(d);
    for (k = 0; k < 32; k++) { /* to the bits of which the p-value is the rate */
        d->limit = 0.5f * (below + above);
        if (power_of_half(d->limit) < rate)
            above = d->limit;
        else
            below = d->limit;
    }
}

/* The stream starts afresh: what was before it does not count, and what was learned stays. */
static void watch_afresh({{ name }}_detector *d)
{
    int t;
    forget_said(d);
    memset(d->memory.bits, 0xFF, sizeof d->memory.bits);
    *d->memory.alarm = 0.0f;
    for (t = 0; t < {{ NAME }}_TARGETS; t++) {
        {{ name }}_surprises *const s = d->memory.targets + t;
        *s->rise = *s->fall = *s->far_rise = *s->far_fall = *s->slow = *s->values = *s->run = 0.0f;
        memset(s->own_bits, 0xFF, sizeof s->own_bits);
        memset(s->last, 0xFF, sizeof s->last);
{% if running %}
        *s->mean = *s->deviation = *s->seen = 0.0f;
        memset(s->anchor, 0xFF, sizeof s->anchor);
{% endif %}
    }
}

int {{ name }}_detect({{ name }}_detector *d, const {{ name }}_state *s, const float *sample, const float *forecast)
{
    float *const said = d->said, *const farther = {{ "d->said_farther + d->place * %s_TARGETS"|format(NAME) if detector.steps > 1 else "said" }};
    float errors[{{ NAME }}_TARGETS], far_errors[{{ NAME }}_TARGETS], x[{{ NAME }}_TARGETS];
    int t;
    if (s->age == 0) {
        watch_afresh(d);
        return {{ NAME }}_NORMAL;
    }
{% if running %}
    if (s->seen == {{ beginnings.FAR }}u) /* it was learned of garbage */
        watch_anew(d);
{% endif %}
    for (t = 0; t < {{ NAME }}_TARGETS; t++) {
{% if spec.sensors %}
        x[t] = by_gain(&s->memory, t, sample[t] - s->memory.offset[t]);
        errors[t] = by_gain(&s->memory, t, sample[t] - said[t]);
        far_errors[t] = by_gain(&s->memory, t, sample[t] - farther[t]);
{% else %}
        x[t] = sample[t]{{ " - s->anchor" if running }};
        errors[t] = x[t] - said[t];
        far_errors[t] = x[t] - farther[t];
{% endif %}
{% if running %}
        errors[t] /= s->memory.scale[0];
        far_errors[t] /= s->memory.scale[0];
{% endif %}
        if (!is_usable(sample[t]){{ " || s->memory.scale[0] == 0.0f" if running }})
            memset(errors + t, 0xFF, sizeof *errors);
    }
    find_anomaly(&d->memory, errors, far_errors, x, d->limit);
{% if running %}
    (void)forecast; /* the state has it counted as the sample is */
    *said = *s->forecast;
{% else %}
    memcpy(said, forecast, sizeof d->said);
{% endif %}
{% if detector.steps > 1 %}
{% if running %}
    *farther = s->farther;
{% else %}
    memcpy(farther, forecast + {{ (detector.steps - 1) * detector.layout.targets }}, sizeof d->said);
{% endif %}
    d->place = d->place + 1 < {{ detector.steps }} ? d->place + 1 : 0;
{% endif %}
{% if spec.warmup > 1 %}
    if (s->age < {{ NAME }}_WARMUP) { /* what was forecast does not count */
        memset(said, 0xFF, sizeof d->said);
{% if detector.steps > 1 %}
        memset(farther, 0xFF, sizeof d->said);
{% endif %}
    }
{% endif %}
    return (int)*d->memory.alarm;
}

float {{ name }}_p_value(const {{ name }}_detector *d)
{
    return value_of_bits(*d->memory.bits);
}
{% if detector.layout.targets > 1 %}

float {{ name }}_p_value_of(const {{ name }}_detector *d, int target)
{
    return value_of_bits(*d->memory.targets[target].own_bits);
}
{% endif %}
