/* What a reading is worked out in. `at` is the linearised circuit, the smaller side of the matrix along its rows;
 * `factor` holds the upper triangle of what is solved. */
typedef struct {
    float z[NAME_ROWS_PADDED];
    float square[NAME_ROWS_PADDED];
    float cube[NAME_ROWS_PADDED];
    float placed[NAME_ROWS_PADDED];
    float prior_deviation[NAME_ROWS_PADDED];
    float pull[NAME_ROWS_PADDED];
    float stride[NAME_ROWS_PADDED];
    float y[NAME_COLUMNS_PADDED];
    float low[NAME_COLUMNS_PADDED];
    float high[NAME_COLUMNS_PADDED];
    float by_low[NAME_COLUMNS_PADDED];
    float by_high[NAME_COLUMNS_PADDED];
    float predicted[NAME_COLUMNS_PADDED];
    float wrong[NAME_COLUMNS_PADDED];
    float weight[NAME_COLUMNS_PADDED];
    float at[NAME_LARGER * NAME_SMALLER];
    float factor[NAME_SMALLER * NAME_SMALLER];
    float inverse_pivot[NAME_SMALLER];
    float share[NAME_SMALLER];
    float mirror[NAME_SMALLER];
    float answer[NAME_SMALLER];
    float unexplained;
    float misfit;
} NAME_room;

static inline void NAME_add_rows(float *sums, const float *given, const float *matrix)
{
    NAME_add_products(sums, given, 1, matrix, NAME_COLUMNS_PADDED, NAME_ROWS, NAME_COLUMNS_PADDED);
}

static inline float NAME_within(float value, float least, float most)
{
    const float raised = (value > least) ? value : least;
    return (raised < most) ? raised : most;
}

/* Scaled currents that standardised inputs `z` would cause. */
static inline void NAME_predict(NAME_room *room)
{
    int n;
    int m;
    for (n = 0; n < NAME_ROWS; ++n) {
        room->square[n] = room->z[n] * room->z[n];
        room->cube[n] = room->square[n] * room->z[n];
        room->placed[n] = room->z[n] * NAME_place[n];
    }
    (void)memset(room->low, 0, sizeof room->low);
    (void)memset(room->high, 0, sizeof room->high);
    (void)memset(room->by_low, 0, sizeof room->by_low);
    (void)memset(room->by_high, 0, sizeof room->by_high);
    (void)memset(room->predicted, 0, sizeof room->predicted);
    NAME_add_rows(room->low, room->z, NAME_loading);
    NAME_add_rows(room->high, room->placed, NAME_loading);
    NAME_add_rows(room->by_low, room->z, NAME_link);
    NAME_add_rows(room->by_low, room->square, NAME_quadratic);
    NAME_add_rows(room->by_high, room->z, NAME_high_link);
    NAME_add_rows(room->predicted, room->square, NAME_second);
    NAME_add_rows(room->predicted, room->cube, NAME_third);
    for (m = 0; m < NAME_COLUMNS; ++m) {
        const float low = room->low[m];
        const float lifted = low * low * low * NAME_PLUS_PRODUCT(NAME_cubic[m], low, NAME_quartic[m]);
        room->predicted[m] += low * room->by_low[m] + room->high[m] * room->by_high[m] + lifted;
        room->predicted[m] += NAME_constant[m];
    }
    NAME_add_rows(room->predicted, room->z, NAME_first);
}

/* The derivative of what was predicted last, times weights of rows and columns, into `at`. */
static inline void NAME_linearise(NAME_room *room)
{
    int n;
    int m;
    for (m = 0; m < NAME_COLUMNS; ++m) {
        const float low = room->low[m];
        room->by_low[m] += low * low * (3.0f * NAME_cubic[m] + 4.0f * low * NAME_quartic[m]);
    }
    for (n = 0; n < NAME_ROWS; ++n) {
        const int from = n * NAME_COLUMNS_PADDED;
        const float twice = 2.0f * room->z[n];
        const float thrice = 3.0f * room->square[n];
        for (m = 0; m < NAME_COLUMNS; ++m) {
            const float bend = NAME_PLUS_PRODUCT(NAME_second[from + m], room->low[m], NAME_quadratic[from + m]);
            const float steep = NAME_PLUS_PRODUCT(room->by_low[m], room->by_high[m], NAME_place[n]);
            float slope = NAME_first[from + m];
            slope = NAME_PLUS_PRODUCT(slope, thrice, NAME_third[from + m]);
            slope = NAME_PLUS_PRODUCT(slope, room->low[m], NAME_link[from + m]);
            slope = NAME_PLUS_PRODUCT(slope, room->high[m], NAME_high_link[from + m]);
            slope = NAME_PLUS_PRODUCT(slope, twice, bend);
            slope = NAME_PLUS_PRODUCT(slope, NAME_loading[from + m], steep);
            room->at[NAME_PLACE(n, m)] = slope * (room->prior_deviation[n] * room->weight[m]);
        }
    }
}
