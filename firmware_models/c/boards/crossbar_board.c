#include "boards/crossbar_board.h"

#include <math.h>

#include "boards/crossbar_simulation.h"

#define ROOM_TEMPERATURE_C 25.0
#define GIVE_UP_PULSES 3U
#define UNDER_RESOLUTION_STEPS 10.0
#define SEED 0x9E3779B97F4A7C15U

void crossbar_board_power_on(struct crossbar_board *board) {
    size_t cell, column;
    for (cell = 0; cell < board->facts->rows * board->facts->columns; cell++) {
        board->written_s[cell] = board->facts->conductance_min_s;
        board->cell_faults[cell] = CELL_GOOD;
        board->circuit.word_v[cell] = 0.0;
        board->circuit.bit_v[cell] = 0.0;
    }
    for (column = 0; column < board->facts->columns; column++) {
        board->amplifier_faults[column] = 0U;
    }
    board->temperature_c = ROOM_TEMPERATURE_C;
    board->age_s = 0.0;
    board->random = SEED;
    crossbar_simulation_update(board);
}

static double now_s(void *context) {
    const struct crossbar_board *board = context;
    return board->now_s();
}

static void rest(void *context) {
    /* The model drives its rows only while it measures. */
    (void)context;
}

static const char *round_voltage(void *context, double *voltage_v, size_t count, double protection_v) {
    const struct crossbar_board *board = context;
    double half_codes = ldexp(1.0, board->facts->dac_bits - 1);
    double step_v = board->facts->dac_full_scale_v / half_codes;
    double most = floor(protection_v / step_v);
    size_t index;
    most = most < half_codes - 1.0 ? most : half_codes - 1.0;
    for (index = 0; index < count; index++) {
        double code = rint(voltage_v[index] / step_v);
        code = code > most ? most : code < -most ? -most : code;
        voltage_v[index] = code * step_v;
    }
    return NULL;
}

static double round_aperture(void *context, double aperture_s) {
    const struct board_facts *facts = ((const struct crossbar_board *)context)->facts;
    double steps = rint(aperture_s / facts->aperture_min_s);
    double rounded_s = (steps < 1.0 ? 1.0 : steps) * facts->aperture_min_s;
    return rounded_s < facts->aperture_max_s ? rounded_s : facts->aperture_max_s;
}

/* Reading of a column's current by its converter. */
static double convert(const struct crossbar_board *board, double current_a, size_t column, size_t range_index,
                      uint8_t *status) {
    double half_codes = ldexp(1.0, board->facts->adc_bits - 1);
    double full_scale_a = board->facts->ranges_a[range_index];
    double step_a = full_scale_a / half_codes;
    double code = rint(current_a / step_a);
    double magnitude = code < 0.0 ? -code : code;
    *status = 0U;
    if (board->amplifier_faults[column] != 0U) {
        *status = READING_AMPLIFIER_FAULT;
        return (double)NAN;
    }
    if (magnitude > half_codes - 1.0) {
        *status = READING_OVER_RANGE;
        return code < 0.0 ? -full_scale_a : full_scale_a;
    }
    *status = magnitude < UNDER_RESOLUTION_STEPS ? READING_UNDER_RESOLUTION : 0U;
    return code * step_a;
}

static const char *measure(void *context, const struct measurement *measurement, struct reading *reading) {
    struct crossbar_board *board = context;
    size_t rows = board->facts->rows;
    size_t columns = board->facts->columns;
    double noise_a = board->model->noise_a / sqrt((double)measurement->averages);
    size_t vector, column;
    for (vector = 0; vector < measurement->count; vector++) {
        if (!crossbar_circuit_solve(&board->circuit, measurement->voltage_v + vector * rows, board->ideal_a)) {
            return "the circuit does not settle";
        }
        for (column = 0; column < columns; column++) {
            double current_a = board->ideal_a[column];
            if (noise_a > 0.0) {
                current_a += noise_a * crossbar_simulation_normal(board);
            }
            reading->current_a[vector * columns + column] =
                convert(board, current_a, column, measurement->range_index, &reading->status[vector * columns + column]);
        }
    }
    for (column = 0; column < columns; column++) {
        reading->hardware_error = reading->hardware_error || board->amplifier_faults[column] != 0U;
    }
    reading->over_temperature = board->temperature_c > board->model->temperature_max_c;
    return NULL;
}

static const char *temperature(void *context, double *temperature_c) {
    *temperature_c = ((const struct crossbar_board *)context)->temperature_c;
    return NULL;
}

static const char *read_conductance(void *context, double *conductance_s) {
    const struct crossbar_board *board = context;
    double readback_v = board->model->readback_v;
    size_t cell;
    uint8_t status;
    for (cell = 0; cell < board->facts->rows * board->facts->columns; cell++) {
        double current_a = board->actual_s[cell] * readback_v;
        conductance_s[cell] =
            convert(board, current_a, cell % board->facts->columns, board->model->readback_range, &status) /
            readback_v;
    }
    return NULL;
}

static const char *begin_programming(void *context, const double *target_s, double tolerance) {
    struct crossbar_board *board = context;
    size_t cell;
    for (cell = 0; cell < board->facts->rows * board->facts->columns; cell++) {
        board->target_s[cell] = target_s[cell];
        board->cell_failed[cell] = 1U;
    }
    board->tolerance = tolerance;
    board->pulses = 0U;
    return read_conductance(context, board->verified_s);
}

static void pulse(struct crossbar_board *board) {
    size_t cell;
    for (cell = 0; cell < board->facts->rows * board->facts->columns; cell++) {
        if (board->cell_failed[cell] != 0U && board->cell_faults[cell] == CELL_GOOD && !isnan(board->verified_s[cell])) {
            board->written_s[cell] += board->model->pulse_gain * (board->target_s[cell] - board->verified_s[cell]);
        }
    }
    board->pulses++;
    crossbar_simulation_update(board);
}

/* Read one cell again, and note whether it is within the tolerance. */
static void verify(struct crossbar_board *board, size_t cell) {
    double target_s = board->target_s[cell];
    uint8_t status;
    double error_s;
    board->verified_s[cell] = convert(board, board->actual_s[cell] * board->model->readback_v,
                                      cell % board->facts->columns, board->model->readback_range, &status) /
                              board->model->readback_v;
    error_s = board->verified_s[cell] - target_s;
    if ((error_s < 0.0 ? -error_s : error_s) <= board->tolerance * target_s) {
        board->cell_failed[cell] = 0U;
    }
}

static const char *programming_iteration(void *context, struct programming_step *step) {
    struct crossbar_board *board = context;
    double squares = 0.0;
    size_t verified = 0;
    size_t cell;
    pulse(board);
    step->finished = true;
    for (cell = 0; cell < board->facts->rows * board->facts->columns; cell++) {
        bool broken = board->cell_faults[cell] != CELL_GOOD;
        if (board->cell_failed[cell] != 0U) {
            verify(board, cell);
        }
        if (!isnan(board->verified_s[cell])) {
            double error = board->verified_s[cell] / board->target_s[cell] - 1.0;
            squares += error * error;
            verified++;
        }
        if (board->cell_failed[cell] != 0U) {
            bool given_up = broken && board->pulses >= GIVE_UP_PULSES;
            step->cells_failed++;
            step->cell_stuck = step->cell_stuck || broken;
            step->finished = step->finished && (given_up || isnan(board->verified_s[cell]));
        }
    }
    step->rms_relative_error = verified > 0U ? sqrt(squares / (double)verified) : (double)NAN;
    return NULL;
}

struct hal crossbar_board_hal(struct crossbar_board *board) {
    struct hal hal;
    hal.facts = board->facts;
    hal.context = board;
    hal.now_s = now_s;
    hal.rest = rest;
    hal.round_voltage = round_voltage;
    hal.round_aperture = round_aperture;
    hal.measure = measure;
    hal.temperature = temperature;
    hal.begin_programming = begin_programming;
    hal.programming_iteration = programming_iteration;
    hal.read_conductance = read_conductance;
    hal.simulation = &CROSSBAR_SIMULATION;
    hal.calibrator = NULL;
    return hal;
}
