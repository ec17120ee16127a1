NAME_API int NAME_calibrate(const float *measured_a, float *calibrated_a)
{
    const int status = NAME_TEST(measured_a);
    int m;
    if (status != NAME_GOOD) {
        return status;
    }
    for (m = 0; m < NAME_COLUMNS; ++m) {
        calibrated_a[m] = NAME_PLUS_PRODUCT(NAME_offset_a[m], NAME_gain[m], measured_a[m]);
    }
    return NAME_GOOD;
}
