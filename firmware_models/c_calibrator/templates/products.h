/* Adds to `units` sums, a multiple of 4, the products of `inputs` numbers that lie `apart` from each other with
 * rows of weights that lie `stride` from each other. Processors with vectors take eight rows at a time, others
 * keep sixteen sums in registers. */
static inline void NAME_add_products(
    float *sums, const float *given, int apart, const float *weights, int stride, int inputs, int units)
#if defined(__SSE2__) || defined(__ARM_NEON) || defined(__riscv_vector)
{
    const int whole = inputs - (inputs % 8);
    int k;
    int u;
    for (k = 0; k < whole; k += 8) {
        const float *x = &given[k * apart];
        const float x0 = x[0], x1 = x[apart], x2 = x[2 * apart], x3 = x[3 * apart];
        const float x4 = x[4 * apart], x5 = x[5 * apart], x6 = x[6 * apart], x7 = x[7 * apart];
        const float *w0 = &weights[k * stride], *w1 = &w0[stride], *w2 = &w1[stride], *w3 = &w2[stride];
        const float *w4 = &w3[stride], *w5 = &w4[stride], *w6 = &w5[stride], *w7 = &w6[stride];
        for (u = 0; u < units; ++u) {
            float first = NAME_PLUS_PRODUCT(sums[u], x0, w0[u]);
            float second = x1 * w1[u];
            first = NAME_PLUS_PRODUCT(first, x2, w2[u]);
            second = NAME_PLUS_PRODUCT(second, x3, w3[u]);
            first = NAME_PLUS_PRODUCT(first, x4, w4[u]);
            second = NAME_PLUS_PRODUCT(second, x5, w5[u]);
            first = NAME_PLUS_PRODUCT(first, x6, w6[u]);
            second = NAME_PLUS_PRODUCT(second, x7, w7[u]);
            sums[u] = first + second;
        }
    }
    for (k = whole; k < inputs; ++k) {
        const float x = given[k * apart];
        const float *w = &weights[k * stride];
        for (u = 0; u < units; ++u) {
            sums[u] = NAME_PLUS_PRODUCT(sums[u], x, w[u]);
        }
    }
}
#else
{
#define NAME_SIXTEEN(act) \
    act(0) act(1) act(2) act(3) act(4) act(5) act(6) act(7) \
    act(8) act(9) act(10) act(11) act(12) act(13) act(14) act(15)
#define NAME_TAKE(j) float s##j = sums[u + j];
#define NAME_ADD(j) s##j = NAME_PLUS_PRODUCT(s##j, x, w[j]);
#define NAME_GIVE(j) sums[u + j] = s##j;
    int u = 0;
    int k;
    for (; u + 16 <= units; u += 16) {
        const float *w = &weights[u];
        const float *from = given;
        NAME_SIXTEEN(NAME_TAKE)
        for (k = inputs; k > 0; --k) {
            const float x = *from;
            NAME_SIXTEEN(NAME_ADD)
            w = &w[stride];
            from = &from[apart];
        }
        NAME_SIXTEEN(NAME_GIVE)
    }
    for (; u < units; u += 4) {
        const float *w = &weights[u];
        const float *from = given;
        NAME_TAKE(0) NAME_TAKE(1) NAME_TAKE(2) NAME_TAKE(3)
        for (k = inputs; k > 0; --k) {
            const float x = *from;
            NAME_ADD(0) NAME_ADD(1) NAME_ADD(2) NAME_ADD(3)
            w = &w[stride];
            from = &from[apart];
        }
        NAME_GIVE(0) NAME_GIVE(1) NAME_GIVE(2) NAME_GIVE(3)
    }
#undef NAME_SIXTEEN
#undef NAME_TAKE
#undef NAME_ADD
#undef NAME_GIVE
}
#endif
