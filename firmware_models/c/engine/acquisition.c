#include "engine/acquisition.h"

#include "engine/scpi_errors.h"
#include "instrument.h"

#define HEADROOM 1.1

int acquisition_initiate(struct link *link, bool sequence, bool auto_range, bool immediately, struct text *detail) {
    struct instrument *board = link->board;
    struct acquisition *acquisition = &board->acquisition;
    const struct board_settings *settings = &board->settings;
    bool loaded = sequence && settings->sequence_values > 0U;
    size_t row;
    if (board->programming.running || acquisition->initiated) {
        instrument_occupation(board, detail);
        return SCPI_INIT_IGNORED;
    }
    board->starter = link;
    acquisition->initiated = true;
    acquisition->count = loaded ? settings->sequence_values / board->facts->rows : 1U;
    acquisition->bank = loaded ? settings->sequence_bank : NO_BANK;
    for (row = 0; row < board->facts->rows; row++) {
        board->memory->measured_v[row] = board->memory->voltage_v[row];
    }
    acquisition->at_rest = !settings->output_on;
    acquisition->range_index = settings->range_index;
    acquisition->auto_range = auto_range;
    acquisition->lowest_index = 0;
    acquisition->aperture_s = settings->aperture_s;
    acquisition->averages = (int32_t)settings->average_count;
    acquisition->dwell_s = settings->dwell_s;
    acquisition->saturated = false;
    acquisition->compliance = false;
    acquisition->over_temperature = false;
    acquisition->hardware_error = false;
    instrument_set_questionable(board, QUESTIONABLE_CURRENT_OVERRANGE | QUESTIONABLE_TEMPERATURE, false);
    acquisition->waiting = !immediately && settings->trigger_source != TRIGGER_IMMEDIATE;
    if (acquisition->waiting) {
        instrument_set_operation(board, OPERATION_WAITING_FOR_TRIGGER, true);
    } else {
        acquisition_start(board);
    }
    return SCPI_OK;
}

void acquisition_start(struct instrument *board) {
    instrument_set_operation(board, OPERATION_MEASURING, true);
    board->trace.points = 0;
}

/* Vectors from `first` on: the sequence's, the single one, or zeros. */
static const double *vectors(const struct instrument *board, size_t first) {
    if (board->acquisition.at_rest) {
        return board->memory->rest_v;
    }
    if (board->acquisition.bank == NO_BANK) {
        return board->memory->measured_v;
    }
    return board->memory->banks[board->acquisition.bank] + first * board->facts->rows;
}

/* Note readings from `first` on, `count` of them. */
static void note(struct instrument *board, size_t first, size_t count) {
    size_t index;
    for (index = first; index < first + count; index++) {
        uint8_t status = board->memory->current_status[index];
        if ((status & READING_OVER_RANGE) != 0U) {
            board->acquisition.saturated = true;
        }
        if ((status & READING_AMPLIFIER_FAULT) != 0U) {
            board->memory->current_a[index] = NOT_A_NUMBER_A;
            board->acquisition.hardware_error = true;
        }
    }
}

/* Read `count` vectors behind those read already. */
static const char *read_vectors(struct instrument *board, size_t count) {
    struct acquisition *acquisition = &board->acquisition;
    size_t columns = board->facts->columns;
    size_t first = board->trace.points * columns;
    struct measurement measurement;
    struct reading reading;
    const char *failure;
    measurement.voltage_v = vectors(board, board->trace.points);
    measurement.count = count;
    measurement.range_index = acquisition->range_index;
    measurement.aperture_s = acquisition->aperture_s;
    measurement.averages = acquisition->averages;
    measurement.dwell_s = acquisition->dwell_s;
    reading.current_a = board->memory->current_a + first;
    reading.status = board->memory->current_status + first;
    reading.compliance = false;
    reading.over_temperature = false;
    reading.hardware_error = false;
    failure = board->hal->measure(board->hal->context, &measurement, &reading);
    if (failure != NULL) {
        return failure;
    }
    acquisition->compliance = acquisition->compliance || reading.compliance;
    acquisition->over_temperature = acquisition->over_temperature || reading.over_temperature;
    acquisition->hardware_error = acquisition->hardware_error || reading.hardware_error;
    note(board, first, count * columns);
    board->trace.points += count;
    return NULL;
}

static double largest_current(const struct instrument *board) {
    double largest_a = 0.0;
    size_t index;
    for (index = 0; index < board->trace.points * board->facts->columns; index++) {
        double current_a = board->memory->current_a[index];
        current_a = current_a < 0.0 ? -current_a : current_a;
        if ((board->memory->current_status[index] & READING_AMPLIFIER_FAULT) == 0U && current_a > largest_a) {
            largest_a = current_a;
        }
    }
    return largest_a;
}

/* The next higher range while something saturates, then the lowest that leaves headroom. */
static size_t better_range(struct instrument *board) {
    struct acquisition *acquisition = &board->acquisition;
    size_t last = board->facts->range_count - 1U;
    size_t fitting = 0;
    double needed_a;
    if (acquisition->saturated) {
        /* Not tried again: noise could make the passes go up and down for ever. */
        acquisition->lowest_index = acquisition->range_index < last ? acquisition->range_index + 1U : last;
        return acquisition->lowest_index;
    }
    needed_a = HEADROOM * largest_current(board);
    while (fitting < last && board->facts->ranges_a[fitting] < needed_a) {
        fitting++;
    }
    fitting = fitting < acquisition->range_index ? fitting : acquisition->range_index;
    return fitting > acquisition->lowest_index ? fitting : acquisition->lowest_index;
}

/* Begin another pass in a better range; false if this one suits. */
static bool change_range(struct instrument *board) {
    size_t better = better_range(board);
    if (better == board->acquisition.range_index) {
        return false;
    }
    board->acquisition.range_index = better;
    board->acquisition.saturated = false;
    board->trace.points = 0;
    return true;
}

static void fail(struct instrument *board, const char *failure) {
    board->acquisition.initiated = false;
    instrument_set_operation(board, OPERATION_MEASURING, false);
    /* Whatever broke, nothing is driven any more (decision 21). */
    board->hal->rest(board->hal->context);
    instrument_announce_completion(board);
    instrument_report(board, SCPI_HARDWARE_ERROR, failure);
}

void acquisition_advance(struct instrument *board) {
    const struct acquisition *acquisition = &board->acquisition;
    size_t left = acquisition->count - board->trace.points;
    size_t slice = left < SLICE_VECTORS ? left : SLICE_VECTORS;
    const char *failure = NULL;
    if (acquisition->at_rest) {
        /* There is one vector of zeros. */
        for (; slice > 0U && failure == NULL; slice--) {
            failure = read_vectors(board, 1);
        }
    } else {
        failure = read_vectors(board, slice);
    }
    if (failure != NULL) {
        fail(board, failure);
        return;
    }
    if (board->trace.points < acquisition->count || (acquisition->auto_range && change_range(board))) {
        return;
    }
    acquisition_end(board);
}

void acquisition_end(struct instrument *board) {
    const struct acquisition *acquisition = &board->acquisition;
    board->acquisition.initiated = false;
    board->settings.range_index = acquisition->range_index;
    instrument_set_operation(board, OPERATION_MEASURING, false);
    instrument_set_questionable(board, QUESTIONABLE_CURRENT_OVERRANGE, acquisition->saturated);
    instrument_set_questionable(board, QUESTIONABLE_TEMPERATURE, acquisition->over_temperature);
    if (acquisition->compliance) {
        instrument_report(board, BOARD_COMPLIANCE, "");
    }
    if (acquisition->saturated) {
        instrument_report(board, BOARD_SATURATED, "");
    }
    if (acquisition->over_temperature) {
        instrument_report(board, BOARD_OVER_TEMPERATURE, "");
    }
    if (acquisition->hardware_error) {
        instrument_report(board, SCPI_HARDWARE_ERROR, "");
    }
    instrument_announce_completion(board);
}
