/* Compares answers with those of the machine that exported them, and sees whether what is no reading is refused.
 * Returns 0, or the number of the probe that failed first; 1 more than there are: a refusal. */
NAME_API int NAME_self_test(void);
NAME_API int NAME_self_test(void)
{
    static const uint32_t no_readings[3] = {
        UINT32_C(0x7fc00000), UINT32_C(0xff800000), NAME_LIMIT_BITS + 1U};
    static const int refusals[3] = {NAME_NOT_FINITE, NAME_NOT_FINITE, NAME_OVER_RANGE};
    float given[NAME_COLUMNS];
    float answer[NAME_COLUMNS];
    int probe;
    int m;
    for (probe = 0; probe < NAME_PROBES; ++probe) {
        const float *expected = &NAME_probe_calibrated_a[probe * NAME_COLUMNS];
        if (NAME_calibrate(&NAME_probe_measured_a[probe * NAME_COLUMNS], answer) != NAME_GOOD) {
            return probe + 1;
        }
        for (m = 0; m < NAME_COLUMNS; ++m) {
            const float wrong = answer[m] - expected[m];
            if (!((wrong <= NAME_PROBE_TOLERANCE_A) && (wrong >= -NAME_PROBE_TOLERANCE_A))) {
                return probe + 1;
            }
        }
    }
    for (probe = 0; probe < 3; ++probe) {
        (void)memcpy(given, NAME_probe_measured_a, sizeof given);
        (void)memcpy(&given[NAME_COLUMNS - 1], &no_readings[probe], sizeof given[0]);
        if (NAME_calibrate(given, answer) != refusals[probe]) {
            return NAME_PROBES + 1;
        }
    }
#ifdef NAME_UNEXPLAINED_PROBE
    if (NAME_calibrate(NAME_probe_unexplained_a, answer) != NAME_NOT_EXPLAINED) {
        return NAME_PROBES + 1;
    }
#endif
    return 0;
}
