/* What standardised inputs `z` leave of the scaled currents that were read. */
static inline void NAME_compare(NAME_room *room)
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
    NAME_sum_whole(room->sums, room->whole, NAME_first);
    for (m = 0; m < NAME_COLUMNS; ++m) {
        const float low = room->low[m];
        const float lifted = low * low * low * NAME_PLUS_PRODUCT(NAME_cubic[m], low, NAME_quartic[m]);
        room->predicted[m] += low * room->by_low[m] + room->high[m] * room->by_high[m] + lifted;
        room->wrong[m] = ((float)(room->known[m] - room->sums[m]) * NAME_CURRENT_UNIT) - room->predicted[m];
    }
}

/* The derivative of what was compared with last, times weights of rows and columns, into `at`. */
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
            float slope = (float)NAME_first[from + m] * NAME_WEIGHT_UNIT;
            slope = NAME_PLUS_PRODUCT(slope, thrice, NAME_third[from + m]);
            slope = NAME_PLUS_PRODUCT(slope, room->low[m], NAME_link[from + m]);
            slope = NAME_PLUS_PRODUCT(slope, room->high[m], NAME_high_link[from + m]);
            slope = NAME_PLUS_PRODUCT(slope, twice, bend);
            slope = NAME_PLUS_PRODUCT(slope, NAME_loading[from + m], steep);
            room->at[NAME_PLACE(n, m)] = slope * (room->prior_deviation[n] * room->weight[m]);
        }
    }
}
