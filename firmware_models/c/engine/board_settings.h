/* Every setting of the board: what a client may set, shared by all clients (decision 19). */
#ifndef CROSSCAL_BOARD_SETTINGS_H
#define CROSSCAL_BOARD_SETTINGS_H

#include "engine/data_format.h"
#include "engine/memory.h"
#include "engine/numeric.h"
#include "hal.h"

enum trigger_source { TRIGGER_IMMEDIATE, TRIGGER_BUS, TRIGGER_EXTERNAL };

struct board_settings {
    /* These belong to the matrix: `*RST` leaves them. */
    double tolerance;
    int64_t iterations;
    struct data_format format;
    /* The sequence loaded: values, and the bank that holds them. */
    size_t sequence_values;
    size_t sequence_bank;
    double protection_v;
    double dwell_s;
    bool output_on;
    size_t range_index;
    bool auto_range;
    double aperture_s;
    int64_t average_count;
    enum trigger_source trigger_source;
};

void settings_power_on(struct board_settings *settings, const struct board_facts *facts,
                       const struct instrument_memory *memory);
/* Return drive, sense, trigger and format settings to their power-on values. */
void settings_reset(struct board_settings *settings, const struct board_facts *facts,
                    const struct instrument_memory *memory);

/* Whether two states differ to a client; values of arrays are compared where they are set. */
bool settings_differ(const struct board_settings *one, const struct board_settings *other);

struct limits protection_limits(const struct board_facts *facts);
struct limits dwell_limits(const struct board_facts *facts);
struct limits aperture_limits(const struct board_facts *facts);
struct limits tolerance_limits(void);
struct whole_limits average_limits(const struct board_facts *facts);
struct whole_limits iterations_limits(void);

#endif
