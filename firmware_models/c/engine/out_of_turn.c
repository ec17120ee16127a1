#include "engine/out_of_turn.h"

#include "engine/link_execution.h"
#include "instrument.h"

static bool is_abort(struct span message) {
    return span_is_word(message, "ABOR") || span_is_word(message, "ABORT") || span_is_word(message, ":ABOR") ||
           span_is_word(message, ":ABORT");
}

/* Forget the unit that waits and what follows it in its message. */
static void forget_unit(struct link *link) {
    execution_answer(link);
    parser_discard(&link->parser);
    if (link->parser.ends_message) {
        execution_drop_message(link);
    }
}

static bool obey(struct link *link, struct span message) {
    if (span_is_word(message, "*TRG")) {
        execution_trigger(link);
    } else if (is_abort(message)) {
        instrument_abort(link->board);
    } else if (span_is_word(message, "*RST")) {
        forget_unit(link);
        instrument_reset(link->board);
    } else if (span_is_word(message, "*CLS")) {
        forget_unit(link);
        status_clear(&link->board->status);
        link->board->completion_wanted = false;
    } else {
        return false;
    }
    return true;
}

bool out_of_turn(struct link *link) {
    size_t start, end;
    struct span message;
    if (!link->board->acquisition.waiting || !input_find_next(&link->input, link->parser.framing, link->parser.ends_message, &start,
                                                                  &end)) {
        return false;
    }
    message.bytes = link->input.bytes + start;
    message.count = end - start;
    message = span_strip(message);
    if (!obey(link, message)) {
        return false;
    }
    input_remove(&link->input, start, end);
    return true;
}
