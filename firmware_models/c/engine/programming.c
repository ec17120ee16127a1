#include "engine/programming.h"

#include "engine/scpi_errors.h"
#include "instrument.h"

int programming_start(struct link *link, struct text *detail) {
    struct instrument *board = link->board;
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
    board->starter = link;
    run->running = true;
    run->iterations = 0;
    run->iterations_max = board->settings.iterations;
    instrument_set_operation(board, OPERATION_PROGRAMMING, true);
    instrument_set_questionable(board, QUESTIONABLE_CELL_FAILED, false);
    return SCPI_OK;
}

void programming_advance(struct instrument *board) {
    struct programming *run = &board->programming;
    struct programming_step step = {false, 0, 0.0, false};
    const char *failure = board->hal->programming_iteration(board->hal->context, &step);
    if (failure != NULL) {
        run->running = false;
        instrument_set_operation(board, OPERATION_PROGRAMMING, false);
        board->hal->rest(board->hal->context);
        instrument_announce_completion(board);
        instrument_report(board, SCPI_HARDWARE_ERROR, failure);
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
    instrument_set_operation(board, OPERATION_PROGRAMMING, false);
    if (run->iterations > 0) {
        run->has_result = true;
        run->result = run->last;
        run->result_iterations = run->iterations;
        instrument_set_questionable(board, QUESTIONABLE_CELL_FAILED, run->last.cells_failed > 0U);
        if (run->last.cell_stuck) {
            instrument_report(board, BOARD_CELL_STUCK, "");
        }
    }
    instrument_announce_completion(board);
}
