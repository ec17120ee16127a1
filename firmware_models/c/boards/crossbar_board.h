/* A simulated crossbar board as an HAL: what stands in for converters and array where there are none.
 *
 * Replace this file's functions by those of your converters: the guide "bring up your own board" goes through them.
 */
#ifndef CROSSCAL_CROSSBAR_BOARD_H
#define CROSSCAL_CROSSBAR_BOARD_H

#include "boards/crossbar_circuit.h"
#include "hal.h"

/* What the model has besides `board_facts`. */
struct crossbar_model {
    /* Share of the way to its target that one write pulse moves a cell. */
    double pulse_gain;
    double readback_v;
    size_t readback_range;
    /* One standard deviation of one reading [A]. */
    double noise_a;
    /* Relative loss of conductance in each decade of seconds, and its spread from cell to cell. */
    double drift_per_decade;
    double drift_spread;
    double temperature_max_c;
};

enum cell_fault { CELL_GOOD, CELL_OPEN, CELL_SHORT, CELL_STUCK };

struct crossbar_board {
    const struct board_facts *facts;
    const struct crossbar_model *model;
    struct crossbar_circuit circuit;
    double (*now_s)(void);
    /* rows * columns each */
    double *written_s;
    double *actual_s;
    double *target_s;
    double *verified_s;
    uint8_t *cell_faults;
    uint8_t *cell_failed;
    /* columns each */
    double *ideal_a;
    uint8_t *amplifier_faults;
    double tolerance;
    unsigned pulses;
    double temperature_c;
    double age_s;
    uint64_t random;
};

/* Static arrays and `name`, a board without wires; set `name.circuit`'s resistances and law before power on. */
#define CROSSBAR_BOARD(name, board_facts, board_model, clock, board_rows, board_columns)                           \
    static double name##_cells[6][(board_rows) * (board_columns)];                                                 \
    static uint8_t name##_flags[2][(board_rows) * (board_columns)];                                                \
    static double name##_ideal[(board_columns)];                                                                   \
    static uint8_t name##_amplifiers[(board_columns)];                                                             \
    static double name##_line[2][(board_rows) > (board_columns) ? (board_rows) : (board_columns)];                 \
    static struct crossbar_board name = {                                                                          \
        .facts = (board_facts),                                                                                    \
        .model = (board_model),                                                                                    \
        .circuit = {.rows = (board_rows),                                                                          \
                    .columns = (board_columns),                                                                    \
                    .conductance_s = name##_cells[1],                                                              \
                    .word_v = name##_cells[4],                                                                     \
                    .bit_v = name##_cells[5],                                                                      \
                    .elimination = name##_line[0],                                                                 \
                    .correction = name##_line[1]},                                                                 \
        .now_s = (clock),                                                                                          \
        .written_s = name##_cells[0],                                                                              \
        .actual_s = name##_cells[1],                                                                               \
        .target_s = name##_cells[2],                                                                               \
        .verified_s = name##_cells[3],                                                                             \
        .cell_faults = name##_flags[0],                                                                            \
        .cell_failed = name##_flags[1],                                                                            \
        .ideal_a = name##_ideal,                                                                                   \
        .amplifier_faults = name##_amplifiers,                                                                     \
    };

void crossbar_board_power_on(struct crossbar_board *board);
/* The HAL of a board, without a calibrator; it has the functions of group SIM. */
struct hal crossbar_board_hal(struct crossbar_board *board);

#endif
