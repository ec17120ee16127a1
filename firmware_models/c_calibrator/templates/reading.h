/* A sum of products, in one instruction where the processor has one for it. */
#ifdef __FP_FAST_FMAF
#define NAME_PLUS_PRODUCT(sum, a, b) __builtin_fmaf((a), (b), (sum))
#else
#define NAME_PLUS_PRODUCT(sum, a, b) ((sum) + ((a) * (b)))
#endif

/* Looks at the bits, so that no compiler option can take the test for NaN away. */
static inline int NAME_refused(const float *measured_a)
{
    int m;
    for (m = 0; m < NAME_COLUMNS; ++m) {
        uint32_t bits;
        (void)memcpy(&bits, &measured_a[m], sizeof bits);
        bits &= UINT32_C(0x7fffffff);
        if (bits >= UINT32_C(0x7f800000)) {
            return NAME_NOT_FINITE;
        }
        if (bits > NAME_LIMIT_BITS) {
            return NAME_OVER_RANGE;
        }
    }
    return NAME_GOOD;
}
