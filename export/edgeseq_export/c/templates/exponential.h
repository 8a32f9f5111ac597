/* exp(x) for |x| up to 30, and that of 30 beyond: nearer to 0 or 1 a gate cannot come in float. Without a branch or a
   call, so that a compiler can compute many at once: x = n ln 2 + r, exp(x) = 2^n p(r), off by 1.1e-7 at most. */
static inline float exponential(float x)
{
    uint32_t bits, size;
    float n, r, p, scale;
    memcpy(&bits, &x, sizeof bits);
    size = bits & 0x7FFFFFFFu;
    size = size < 0x41F00000u ? size : 0x41F00000u; /* 30.0f: as integers, floats above 0 keep their order */
    bits = (bits & 0x80000000u) | size;
    memcpy(&x, &bits, sizeof x);
    n = x * 1.44269504f + 12583039.0f; /* 1.5 * 2^23 + 127: what is added to it is rounded to a whole number, */
    memcpy(&bits, &n, sizeof bits);    /* which stands in the last bits */
    n = (float)((int32_t)bits - 0x4B40007F); /* n - 12583039.0f would cancel out under -ffast-math */
    r = x - n * 0.693145752f; /* ln 2 in two parts, the first so short that its product is exact */
    r -= n * 1.42860677e-6f;
    p = 1.0f + r * (1.0f + r * (0.49999991f + r * (0.166664198f + r * (0.0416682251f
        + r * (0.00837481581f + r * 0.00138368446f)))));
    bits <<= 23; /* n + 127 is the exponent of 2^n; the rest of the bits is shifted out */
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}
