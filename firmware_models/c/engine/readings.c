#include "engine/readings.h"

#include "engine/scpi_errors.h"

/* Calibrate one point into the reply; whether it could be. */
static bool calibrate(struct call *call, size_t point, double *calibrated_a) {
    const struct instrument_memory *memory = call->board->memory;
    size_t columns = call->board->facts->columns;
    size_t column;
    for (column = 0; column < columns; column++) {
        size_t index = point * columns + column;
        /* A column that saturates or has no reading spoils the others: they are corrected together. */
        if ((memory->current_status[index] & (READING_OVER_RANGE | READING_AMPLIFIER_FAULT)) != 0U) {
            return false;
        }
        memory->uncalibrated_a[column] = (float)memory->current_a[index];
    }
    if (call->board->hal->calibrator->calibrate(memory->uncalibrated_a, memory->calibrated_a) != 0) {
        return false;
    }
    for (column = 0; calibrated_a != NULL && column < columns; column++) {
        calibrated_a[column] = (double)memory->calibrated_a[column];
    }
    return true;
}

static bool wants_calibrated(const struct call *call) {
    return call->link->calibrated && call->board->hal->calibrator != NULL;
}

int readings_answer_currents(struct call *call, size_t first, size_t count) {
    struct instrument *board = call->board;
    size_t columns = board->facts->columns;
    bool doubtful = false;
    size_t point, column;
    for (point = 0; point < count; point++) {
        double *reply = board->memory->reply + point * columns;
        bool good = wants_calibrated(call) && calibrate(call, first + point, reply);
        for (column = 0; column < columns && !good; column++) {
            size_t index = (first + point) * columns + column;
            reply[column] = wants_calibrated(call) ? NOT_A_NUMBER_A : board->memory->current_a[index];
        }
        doubtful = doubtful || (wants_calibrated(call) && !good);
    }
    if (wants_calibrated(call)) {
        instrument_set_questionable(board, QUESTIONABLE_CALIBRATION, doubtful);
    }
    if (doubtful) {
        status_report_plain(&call->link->status, BOARD_NOT_CALIBRATED);
    }
    call_reply_array(call, count * columns, false);
    return SCPI_OK;
}

int readings_answer_status(struct call *call, size_t first, size_t count) {
    struct instrument *board = call->board;
    size_t columns = board->facts->columns;
    size_t point, column;
    for (point = 0; point < count; point++) {
        bool good = !wants_calibrated(call) || calibrate(call, first + point, NULL);
        for (column = 0; column < columns; column++) {
            unsigned status = board->memory->current_status[(first + point) * columns + column];
            status |= good ? 0U : READING_NOT_CALIBRATED;
            board->memory->reply[point * columns + column] = (double)status;
        }
    }
    call_reply_array(call, count * columns, true);
    return SCPI_OK;
}

int readings_answer_uncertainty(struct call *call, size_t first, size_t count) {
    size_t values = count * call->board->facts->columns;
    size_t index;
    (void)first;
    /* The header on board says whether a reading can be calibrated, not how well: no number is known. */
    for (index = 0; index < values; index++) {
        call->board->memory->reply[index] = NOT_A_NUMBER_A;
    }
    call_reply_array(call, values, false);
    return SCPI_OK;
}
