/* Two products of neighbours in one instruction, where the processor has one for it. */
#if defined(__ARM_FEATURE_SIMD32)
#define NAME_PAIR(at) NAME_pair(at)
static inline int16x2_t NAME_pair(const int16_t *at)
{
    int16x2_t both;
    (void)memcpy(&both, at, sizeof both);
    return both;
}
#define NAME_PLUS_PAIRS(sum, a, b) __smlald((a), (b), (sum))
#else
#define NAME_PAIR(at) (at)
#define NAME_PLUS_PAIRS(sum, a, b) ((sum) + (((int32_t)(a)[0]) * (b)[0]) + (((int32_t)(a)[1]) * (b)[1]))
#endif

/* A sum of products as a number with 20 binary places, not beyond a limit. */
static inline int32_t NAME_settled(int64_t sum, int shift, int32_t bias, int32_t limit)
{
    const int64_t value = (sum >> shift) + bias;
    const int32_t least = (value > -limit) ? (int32_t)((value < limit) ? value : limit) : -limit;
    return least;
}

/* tanh of a number with 20 binary places, with 15, between the places of a table. */
static inline int16_t NAME_hyperbolic_tangent(int32_t given)
{
    const int32_t size = (given < 0) ? -given : given;
    const int32_t place = size >> 13;
    const int32_t between = size & 8191;
    const int32_t below = NAME_tangent[place];
    const int32_t value = below + ((((NAME_tangent[place + 1] - below) * between) + 4096) >> 13);
    return (int16_t)((given < 0) ? -value : value);
}

/* The first layer: inputs of 32 bits, so that no current that is a reading can overflow them. */
static inline void NAME_first_layer(
    const int32_t *given, const int16_t *weight, const int8_t *shift, const int32_t *bias, int32_t limit,
    int units, int32_t *settled)
{
    int u;
    int m;
    for (u = 0; u < units; ++u) {
        int64_t sum = 0;
        for (m = 0; m < NAME_COLUMNS; ++m) {
            sum += (int64_t)given[m] * weight[m];
        }
        weight = &weight[NAME_COLUMNS];
        settled[u] = NAME_settled(sum, shift[u], bias[u], limit);
    }
}

/* A further layer: `inputs` of 16 bits, a multiple of 4; two units at a time. */
static inline void NAME_layer(
    const int16_t *given, const int16_t *weight, const int8_t *shift, const int32_t *bias, int32_t limit,
    int inputs, int units, int32_t *settled)
{
    int u;
    int k;
    for (u = 0; u < units; u += 2) {
        const int16_t *one = weight;
        const int16_t *two = &weight[inputs];
        int64_t first = 0;
        int64_t second = 0;
        for (k = 0; k < inputs; k += 4) {
            first = NAME_PLUS_PAIRS(first, NAME_PAIR(&given[k]), NAME_PAIR(&one[k]));
            second = NAME_PLUS_PAIRS(second, NAME_PAIR(&given[k]), NAME_PAIR(&two[k]));
            first = NAME_PLUS_PAIRS(first, NAME_PAIR(&given[k + 2]), NAME_PAIR(&one[k + 2]));
            second = NAME_PLUS_PAIRS(second, NAME_PAIR(&given[k + 2]), NAME_PAIR(&two[k + 2]));
        }
        weight = &two[inputs];
        settled[u] = NAME_settled(first, shift[u], bias[u], limit);
        settled[u + 1] = NAME_settled(second, shift[u + 1], bias[u + 1], limit);
    }
}

static inline void NAME_activate(const int32_t *settled, int units, int16_t *given)
{
    int u;
    for (u = 0; u < units; ++u) {
        given[u] = NAME_hyperbolic_tangent(settled[u]);
    }
}

NAME_API int NAME_calibrate(const float *measured_a, float *calibrated_a)
{
    float centred[NAME_COLUMNS];
    int32_t input[NAME_COLUMNS];
    int32_t settled[NAME_WIDEST];
    int16_t given[NAME_WIDEST];
    const int status = NAME_refused(measured_a);
    int m;
    if (status != NAME_GOOD) {
        return status;
    }
    for (m = 0; m < NAME_COLUMNS; ++m) {
        centred[m] = (measured_a[m] - NAME_input_shift_a[m]) * NAME_input_scale[m];
        input[m] = NAME_whole(centred[m] * NAME_INPUT_UNIT);
    }
@layers@
    for (m = 0; m < NAME_COLUMNS; ++m) {
        const float skipped = NAME_PLUS_PRODUCT(NAME_output_shift_a[m], NAME_skip_a[m], centred[m]);
        calibrated_a[m] = NAME_PLUS_PRODUCT(skipped, NAME_output_scale_a[m], (float)settled[m]);
    }
    return NAME_GOOD;
}
