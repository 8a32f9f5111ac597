#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__)
#define ROUNDED volatile /* a number that is rounded by itself, though the compiler may rearrange sums and quotients */
#else
#define ROUNDED
#endif
