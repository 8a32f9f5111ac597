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
