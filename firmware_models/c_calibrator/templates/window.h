/* Whether inputs of the trained window cause a reading: a linear estimate of them, clipped, nearly always shows it;
 * where it does not, each input in turn moves to where it leaves least, until that is little or the rounds are over.
 */
static inline float NAME_squares_left(const float *left)
{
    float squares = 0.0f;
    int m;
    for (m = 0; m < NAME_COLUMNS; ++m) {
        squares += left[m] * left[m];
    }
    return squares;
}

static inline float NAME_within_half(float value)
{
    const float raised = (value > -0.5f) ? value : -0.5f;
    return (raised < 0.5f) ? raised : 0.5f;
}

static inline void NAME_improve(float *inputs, float *left)
{
    int n;
    int m;
    for (n = 0; n < NAME_ROWS; ++n) {
        const float *row = &NAME_window_response[n * NAME_COLUMNS_PADDED];
        float moved = 0.0f;
        for (m = 0; m < NAME_COLUMNS; ++m) {
            moved += row[m] * left[m];
        }
        moved = NAME_within_half(inputs[n] - (moved * NAME_window_inverse_square[n])) - inputs[n];
        inputs[n] += moved;
        for (m = 0; m < NAME_COLUMNS; ++m) {
            left[m] += moved * row[m];
        }
    }
}

#ifdef NAME_LEVEL_LEAST
/* Whether readings of this level were trained on. */
static inline int NAME_level_known(const float *left)
{
    float level = 0.0f;
    int m;
    for (m = 0; m < NAME_COLUMNS; ++m) {
        level += NAME_window_total[m] * left[m];
    }
    return (level >= NAME_LEVEL_LEAST) && (level <= NAME_LEVEL_MOST);
}
#endif

/* `left` and `inputs` have the opposite sign of what they are of, so that products are only ever added. */
static inline int NAME_tested(const float *measured_a)
{
    float left[NAME_COLUMNS_PADDED] = {0.0f};
    float inputs[NAME_ROWS_PADDED] = {0.0f};
    float squares;
    int round;
    int n;
    int m;
    const int status = NAME_refused(measured_a);
    if (status != NAME_GOOD) {
        return status;
    }
    for (m = 0; m < NAME_COLUMNS; ++m) {
        left[m] = (NAME_window_scale[m] * measured_a[m]) - NAME_window_middle[m];
    }
#ifdef NAME_LEVEL_LEAST
    if (!NAME_level_known(left)) {
        return NAME_NOT_EXPLAINED;
    }
#endif
    NAME_add_products(
        inputs, left, 1, NAME_window_estimate, NAME_ROWS_PADDED, NAME_COLUMNS, NAME_ROWS_PADDED);
    for (n = 0; n < NAME_ROWS; ++n) {
        inputs[n] = -NAME_within_half(inputs[n]);
    }
    NAME_add_products(
        left, inputs, 1, NAME_window_response, NAME_COLUMNS_PADDED, NAME_ROWS, NAME_COLUMNS_PADDED);
    squares = NAME_squares_left(left);
    for (round = 0; (round < NAME_WINDOW_ROUNDS) && !(squares <= NAME_WINDOW_MOST); ++round) {
        NAME_improve(inputs, left);
        squares = NAME_squares_left(left);
    }
    return (squares <= NAME_WINDOW_MOST) ? NAME_GOOD : NAME_NOT_EXPLAINED;
}
