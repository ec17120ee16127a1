/* Two products of neighbours in one instruction, where the processor has one for it. */
#if defined(__ARM_FEATURE_SIMD32)
#define NAME_PAIR(at) NAME_pair(at)
__attribute__((always_inline)) static inline int16x2_t NAME_pair(const int16_t *at)
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

/* A sum of products as a number with 20 binary places, within a limit: first by what the whole layer has too many
 * of, which leaves 32 bits, then by what the unit has. */
static inline int32_t NAME_settled(int64_t sum, int together, int own, int32_t bias, int32_t limit)
{
    const int32_t value = ((int32_t)(sum >> together) >> own) + bias;
    const int32_t lowered = (value < limit) ? value : limit;
    return (lowered > -limit) ? lowered : -limit;
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
static inline void NAME_first_layer(const int32_t *given, int32_t *settled)
{
    const int16_t *weight = NAME_weight_0;
    int u;
    int m;
    for (u = 0; u < NAME_FIRST_UNITS; ++u) {
        int64_t sum = 0;
        for (m = 0; m < NAME_COLUMNS; ++m) {
            sum += (int64_t)given[m] * weight[m];
        }
        weight = &weight[NAME_COLUMNS];
        sum = (sum >> NAME_shift_0[u]) + NAME_bias_0[u];
        sum = (sum < NAME_FIRST_LIMIT) ? sum : NAME_FIRST_LIMIT;
        settled[u] = (int32_t)((sum > -NAME_FIRST_LIMIT) ? sum : -NAME_FIRST_LIMIT);
    }
}

/* A further layer: `inputs` of 16 bits; they and `units` are multiples of 4, four units are taken at a time. */
static inline void NAME_layer(
    const int16_t *given, const int16_t *weight, int together, const int8_t *shift, const int32_t *bias,
    int32_t limit, int inputs, int units, int32_t *settled)
{
    int u;
    int k;
    for (u = 0; u < units; u += 4) {
        int64_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
        for (k = 0; k < inputs; k += 4) {
            const int16_t *w = &weight[k];
            sum0 = NAME_PLUS_PAIRS(sum0, NAME_PAIR(&given[k]), NAME_PAIR(w));
            sum1 = NAME_PLUS_PAIRS(sum1, NAME_PAIR(&given[k]), NAME_PAIR(&w[inputs]));
            sum2 = NAME_PLUS_PAIRS(sum2, NAME_PAIR(&given[k]), NAME_PAIR(&w[2 * inputs]));
            sum3 = NAME_PLUS_PAIRS(sum3, NAME_PAIR(&given[k]), NAME_PAIR(&w[3 * inputs]));
            sum0 = NAME_PLUS_PAIRS(sum0, NAME_PAIR(&given[k + 2]), NAME_PAIR(&w[2]));
            sum1 = NAME_PLUS_PAIRS(sum1, NAME_PAIR(&given[k + 2]), NAME_PAIR(&w[inputs + 2]));
            sum2 = NAME_PLUS_PAIRS(sum2, NAME_PAIR(&given[k + 2]), NAME_PAIR(&w[(2 * inputs) + 2]));
            sum3 = NAME_PLUS_PAIRS(sum3, NAME_PAIR(&given[k + 2]), NAME_PAIR(&w[(3 * inputs) + 2]));
        }
        weight = &weight[4 * inputs];
        settled[u] = NAME_settled(sum0, together, shift[u], bias[u], limit);
        settled[u + 1] = NAME_settled(sum1, together, shift[u + 1], bias[u + 1], limit);
        settled[u + 2] = NAME_settled(sum2, together, shift[u + 2], bias[u + 2], limit);
        settled[u + 3] = NAME_settled(sum3, together, shift[u + 3], bias[u + 3], limit);
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
    const int status = NAME_TEST(measured_a);
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
