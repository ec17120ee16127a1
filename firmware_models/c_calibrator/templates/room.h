/* What a reading is worked out in. `at` is the linearised circuit, the smaller side of the matrix along its rows;
 * `factor` holds the upper triangle of what is solved; `whole` inputs `z` as whole numbers. */
typedef struct {
    int64_t known[NAME_COLUMNS_PADDED];
    int64_t sums[NAME_COLUMNS_PADDED];
    int32_t whole[NAME_ROWS_PADDED];
    float z[NAME_ROWS_PADDED];
    float square[NAME_ROWS_PADDED];
    float cube[NAME_ROWS_PADDED];
    float placed[NAME_ROWS_PADDED];
    float prior_deviation[NAME_ROWS_PADDED];
    float pull[NAME_ROWS_PADDED];
    float stride[NAME_ROWS_PADDED];
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
    float rest[NAME_SMALLER];
    float along[NAME_LARGER];
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
