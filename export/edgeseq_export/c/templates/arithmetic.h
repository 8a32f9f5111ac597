{% if exact %}
/* One operation each, rounded by itself: a compiler can neither fuse nor rearrange them, so all make the same bits. */
static float plus(float a, float b)
{
    volatile const float sum = a + b;
    return sum;
}

static float times(float a, float b)
{
    volatile const float product = a * b;
    return product;
}

static float over(float a, float b)
{
    volatile const float divisor = b, quotient = a / divisor;
    return quotient;
}
{% else %}
static inline float plus(float a, float b)
{
    return a + b;
}

static inline float times(float a, float b)
{
    return a * b;
}

static inline float over(float a, float b)
{
    return a / b;
}
{% endif %}
