#include "instrument.h"

#include <string.h>

#include "engine/scpi_errors.h"

void instrument_power_on(struct instrument *board, const struct hal *hal, const struct instrument_memory *memory) {
    (void)memset(board, 0, sizeof *board);
    board->hal = hal;
    board->facts = hal->facts;
    board->memory = memory;
    settings_power_on(&board->settings, board->facts, memory);
    lock_power_on(&board->lock);
}

struct link *instrument_open_link(struct instrument *board, bool message_based, const char *address) {
    size_t index;
    for (index = 0; index < (size_t)LINKS_MAX; index++) {
        if (!board->links[index].open) {
            link_open(&board->links[index], board, message_based, address);
            return &board->links[index];
        }
    }
    return NULL;
}

double instrument_now_s(const struct instrument *board) {
    return board->hal->now_s(board->hal->context);
}

void instrument_set_operation(struct instrument *board, unsigned bits, bool on) {
    unsigned rising = condition_set(&board->conditions.operation, bits, on);
    size_t index;
    for (index = 0; index < (size_t)LINKS_MAX; index++) {
        board->links[index].status.operation.event |= rising;
    }
}

void instrument_set_questionable(struct instrument *board, unsigned bits, bool on) {
    unsigned rising = condition_set(&board->conditions.questionable, bits, on);
    size_t index;
    for (index = 0; index < (size_t)LINKS_MAX; index++) {
        board->links[index].status.questionable.event |= rising;
    }
}

void instrument_report(struct instrument *board, int code, const char *detail) {
    if (board->starter != NULL) {
        link_report(board->starter, code, detail);
    }
}

bool instrument_running(const struct instrument *board) {
    return board->programming.running || (board->acquisition.initiated && !board->acquisition.waiting);
}

static void advance(struct instrument *board) {
    if (board->programming.running) {
        programming_advance(board);
    } else if (board->acquisition.initiated && !board->acquisition.waiting) {
        acquisition_advance(board);
    } else {
        /* Nothing is under way. */
    }
}

bool instrument_poll(struct instrument *board) {
    size_t index;
    if (instrument_running(board)) {
        /* Its owner is not silent meanwhile. */
        (void)lock_owner(board);
    }
    advance(board);
    for (index = 0; index < (size_t)LINKS_MAX; index++) {
        if (board->links[index].open) {
            link_poll(&board->links[index]);
        }
    }
    return instrument_running(board);
}

void instrument_complete(struct instrument *board) {
    while (instrument_running(board)) {
        advance(board);
    }
}

void instrument_announce_completion(struct instrument *board) {
    size_t index;
    if (instrument_running(board) || board->acquisition.waiting) {
        return;
    }
    for (index = 0; index < (size_t)LINKS_MAX; index++) {
        status_complete(&board->links[index].status);
    }
}

int instrument_trigger(struct instrument *board, struct text *detail) {
    if (!board->acquisition.waiting || board->settings.trigger_source != TRIGGER_BUS) {
        text_string(detail, "nothing waits for a trigger on the bus");
        return SCPI_TRIGGER_IGNORED;
    }
    board->acquisition.waiting = false;
    instrument_set_operation(board, OPERATION_WAITING_FOR_TRIGGER, false);
    acquisition_start(board);
    return SCPI_OK;
}

void instrument_occupation(const struct instrument *board, struct text *detail) {
    if (board->programming.running) {
        text_string(detail, "the array is being programmed; wait, or send ARRay:PROGram:ABORt");
    } else if (board->acquisition.waiting) {
        text_string(detail, "an acquisition waits for its trigger; send ABORt to end it");
    } else {
        text_string(detail, "an acquisition is under way; wait, or send ABORt");
    }
}

void instrument_abort(struct instrument *board) {
    if (!board->acquisition.initiated) {
        return;
    }
    if (board->acquisition.waiting) {
        board->acquisition.initiated = false;
        board->acquisition.waiting = false;
    } else {
        acquisition_end(board);
    }
    instrument_set_operation(board, OPERATION_MEASURING | OPERATION_WAITING_FOR_TRIGGER, false);
    instrument_announce_completion(board);
}

void instrument_abort_programming(struct instrument *board) {
    if (board->programming.running) {
        programming_end(board);
    }
}

void instrument_reset(struct link *link) {
    struct instrument *board = link->board;
    link->status.completion_wanted = false;
    instrument_abort(board);
    instrument_abort_programming(board);
    settings_reset(&board->settings, board->facts, board->memory);
    board->trace.points = 0;
    instrument_set_questionable(board,
                  QUESTIONABLE_CURRENT_OVERRANGE | QUESTIONABLE_TEMPERATURE | QUESTIONABLE_CALIBRATION, false);
    board->hal->rest(board->hal->context);
}

void instrument_release_withheld(struct instrument *board) {
    size_t index;
    board->fault_requested = FAULT_NONE;
    board->fault_armed = FAULT_NONE;
    for (index = 0; index < (size_t)LINKS_MAX; index++) {
        link_release_withheld(&board->links[index]);
    }
}

enum link_fault instrument_take_fault(struct instrument *board) {
    enum link_fault fault = board->fault_armed;
    board->fault_armed = FAULT_NONE;
    return fault;
}
