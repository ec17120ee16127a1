static inline void NAME_start_from(NAME_room *room)
{
    int n;
    (void)memset(room->stride, 0, sizeof room->stride);
    NAME_add_products(
        room->stride, room->wrong, 1, NAME_gain, NAME_ROWS_PADDED, NAME_COLUMNS, NAME_ROWS_PADDED);
    for (n = 0; n < NAME_ROWS; ++n) {
        NAME_put(room, n, NAME_within(room->stride[n], NAME_LEAST, NAME_MOST));
    }
}

/* The best linear estimate of the inputs, put right once by what is predicted for it. */
static inline void NAME_start(NAME_room *room)
{
    int m;
    for (m = 0; m < NAME_COLUMNS; ++m) {
        room->wrong[m] = ((float)room->known[m] * NAME_CURRENT_UNIT) - NAME_linear_offset[m];
    }
    NAME_start_from(room);
    NAME_compare(room);
    NAME_add_rows(room->wrong, room->z, NAME_linear);
    NAME_start_from(room);
}

/* Compares the reading with what `z` would cause; leaves the variance that is added for what is left, and the
 * misfit: squares of what is left relative to their variance, and of what inputs exceed their bounds by. */
static inline void NAME_weigh(NAME_room *room, float damping)
{
    float left = 0.0f;
    int n;
    int m;
    NAME_compare(room);
    room->misfit = 0.0f;
    for (m = 0; m < NAME_COLUMNS; ++m) {
        const float wrong = room->wrong[m];
        left += wrong * wrong;
        room->misfit += wrong * wrong * NAME_reading_weight[m];
    }
    left *= damping * damping / (float)NAME_COLUMNS;
    room->unexplained = left;
    for (m = 0; m < NAME_COLUMNS; ++m) {
        room->weight[m] = 1.0f / sqrtf(NAME_variance[m] + left);
        room->wrong[m] *= room->weight[m];
    }
    for (n = 0; n < NAME_ROWS; ++n) {
        const float beyond = room->z[n] - NAME_within(room->z[n], NAME_LOW, NAME_HIGH);
        const float deviation = (beyond == 0.0f) ? 1.0f : NAME_DEVIATION_BEYOND;
        room->misfit += NAME_PENALTY * beyond * beyond;
        room->prior_deviation[n] = deviation;
        room->pull[n] = deviation * (-room->z[n] - NAME_PENALTY * beyond);
    }
}

/* Finds the inputs that explain the reading best: a linear estimate, then Gauss-Newton steps, until one is
 * small and little is left unexplained. The misfit is that before the last step, if it is small there already. */
static inline void NAME_find_mode(NAME_room *room)
{
    int step;
    int n;
    NAME_start(room);
    for (step = 0; step < NAME_STEPS; ++step) {
        float moved;
        NAME_weigh(room, NAME_damping[step]);
        moved = NAME_take_step(room);
        for (n = 0; n < NAME_ROWS; ++n) {
            NAME_move(room, n, room->prior_deviation[n] * room->stride[n]);
        }
        if ((moved < NAME_TOLERANCE) && (room->unexplained < NAME_TOLERANCE_VARIANCE)) {
            break;
        }
    }
    if (!(room->misfit <= NAME_DOUBTFUL_MISFIT)) {
        NAME_weigh(room, 0.0f);
    }
}

/* Currents of the target for the inputs that were found: their mean volts, times the target's conductances. */
static inline void NAME_answer(NAME_room *room, float *calibrated_a)
{
    int n;
    int m;
    int k;
    for (n = 0; n < NAME_ROWS; ++n) {
        const float z = room->z[n];
        float value = 0.0f;
        float grows = 0.0f;
        float bends = 0.0f;
        for (k = NAME_ORDERS - 1; k >= 0; --k) {
            bends = NAME_PLUS_PRODUCT(grows, bends, z);
            grows = NAME_PLUS_PRODUCT(value, grows, z);
            value = NAME_PLUS_PRODUCT(NAME_expansion_v[k], value, z);
        }
        room->stride[n] = NAME_PLUS_PRODUCT(value, NAME_input_variance[n], bends);
    }
    (void)memset(room->predicted, 0, sizeof room->predicted);
    NAME_add_rows(room->predicted, room->stride, NAME_conductance_s);
    for (m = 0; m < NAME_COLUMNS; ++m) {
        calibrated_a[m] = NAME_PLUS_PRODUCT(NAME_trim_a[m], NAME_trim[m], room->predicted[m]);
    }
}

static inline void NAME_read_with(NAME_room *room, const float *measured_a, const int64_t *origin)
{
    (void)memset(room, 0, sizeof *room);
    NAME_take_reading(room->known, measured_a, origin);
    NAME_find_mode(room);
}

/* Finds the inputs behind a reading, unless it is none. Offsets of channels are errors of a current range: what is
 * explained badly may have been read in a lower one, without those that were learned. */
static inline int NAME_read(NAME_room *room, const float *measured_a)
{
    const int status = NAME_refused(measured_a);
    if (status != NAME_GOOD) {
        return status;
    }
    NAME_read_with(room, measured_a, NAME_origin);
    if (!(room->misfit <= NAME_DOUBTFUL_MISFIT)) {
        const float misfit = room->misfit;
        NAME_read_with(room, measured_a, NAME_origin_without_offsets);
        if (!(room->misfit < misfit)) {
            if (!(misfit <= NAME_MOST_MISFIT)) {
                return NAME_NOT_EXPLAINED;
            }
            NAME_read_with(room, measured_a, NAME_origin);
        }
    }
    return (room->misfit <= NAME_MOST_MISFIT) ? NAME_GOOD : NAME_NOT_EXPLAINED;
}

NAME_API int NAME_calibrate(const float *measured_a, float *calibrated_a)
{
    NAME_room room;
    const int status = NAME_read(&room, measured_a);
    if (status == NAME_GOOD) {
        NAME_answer(&room, calibrated_a);
    }
    return status;
}
