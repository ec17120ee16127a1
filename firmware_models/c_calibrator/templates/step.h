static inline void NAME_reflect(const float *mirror, float *x)
{
    float share = 0.0f;
    int s;
    for (s = 0; s < NAME_SMALLER; ++s) {
        share += mirror[s] * x[s];
    }
    for (s = 0; s < NAME_SMALLER; ++s) {
        x[s] -= share * mirror[s];
    }
}

/* Aims a mirror that turns the direction in which nearly all of the largest eigenvalue lies to the first axis,
 * where it cannot cost the others their digits, and reflects what was linearised. */
static inline void NAME_reflect_rows(NAME_room *room, const float *root)
{
    float length = 0.0f;
    float shrink;
    int s;
    int k;
    for (s = 0; s < NAME_SMALLER; ++s) {
        room->mirror[s] = NAME_together[s] * root[s];
        length += room->mirror[s] * room->mirror[s];
    }
    length = sqrtf(length);
    room->mirror[0] += (room->mirror[0] >= 0.0f) ? length : -length;
    shrink = 1.0f / sqrtf(length * fabsf(room->mirror[0]));
    for (s = 0; s < NAME_SMALLER; ++s) {
        room->mirror[s] *= shrink;
    }
    for (k = 0; k < NAME_LARGER; ++k) {
        NAME_reflect(room->mirror, &room->at[k * NAME_SMALLER]);
    }
}

/* Factors at' at + 1 into L D L'. */
static inline void NAME_factorise(NAME_room *room)
{
    int i;
    int j;
    (void)memset(room->factor, 0, sizeof room->factor);
    for (i = 0; i < NAME_SMALLER; ++i) {
        const int from = i - (i % 4);
        float *row = &room->factor[(i * NAME_SMALLER) + from];
        const int count = NAME_SMALLER - from;
        float pivot;
        for (j = 0; j < i; ++j) {
            room->share[j] = -room->factor[(j * NAME_SMALLER) + i] * room->inverse_pivot[j];
        }
        NAME_add_products(row, &room->at[i], NAME_SMALLER, &room->at[from], NAME_SMALLER, NAME_LARGER, count);
        NAME_add_products(row, room->share, 1, &room->factor[from], NAME_SMALLER, i, count);
        /* What is added to 1 is a sum of squares: a smaller pivot can only be rounding. */
        pivot = 1.0f + row[i - from];
        room->inverse_pivot[i] = 1.0f / ((pivot > 1.0f) ? pivot : 1.0f);
    }
}

static inline void NAME_substitute(const NAME_room *room, float *x)
{
    int i;
    int j;
    for (i = 0; i < NAME_SMALLER; ++i) {
        x[i] *= room->inverse_pivot[i];
        for (j = i + 1; j < NAME_SMALLER; ++j) {
            x[j] -= room->factor[(i * NAME_SMALLER) + j] * x[i];
        }
    }
    for (i = NAME_SMALLER - 1; i >= 0; --i) {
        float known = 0.0f;
        for (j = i + 1; j < NAME_SMALLER; ++j) {
            known += room->factor[(i * NAME_SMALLER) + j] * x[j];
        }
        x[i] -= room->inverse_pivot[i] * known;
    }
}

/* Solves (at' at + 1) x = answer; `answer` becomes x. The factors lack what was rounded off at' at, a hundredth of the
 * smallest eigenvalue at worst; at and at' one after the other do not, and put x right. */
static inline void NAME_solve(NAME_room *room)
{
    float *x = room->answer;
    int k;
    int s;
    (void)memcpy(room->rest, x, sizeof room->rest);
    NAME_factorise(room);
    NAME_substitute(room, x);
    for (k = 0; k < NAME_LARGER; ++k) {
        const float *row = &room->at[k * NAME_SMALLER];
        float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
        for (s = 0; s < NAME_SMALLER; s += 4) {
            sums[0] = NAME_PLUS_PRODUCT(sums[0], row[s], x[s]);
            sums[1] = NAME_PLUS_PRODUCT(sums[1], row[s + 1], x[s + 1]);
            sums[2] = NAME_PLUS_PRODUCT(sums[2], row[s + 2], x[s + 2]);
            sums[3] = NAME_PLUS_PRODUCT(sums[3], row[s + 3], x[s + 3]);
        }
        room->along[k] = -((sums[0] + sums[1]) + (sums[2] + sums[3]));
    }
    NAME_add_products(room->rest, room->along, 1, room->at, NAME_SMALLER, NAME_LARGER, NAME_SMALLER);
    for (s = 0; s < NAME_SMALLER; ++s) {
        room->rest[s] -= x[s];
    }
    NAME_substitute(room, room->rest);
    for (s = 0; s < NAME_SMALLER; ++s) {
        x[s] += room->rest[s];
    }
}

/* One Gauss-Newton step, into `stride`; returns its square in parts of the posterior's covariance. */
static inline float NAME_take_step(NAME_room *room)
{
    float moved = 0.0f;
    int n;
    int s;
    NAME_linearise(room);
#if NAME_FEWER_ROWS
    (void)memcpy(room->stride, room->pull, sizeof room->stride);
    NAME_add_products(room->stride, room->wrong, 1, room->at, NAME_SMALLER, NAME_LARGER, NAME_SMALLER);
    (void)memcpy(room->answer, room->stride, sizeof room->answer);
    NAME_reflect_rows(room, room->prior_deviation);
    NAME_reflect(room->mirror, room->answer);
    NAME_solve(room);
    NAME_reflect(room->mirror, room->answer);
    for (n = 0; n < NAME_ROWS; ++n) {
        moved += room->stride[n] * room->answer[n];
        room->stride[n] = room->answer[n];
    }
    (void)s;
#else
    (void)memset(room->answer, 0, sizeof room->answer);
    NAME_add_products(room->answer, room->pull, 1, room->at, NAME_SMALLER, NAME_LARGER, NAME_SMALLER);
    for (s = 0; s < NAME_SMALLER; ++s) {
        room->answer[s] = room->wrong[s] - room->answer[s];
    }
    NAME_reflect_rows(room, room->weight);
    NAME_reflect(room->mirror, room->answer);
    NAME_solve(room);
    /* A reflection of both factors leaves their product, and what it becomes its length: no need to undo it. */
    for (n = 0; n < NAME_ROWS; ++n) {
        float whole = room->pull[n];
        for (s = 0; s < NAME_SMALLER; ++s) {
            whole += room->at[(n * NAME_SMALLER) + s] * room->answer[s];
        }
        room->stride[n] = whole;
        moved += whole * whole;
    }
    (void)memset(room->answer, 0, sizeof room->answer);
    NAME_add_products(room->answer, room->stride, 1, room->at, NAME_SMALLER, NAME_LARGER, NAME_SMALLER);
    for (s = 0; s < NAME_SMALLER; ++s) {
        moved += room->answer[s] * room->answer[s];
    }
#endif
    return moved;
}
