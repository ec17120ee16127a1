#include "boards/crossbar_simulation.h"

#include <math.h>

#define SHORT_S 10e-3
#define UNIFORMS 12

/* SplitMix64 (Steele, Lea and Flood 2014). */
static uint64_t mix(uint64_t state) {
    uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31);
}

static double uniform_of(uint64_t bits) {
    return ldexp((double)(bits >> 11), -53);
}

/* The sum of twelve uniform numbers has unit variance. */
static double normal_of(uint64_t *state) {
    double sum = -0.5 * UNIFORMS;
    int index;
    for (index = 0; index < UNIFORMS; index++) {
        *state += 0x9E3779B97F4A7C15U;
        sum += uniform_of(mix(*state));
    }
    return sum;
}

double crossbar_simulation_normal(struct crossbar_board *board) {
    return normal_of(&board->random);
}

/* A cell's share of its conductance that drift has left: the same for the same age. */
static double drifted(const struct crossbar_board *board, size_t cell) {
    double decades = log10(1.0 + board->age_s);
    uint64_t state = mix((uint64_t)cell + 1U);
    double loss = board->model->drift_per_decade + board->model->drift_spread * normal_of(&state);
    double left = 1.0 - loss * decades;
    return left > 0.01 ? left : 0.01;
}

void crossbar_simulation_update(struct crossbar_board *board) {
    size_t cell;
    for (cell = 0; cell < board->facts->rows * board->facts->columns; cell++) {
        double actual_s = board->written_s[cell];
        if (board->age_s > 0.0 && (board->model->drift_per_decade > 0.0 || board->model->drift_spread > 0.0)) {
            actual_s *= drifted(board, cell);
        }
        if (board->cell_faults[cell] == CELL_OPEN) {
            actual_s = 0.0;
        } else if (board->cell_faults[cell] == CELL_SHORT) {
            actual_s = SHORT_S;
        } else {
            /* A stuck cell keeps what it has. */
        }
        board->actual_s[cell] = actual_s;
    }
}

static const char *advance_time(void *context, double duration_s) {
    struct crossbar_board *board = context;
    board->age_s += duration_s;
    crossbar_simulation_update(board);
    return NULL;
}

static const char *set_temperature(void *context, double temperature_c) {
    ((struct crossbar_board *)context)->temperature_c = temperature_c;
    return NULL;
}

static const char *reseed(void *context, int64_t seed) {
    ((struct crossbar_board *)context)->random = mix((uint64_t)seed);
    return NULL;
}

static const char *fault_cell(void *context, size_t row, size_t column, const char *kind) {
    struct crossbar_board *board = context;
    enum cell_fault fault = kind[0] == 'O' ? CELL_OPEN : kind[1] == 'H' ? CELL_SHORT : CELL_STUCK;
    board->cell_faults[(row - 1U) * board->facts->columns + column - 1U] = (uint8_t)fault;
    crossbar_simulation_update(board);
    return NULL;
}

static const char *fault_amplifier(void *context, size_t column) {
    ((struct crossbar_board *)context)->amplifier_faults[column - 1U] = 1U;
    return NULL;
}

static const char *clear_faults(void *context) {
    struct crossbar_board *board = context;
    size_t index;
    for (index = 0; index < board->facts->rows * board->facts->columns; index++) {
        board->cell_faults[index] = CELL_GOOD;
    }
    for (index = 0; index < board->facts->columns; index++) {
        board->amplifier_faults[index] = 0U;
    }
    crossbar_simulation_update(board);
    return NULL;
}

static const char *true_conductance(void *context, double *conductance_s) {
    const struct crossbar_board *board = context;
    size_t cell;
    for (cell = 0; cell < board->facts->rows * board->facts->columns; cell++) {
        conductance_s[cell] = board->actual_s[cell];
    }
    return NULL;
}

const struct simulation CROSSBAR_SIMULATION = {
    advance_time, set_temperature, reseed, fault_cell, fault_amplifier, clear_faults, true_conductance,
};
