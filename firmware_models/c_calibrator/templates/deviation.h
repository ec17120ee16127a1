/* How far off answers may be. About the likeliest inputs the posterior is a Gaussian, whose precision is factored
 * in double precision: its smallest eigenvalue decides, and the largest may be 1e8 times that. The softest
 * direction, along which currents may turn back, is walked. */
typedef struct {
    double factor[(NAME_ROWS * (NAME_ROWS + 1)) / 2];
    double solved[NAME_ROWS];
    double variance_a2[NAME_COLUMNS];
    double believed_a2[NAME_COLUMNS];
    double squares_a2[NAME_COLUMNS];
    double doubt_a2[NAME_COLUMNS];
    float mode[NAME_ROWS];
    float here[NAME_ROWS];
    float onward[NAME_ROWS];
    float toward[NAME_ROWS];
    float ridge[NAME_ROWS];
    float centre_a[NAME_COLUMNS_PADDED];
    float answer_a[NAME_COLUMNS_PADDED];
} NAME_spread;

/* Volts of a standardised input, their derivative, and half their second. */
static inline void NAME_bent_volts(float z, float *value_v, float *rate_v, float *half_bend_v)
{
    int k;
    *value_v = 0.0f;
    *rate_v = 0.0f;
    *half_bend_v = 0.0f;
    for (k = NAME_ORDERS - 1; k >= 0; --k) {
        *half_bend_v = NAME_PLUS_PRODUCT(*rate_v, *half_bend_v, z);
        *rate_v = NAME_PLUS_PRODUCT(*value_v, *rate_v, z);
        *value_v = NAME_PLUS_PRODUCT(NAME_expansion_v[k], *value_v, z);
    }
}

/* Solves with the lower triangle of a factor: once for its square root, and back for all of it. */
static inline void NAME_forward(const double *factor, double *x)
{
    int i;
    int j;
    for (i = 0; i < NAME_ROWS; ++i) {
        const double *row = &factor[(i * (i + 1)) / 2];
        for (j = 0; j < i; ++j) {
            x[i] -= row[j] * x[j];
        }
        x[i] /= row[i];
    }
}

static inline void NAME_backward(const double *factor, double *x)
{
    int i;
    int j;
    for (i = NAME_ROWS - 1; i >= 0; --i) {
        const double *row = &factor[(i * (i + 1)) / 2];
        x[i] /= row[i];
        for (j = 0; j < i; ++j) {
            x[j] -= row[j] * x[i];
        }
    }
}

/* Minus the logarithm of the posterior density at `room->z`, up to a constant; leaves what is unexplained, in parts
 * of its variance, in `weight`. */
static inline double NAME_energy(NAME_room *room)
{
    double twice = 0.0;
    int n;
    int m;
    NAME_compare(room);
    for (m = 0; m < NAME_COLUMNS; ++m) {
        const float wrong = room->wrong[m];
        room->weight[m] = wrong / NAME_variance[m];
        twice += (double)wrong * (double)room->weight[m];
    }
    for (n = 0; n < NAME_ROWS; ++n) {
        const float beyond = room->z[n] - NAME_within(room->z[n], NAME_LOW, NAME_HIGH);
        room->prior_deviation[n] = 1.0f;
        room->pull[n] = -room->z[n] - NAME_PENALTY * beyond;
        twice += (double)(room->z[n] * room->z[n]) + (double)(NAME_PENALTY * beyond * beyond);
    }
    return 0.5 * twice;
}

/* Factors the precision of the inputs at the mode. */
static inline void NAME_factor_precision(NAME_room *room, NAME_spread *spread)
{
    int i;
    int j;
    int k;
    int m;
    for (m = 0; m < NAME_COLUMNS; ++m) {
        room->weight[m] = 1.0f / sqrtf(NAME_variance[m]);
    }
    NAME_linearise(room);
    for (i = 0; i < NAME_ROWS; ++i) {
        double *row = &spread->factor[(i * (i + 1)) / 2];
        for (j = 0; j <= i; ++j) {
            const double *other = &spread->factor[(j * (j + 1)) / 2];
            double sum = 0.0;
            for (m = 0; m < NAME_COLUMNS; ++m) {
                sum += (double)room->at[NAME_PLACE(i, m)] * (double)room->at[NAME_PLACE(j, m)];
            }
            if (i == j) {
                const float z = room->z[i];
                sum += ((z < NAME_LOW) || (z > NAME_HIGH)) ? 1.0 + (double)NAME_PENALTY : 1.0;
            }
            for (k = 0; k < j; ++k) {
                sum -= row[k] * other[k];
            }
            row[j] = (i == j) ? sqrt(sum) : sum / other[j];
        }
    }
}

/* Finds where a reading leaves most open, by power iteration; returns the variance along it. */
static inline double NAME_softest(NAME_spread *spread)
{
    double *x = spread->solved;
    double along = 0.0;
    int round;
    int n;
    for (n = 0; n < NAME_ROWS; ++n) {
        x[n] = (double)NAME_beginning[n];
    }
    for (round = 0; round < NAME_ROUNDS; ++round) {
        double square = 0.0;
        NAME_forward(spread->factor, x);
        NAME_backward(spread->factor, x);
        for (n = 0; n < NAME_ROWS; ++n) {
            square += x[n] * x[n];
        }
        square = 1.0 / sqrt(square);
        for (n = 0; n < NAME_ROWS; ++n) {
            x[n] *= square;
            spread->toward[n] = (float)x[n];
        }
    }
    NAME_forward(spread->factor, x);
    NAME_backward(spread->factor, x);
    for (n = 0; n < NAME_ROWS; ++n) {
        along += (double)spread->toward[n] * x[n];
    }
    for (n = 0; n < NAME_ROWS; ++n) {
        spread->ridge[n] = (float)(x[n] / along);
    }
    return along;
}

/* Currents of the target at `here`, and as much more as `lift`, a variance of each input, adds. */
static inline void NAME_currents(NAME_room *room, const float *here, const float *lift, float *current_a)
{
    int n;
    for (n = 0; n < NAME_ROWS; ++n) {
        float rate_v;
        float half_bend_v;
        NAME_bent_volts(here[n], &room->stride[n], &rate_v, &half_bend_v);
        room->stride[n] += lift[n] * half_bend_v;
    }
    (void)memset(current_a, 0, sizeof(float) * (size_t)NAME_COLUMNS_PADDED);
    NAME_add_rows(current_a, room->stride, NAME_conductance_s);
}

/* One stride along the ridge, all other inputs following; returns the energy there. */
static inline double NAME_stride(NAME_room *room, NAME_spread *spread, float step)
{
    double *x = spread->solved;
    double along = 0.0;
    int n;
    int m;
    for (n = 0; n < NAME_ROWS; ++n) {
        const float to = spread->here[n] + (step * spread->ridge[n]) + spread->onward[n];
        NAME_put(room, n, NAME_within(to, NAME_LEAST, NAME_MOST));
    }
    (void)NAME_energy(room);
    NAME_linearise(room);
    for (n = 0; n < NAME_ROWS; ++n) {
        x[n] = (double)room->pull[n];
        for (m = 0; m < NAME_COLUMNS; ++m) {
            x[n] += (double)room->at[NAME_PLACE(n, m)];
        }
    }
    NAME_forward(spread->factor, x);
    NAME_backward(spread->factor, x);
    for (n = 0; n < NAME_ROWS; ++n) {
        along += (double)spread->toward[n] * x[n];
    }
    for (n = 0; n < NAME_ROWS; ++n) {
        const float move = (float)(x[n] - (along * (double)spread->ridge[n]));
        spread->onward[n] += move;
        NAME_move(room, n, move);
        spread->here[n] = room->z[n];
    }
    return NAME_energy(room);
}

/* Mean squares of what answers are off by along the softest direction, each place as likely as it is. */
static inline void NAME_walk(NAME_room *room, NAME_spread *spread, double variance, double lowest)
{
    static const float none[NAME_ROWS] = {0.0f};
    const float step = NAME_within(NAME_STEP_OF_DEVIATION * sqrtf((float)variance), NAME_STEP_LEAST, NAME_STEP_MOST);
    double weights = 1.0;
    int side;
    int count;
    int n;
    int m;
    for (n = 0; n < NAME_ROWS; ++n) {
        const float own = spread->ridge[n] * spread->ridge[n] * (float)variance;
        spread->onward[n] = (own < NAME_input_variance[n]) ? own : NAME_input_variance[n];
    }
    NAME_currents(room, spread->mode, spread->onward, spread->centre_a);
    NAME_currents(room, spread->mode, none, spread->answer_a);
    for (m = 0; m < NAME_COLUMNS; ++m) {
        const double off_a = (double)spread->answer_a[m] - (double)spread->centre_a[m];
        spread->squares_a2[m] = off_a * off_a;
    }
    for (side = 0; side < 2; ++side) {
        (void)memcpy(spread->here, spread->mode, sizeof spread->here);
        (void)memset(spread->onward, 0, sizeof spread->onward);
        for (count = 0; count < NAME_STRIDES; ++count) {
            const double above = NAME_stride(room, spread, (side == 0) ? step : -step) - lowest;
            double weight;
            if (!(above < NAME_UNLIKELY)) {
                break;
            }
            weight = exp((above > -NAME_LIKELIEST) ? -above : NAME_LIKELIEST);
            weights += weight;
            NAME_currents(room, spread->here, none, spread->answer_a);
            for (m = 0; m < NAME_COLUMNS; ++m) {
                const double off_a = (double)spread->answer_a[m] - (double)spread->centre_a[m];
                spread->squares_a2[m] += weight * off_a * off_a;
            }
        }
    }
    for (m = 0; m < NAME_COLUMNS; ++m) {
        spread->squares_a2[m] /= weights;
    }
}

/* Variances of the answer for the mode that was found; leaves the rates of volts there in `stride`. */
static inline void NAME_gaussian(NAME_room *room, NAME_spread *spread)
{
    int n;
    int m;
    for (n = 0; n < NAME_ROWS; ++n) {
        float value_v;
        float half_bend_v;
        NAME_bent_volts(spread->mode[n], &value_v, &room->stride[n], &half_bend_v);
    }
    for (m = 0; m < NAME_COLUMNS; ++m) {
        double *x = spread->solved;
        spread->variance_a2[m] = 0.0;
        for (n = 0; n < NAME_ROWS; ++n) {
            x[n] = (double)(room->stride[n] * NAME_conductance_s[(n * NAME_COLUMNS_PADDED) + m]);
            spread->variance_a2[m] += (double)NAME_drive_variance[n] * x[n] * x[n];
        }
        NAME_forward(spread->factor, x);
        for (n = 0; n < NAME_ROWS; ++n) {
            spread->variance_a2[m] += x[n] * x[n];
        }
    }
}

/* Adds what a Gaussian does not see along the softest direction; less than it says is not believed. */
static inline void NAME_add_ridge(NAME_room *room, NAME_spread *spread, double variance, double lowest)
{
    int n;
    int m;
    if (!(variance > NAME_SOFT_VARIANCE)) {
        return;
    }
    for (m = 0; m < NAME_COLUMNS; ++m) {
        double along_a = 0.0;
        for (n = 0; n < NAME_ROWS; ++n) {
            const float rate = room->stride[n] * NAME_conductance_s[(n * NAME_COLUMNS_PADDED) + m];
            along_a += (double)(rate * spread->ridge[n]);
        }
        spread->believed_a2[m] = along_a * along_a * variance;
    }
    NAME_walk(room, spread, variance, lowest);
    for (m = 0; m < NAME_COLUMNS; ++m) {
        const double more_a2 = spread->squares_a2[m] - spread->believed_a2[m];
        spread->variance_a2[m] += (more_a2 > 0.0) ? more_a2 : 0.0;
    }
}

/* Adds up squares of what answers lack along `solved`, an input's share each, times `part`. */
static inline void NAME_add_doubt(NAME_room *room, NAME_spread *spread, double part, const float *raised_a)
{
    int n;
    int m;
    for (m = 0; m < NAME_COLUMNS; ++m) {
        double lacks_a = (raised_a == NULL) ? 0.0 : -(double)raised_a[m];
        for (n = 0; n < NAME_ROWS; ++n) {
            const float rate = room->stride[n] * NAME_conductance_s[(n * NAME_COLUMNS_PADDED) + m];
            lacks_a += (double)rate * spread->solved[n];
        }
        spread->doubt_a2[m] += part * part * lacks_a * lacks_a;
    }
}

/* Part of the inputs' prior that readings leave open, of all directions together: the trace of the covariance.
 * `squares` becomes the sum of its squares. */
static inline double NAME_left_open(NAME_spread *spread, double *squares)
{
    double left = 0.0;
    int n;
    int i;
    *squares = 0.0;
    for (n = 0; n < NAME_ROWS; ++n) {
        (void)memset(spread->solved, 0, sizeof spread->solved);
        spread->solved[n] = 1.0;
        NAME_forward(spread->factor, spread->solved);
        NAME_backward(spread->factor, spread->solved);
        left += spread->solved[n];
        for (i = 0; i < NAME_ROWS; ++i) {
            *squares += spread->solved[i] * spread->solved[i];
        }
    }
    return left;
}

/* Compares the inputs found with the trained ones: independent, of the trained spread. What readings leave open was
 * filled by these; where inputs go together or spread otherwise, that is missing. Returns the factor of variances. */
static inline double NAME_doubt(NAME_room *room, NAME_spread *spread, double softest, double lowest)
{
    double *x = spread->solved;
    double open_squares;
    const double open = NAME_left_open(spread, &open_squares);
    double squares = 0.0;
    double of_patterns = 0.0;
    double relative;
    double missing;
    double alike;
    int plausible = 1;
    int k;
    int n;
    int m;
    (void)memset(spread->doubt_a2, 0, sizeof spread->doubt_a2);
    for (n = 0; n < NAME_ROWS; ++n) {
        squares += (double)spread->mode[n] * (double)spread->mode[n];
    }
    relative = (NAME_ROWS > NAME_COLUMNS) ? 2.0 * lowest / (double)NAME_COLUMNS : squares / ((double)NAME_ROWS - open);
    for (k = 0; k < NAME_PATTERNS; ++k) {
        const float *wave = &NAME_patterns[k * NAME_ROWS];
        double seen = (double)NAME_ROWS;
        double along = 0.0;
        double significance;
        for (n = 0; n < NAME_ROWS; ++n) {
            x[n] = (double)wave[n];
            along += (double)wave[n] * (double)spread->mode[n];
        }
        NAME_forward(spread->factor, x);
        NAME_backward(spread->factor, x);
        for (n = 0; n < NAME_ROWS; ++n) {
            seen -= (double)wave[n] * x[n];
        }
        significance = along / sqrt(seen);
        of_patterns += significance * significance;
        if (fabs(significance) > NAME_DOUBT) {
            NAME_add_doubt(room, spread, along / seen, NULL);
        }
        if (fabs(significance) > NAME_MOST_COMMON) {
            plausible = 0;
        }
    }
    missing = ((double)NAME_RANK * relative) - of_patterns;
    missing = 1.0 - (((missing > 0.0) ? missing : 0.0) / (double)NAME_FREE);
    missing = fabs(missing);
    missing = (missing > NAME_SPREAD_BY_CHANCE) ? missing : 0.0;
    if (relative > NAME_MOST_SPREAD) {
        plausible = 0;
    }
    if ((plausible == 0) && (missing < NAME_UNKNOWN_SPREAD)) {
        missing = NAME_UNKNOWN_SPREAD;
    }
    alike = (open - softest - NAME_OTHERS_LEAST) / NAME_OTHERS_RAMP;
    if (alike > 0.0) {
        /* By chance, too, independent inputs spread otherwise than the prior's mean. */
        const double part = (alike < 1.0) ? alike : 1.0;
        const double others = part * (open_squares - (softest * softest)) / (open * open);
        missing = sqrt((missing * missing) + (NAME_SPREAD_OF_SQUARES * ((others > 0.0) ? others : 0.0)));
    }
    if (missing > 0.0) {
        /* The covariance at `at`, which holds slopes in parts of the noise, brings the predictions' bias back. */
        for (n = 0; n < NAME_ROWS; ++n) {
            float value_v;
            float rate_v;
            x[n] = 0.0;
            for (m = 0; m < NAME_COLUMNS; ++m) {
                x[n] += (double)room->at[NAME_PLACE(n, m)] * (double)NAME_bias_in_noise[m];
            }
            NAME_bent_volts(spread->mode[n], &value_v, &rate_v, &spread->here[n]);
            spread->here[n] *= NAME_input_variance[n];
        }
        (void)memset(spread->answer_a, 0, sizeof spread->answer_a);
        NAME_add_rows(spread->answer_a, spread->here, NAME_conductance_s);
        NAME_forward(spread->factor, x);
        NAME_backward(spread->factor, x);
        NAME_add_doubt(room, spread, missing, spread->answer_a);
    }
    return (relative > NAME_MOST_SPREAD) ? relative : 1.0;
}

/* As NAME_calibrate, and writes the standard deviation of each answer, too [A]. It takes many times as long, in
 * double precision. */
NAME_API int NAME_calibrate_with_deviation(const float *measured_a, float *calibrated_a, float *deviation_a);
NAME_API int NAME_calibrate_with_deviation(const float *measured_a, float *calibrated_a, float *deviation_a)
{
    NAME_room room;
    NAME_spread spread;
    double residual_a2 = 0.0;
    double lowest;
    double factor;
    double wider;
    double softest;
    int m;
    const int status = NAME_read(&room, measured_a);
    if (status != NAME_GOOD) {
        return status;
    }
    NAME_answer(&room, calibrated_a);
    (void)memcpy(spread.mode, room.z, sizeof spread.mode);
    lowest = NAME_energy(&room);
    for (m = 0; m < NAME_COLUMNS; ++m) {
        const double wrong_a = (double)room.wrong[m] / (NAME_per_ampere[m] * (double)NAME_CURRENT_UNIT);
        residual_a2 += wrong_a * wrong_a;
    }
    NAME_factor_precision(&room, &spread);
    NAME_gaussian(&room, &spread);
    softest = NAME_softest(&spread);
    wider = NAME_doubt(&room, &spread, softest, lowest);
    NAME_add_ridge(&room, &spread, softest, lowest);
    /* What no likely inputs explain is as much less certain as it is further off than chance leaves it, and about
     * as far off as the reading. */
    factor = 2.0 * lowest / (double)NAME_USUAL;
    factor = (factor > 1.0) ? factor : 1.0;
    residual_a2 *= (1.0 - (1.0 / factor)) / (double)NAME_COLUMNS;
    for (m = 0; m < NAME_COLUMNS; ++m) {
        const float trim = fabsf(NAME_trim[m]) * NAME_INFLATION;
        const double own_a2 = (spread.variance_a2[m] * wider) + spread.doubt_a2[m];
        deviation_a[m] = trim * (float)sqrt((own_a2 * factor) + residual_a2);
    }
    return NAME_GOOD;
}
