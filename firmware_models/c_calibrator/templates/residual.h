/* Sums of whole numbers are exact in any order and with any compiler option: what is left of a reading is a small
 * difference of large numbers, whose rounding would come back enlarged in the answer. */
static inline void NAME_sum_whole(int64_t *sums, const int32_t *given, const int32_t *matrix)
#if defined(__SSE2__) || defined(__ARM_NEON) || defined(__riscv_vector)
{
    int n;
    int m;
    (void)memset(sums, 0, sizeof sums[0] * (size_t)NAME_COLUMNS_PADDED);
    for (n = 0; n < NAME_ROWS; ++n) {
        const int32_t x = given[n];
        const int32_t *w = &matrix[n * NAME_COLUMNS_PADDED];
        for (m = 0; m < NAME_COLUMNS_PADDED; ++m) {
            sums[m] += (int64_t)x * w[m];
        }
    }
}
#else
{
    int n;
    int m;
    for (m = 0; m < NAME_COLUMNS_PADDED; m += 2) {
        const int32_t *w = &matrix[m];
        int64_t even = 0;
        int64_t odd = 0;
        for (n = 0; n < NAME_ROWS; ++n) {
            const int32_t x = given[n];
            even += (int64_t)x * w[0];
            odd += (int64_t)x * w[1];
            w = &w[NAME_COLUMNS_PADDED];
        }
        sums[m] = even;
        sums[m + 1] = odd;
    }
}
#endif

/* Takes a reading: currents in units of the sums, without what flows at inputs of 0. */
static inline void NAME_take_reading(int64_t *known, const float *measured_a, const int64_t *origin)
{
    int m;
    for (m = 0; m < NAME_COLUMNS; ++m) {
        const float held_a = NAME_within(measured_a[m], -NAME_REACH_A, NAME_REACH_A);
        known[m] = (int64_t)((double)held_a * NAME_per_ampere[m]) - origin[m];
    }
}

/* Puts a standardised input, within its bounds already. */
static inline void NAME_put(NAME_room *room, int n, float z)
{
    room->whole[n] = (int32_t)(z * NAME_PER_INPUT);
    room->z[n] = z;
}

/* Moves an input, and keeps it within its bounds. */
static inline void NAME_move(NAME_room *room, int n, float by)
{
    const int32_t to = room->whole[n] + (int32_t)(NAME_within(by, -NAME_SPAN, NAME_SPAN) * NAME_PER_INPUT);
    const int32_t raised = (to > NAME_LEAST_WHOLE) ? to : NAME_LEAST_WHOLE;
    room->whole[n] = (raised < NAME_MOST_WHOLE) ? raised : NAME_MOST_WHOLE;
    room->z[n] = (float)room->whole[n] * NAME_INPUT_UNIT;
}
