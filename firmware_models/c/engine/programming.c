#include "engine/programming.h"

#include "engine/scpi_errors.h"
#include "instrument.h"

int programming_start(struct instrument *board, struct text *detail) {
    struct programming *run = &board->programming;
    const char *failure;
    if (board->acquisition.initiated || run->running) {
        instrument_occupation(board, detail);
        return SCPI_EXECUTION_ERROR;
    }
    failure = board->hal->begin_programming(board->hal->context, board->memory->target_s, board->settings.tolerance);
    if (failure != NULL) {
        board->hal->rest(board->hal->context);
        text_string(detail, failure);
        return SCPI_HARDWARE_ERROR;
    }
    run->running = true;
    run->iterations = 0;
    run->iterations_max = board->settings.iterations;
    condition_set(&board->status.operation, OPERATION_PROGRAMMING, true);
    condition_set(&board->status.questionable, QUESTIONABLE_CELL_FAILED, false);
    return SCPI_OK;
}

void programming_advance(struct instrument *board) {
    struct programming *run = &board->programming;
    struct programming_step step = {false, 0, 0.0, false};
    const char *failure = board->hal->programming_iteration(board->hal->context, &step);
    if (failure != NULL) {
        run->running = false;
        condition_set(&board->status.operation, OPERATION_PROGRAMMING, false);
        board->hal->rest(board->hal->context);
        instrument_announce_completion(board);
        instrument_report_text(board, SCPI_HARDWARE_ERROR, failure);
        return;
    }
    run->last = step;
    run->iterations++;
    if (step.finished || run->iterations >= run->iterations_max) {
        programming_end(board);
    }
}

void programming_end(struct instrument *board) {
    struct programming *run = &board->programming;
    run->running = false;
    condition_set(&board->status.operation, OPERATION_PROGRAMMING, false);
    if (run->iterations > 0) {
        run->has_result = true;
        run->result = run->last;
        run->result_iterations = run->iterations;
        condition_set(&board->status.questionable, QUESTIONABLE_CELL_FAILED, run->last.cells_failed > 0U);
        if (run->last.cell_stuck) {
            status_report_plain(&board->status, BOARD_CELL_STUCK);
        }
    }
    instrument_announce_completion(board);
}
