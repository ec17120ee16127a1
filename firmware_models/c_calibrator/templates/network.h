/* tanh x as x P(x*x) / Q(x*x) within 8.33 of 0, where single precision cannot tell it from 1: a minimax fit
 * whose error, evaluated in single precision, is 3e-7. */
static inline void NAME_hyperbolic_tangent(float *units, int count)
{
    int u;
    for (u = 0; u < count; ++u) {
        float x = units[u];
        float square, above, below;
        x = (x < 8.33f) ? x : 8.33f;
        x = (x > -8.33f) ? x : -8.33f;
        square = x * x;
        above = NAME_PLUS_PRODUCT(-0x1.a3304ep-27f, square, 0x1.47dc0cp-36f);
        above = NAME_PLUS_PRODUCT(0x1.1bdef6p-17f, square, above);
        above = NAME_PLUS_PRODUCT(0x1.552efap-9f, square, above);
        above = NAME_PLUS_PRODUCT(0x1.d2fd94p-4f, square, above);
        above = NAME_PLUS_PRODUCT(0x1.c2aa96p-1f, square, above);
        below = NAME_PLUS_PRODUCT(0x1.58d592p-6f, square, 0x1.ae8076p-13f);
        below = NAME_PLUS_PRODUCT(0x1.a13102p-2f, square, below);
        below = NAME_PLUS_PRODUCT(0x1.c2aa9ap-1f, square, below);
        units[u] = x * above / below;
    }
}

NAME_API int NAME_calibrate(const float *measured_a, float *calibrated_a)
{
    float given[NAME_COLUMNS];
    float one[NAME_WIDEST];
    float other[NAME_WIDEST];
    const int status = NAME_TEST(measured_a);
    int m;
    if (status != NAME_GOOD) {
        return status;
    }
    for (m = 0; m < NAME_COLUMNS; ++m) {
        given[m] = (measured_a[m] - NAME_input_shift_a[m]) * NAME_input_scale[m];
    }
@layers@
    for (m = 0; m < NAME_COLUMNS; ++m) {
        const float skipped = NAME_PLUS_PRODUCT(NAME_output_shift_a[m], NAME_skip_a[m], given[m]);
        calibrated_a[m] = NAME_PLUS_PRODUCT(skipped, NAME_output_scale_a[m], @last@[m]);
    }
    return NAME_GOOD;
}
