/* Calibrates `readings` readings, one after another; `status` gets what each call returns. Returns how many were
 * calibrated. */
int NAME_calibrate_batch(int readings, const float *measured_a, float *calibrated_a, unsigned char *status);
int NAME_calibrate_batch(int readings, const float *measured_a, float *calibrated_a, unsigned char *status)
{
    int good = 0;
    int r;
    for (r = 0; r < readings; ++r) {
        const ptrdiff_t from = (ptrdiff_t)r * NAME_COLUMNS;
        status[r] = (unsigned char)NAME_calibrate(&measured_a[from], &calibrated_a[from]);
        good += (status[r] == NAME_GOOD) ? 1 : 0;
    }
    return good;
}
