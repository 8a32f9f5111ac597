{% if libm %}
static inline float logarithm(float x)
{
    return logf(x);
}

static inline float area_sine(float x)
{
    return asinhf(x);
}
{% else %}
/* log(x + more), of x from 1e-37 to 1e37 and a `more` that the sum would lose; off by 2e-7 of it at most. */
static inline float logarithm_of(float x, float more)
{
    uint32_t bits, unit_bits;
    int32_t n;
    float f, s, z, unit;
    memcpy(&bits, &x, sizeof bits);
    n = (int32_t)(bits - 0x3F3504F3u) >> 23; /* x = 2^n (1 + f), sqrt(1/2) <= 1 + f < sqrt(2) */
    bits -= (uint32_t)n << 23;
    unit_bits = (uint32_t)(127 - n) << 23; /* of 2^-n */
    memcpy(&f, &bits, sizeof f);
    memcpy(&unit, &unit_bits, sizeof unit);
    f = plus(plus(f, -1.0f), times(more, unit));
    s = over(f, plus(f, 2.0f)); /* log(1 + f) = 2 artanh(s) */
    z = times(s, s);
    z = times(z, plus(0.66666776f, times(z, plus(0.39977542f, times(z, 0.29871729f)))));
    return plus(times((float)n, 0.69314718f), times(s, plus(2.0f, z)));
}

static inline float logarithm(float x)
{
    return logarithm_of(x, 0.0f);
}

/* asinh(x) = sign(x) log(1 + y) with y = |x| + x^2 / (1 + sqrt(1 + x^2)): small numbers keep their digits. As if |x| were 1e15
   where it is larger. */
static inline float area_sine(float x)
{
    const float size = x < 0.0f ? -x : x, limited = size < 1e15f ? size : 1e15f;
    const float square = times(limited, limited), more = plus(square, 1.0f);
    const float y = plus(limited, over(square, plus(1.0f, times(more, root_of_inverse(more)))));
    ROUNDED const float sum = plus(1.0f, y);
    const float made = logarithm_of(sum, plus(y, -plus(sum, -1.0f)));
    return x < 0.0f ? -made : made;
}
{% endif %}
