NAME_API int NAME_calibrate(const float *measured_a, float *calibrated_a)
{
    const int status = NAME_TEST(measured_a);
    int m;
    if (status != NAME_GOOD) {
        return status;
    }
    for (m = 0; m < NAME_COLUMNS; ++m) {
        const int64_t product = (int64_t)NAME_whole(measured_a[m] * NAME_PER_AMPERE) * NAME_gain[m];
        const int32_t sum = (int32_t)(product >> NAME_GAIN_SHIFT) + NAME_offset[m];
        calibrated_a[m] = (float)sum * NAME_AMPERE;
    }
    return NAME_GOOD;
}
