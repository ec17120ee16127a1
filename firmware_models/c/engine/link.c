#include "engine/link.h"

#include <string.h>

#include "engine/call.h"
#include "engine/link_execution.h"
#include "engine/scpi_errors.h"
#include "instrument.h"

void link_open(struct link *link, struct instrument *board, bool message_based, const char *address) {
    link->board = board;
    link->address = address;
    link->open = true;
    link->message_based = message_based;
    input_clear(&link->input);
    output_clear(&link->output);
    status_begin(&link->status);
    parser_reset(&link->parser);
    link->command = NULL;
    link->robbed = false;
    link->waits_for_trigger = false;
    link->message_begun = false;
    link->replied = false;
    link->long_reply = REPLY_NONE;
    link->heard_at_s = instrument_now_s(board);
    link->sent_at_s = link->heard_at_s;
    link->withheld_until_s = 0.0;
    link->dropped = false;
    link->reasons_seen = 0U;
    link->service_requested = false;
    link->calibrated = false;
}

void link_report(struct link *link, int code, const char *detail) {
    struct span span;
    span.bytes = detail;
    span.count = strlen(detail);
    status_report(&link->status, code, span);
}

/* A block that stopped arriving is given up, and its whole message with it. */
static void give_up_silent_block(struct link *link) {
    if (!framing_inside_block(&link->input.arriving) || input_is_full(&link->input) ||
        instrument_now_s(link->board) - link->heard_at_s < SILENCE_S) {
        return;
    }
    input_drop_incomplete(&link->input);
    if (link->input.messages > 0U) {
        /* The message in hand is another one. */
    } else if (link->parser.state == PARSE_WHOLE || link->long_reply != REPLY_NONE) {
        link->parser.ends_message = true;
    } else {
        execution_drop_message(link);
    }
    link_report(link, SCPI_INVALID_BLOCK, "the block stopped arriving for 5 s");
}

size_t link_receive(struct link *link, const char *bytes, size_t count) {
    size_t taken = 0;
    size_t chunk;
    give_up_silent_block(link);
    link->heard_at_s = instrument_now_s(link->board);
    /* Bytes that find no room are handed over again and again. */
    if (count > 0U && !input_is_full(&link->input)) {
        lock_hear(link);
    }
    do {
        chunk = input_feed(&link->input, bytes + taken, count - taken);
        taken += chunk;
        execution_run(link);
    } while (chunk > 0U && taken < count);
    return taken;
}

bool link_end_message(struct link *link) {
    bool begun = link->parser.state != PARSE_UNIT || link->message_begun;
    if (!input_end_message(&link->input, begun && !link->parser.ends_message)) {
        return false;
    }
    execution_run(link);
    return true;
}

size_t link_transmit(struct link *link, char *bytes, size_t most) {
    size_t count = output_take(&link->output, bytes, most);
    if (count > 0U) {
        link->sent_at_s = instrument_now_s(link->board);
    }
    return count;
}

size_t link_pending(const struct link *link) {
    return link->output.visible;
}

void link_device_clear(struct link *link) {
    input_clear(&link->input);
    execution_drop_message(link);
    output_clear(&link->output);
    link->status.completion_wanted = false;
}

void link_trigger(struct link *link) {
    execution_trigger(link);
    execution_run(link);
}

void link_query_unterminated(struct link *link) {
    if (link->message_based && !link->waits_for_trigger && link->output.withheld == 0U) {
        status_report_plain(&link->status, SCPI_QUERY_UNTERMINATED);
    }
}

void link_close(struct link *link) {
    if (link->open) {
        execution_drop_message(link);
        lock_release(link);
        changes_forget(link);
        if (link->board->starter == link) {
            link->board->starter = NULL;
        }
        link->open = false;
    }
}

bool link_dropped(const struct link *link) {
    return link->dropped;
}

void link_acknowledge_drop(struct link *link) {
    link->dropped = false;
}

void link_release_withheld(struct link *link) {
    output_release(&link->output);
}

void link_poll(struct link *link) {
    give_up_silent_block(link);
    if (link->output.withheld > 0U && instrument_now_s(link->board) >= link->withheld_until_s) {
        link_release_withheld(link);
    }
    execution_run(link);
    link_note_reasons(link);
}

static unsigned reasons_byte(const struct link *link) {
    return status_byte(&link->status, link->output.visible > 0U || link->replied);
}

void link_note_reasons(struct link *link) {
    /* IEEE 488.2, 11.3.2.2: every reason that is new requests service. */
    unsigned reasons = reasons_byte(link) & link->status.request_enable;
    if ((reasons & ~link->reasons_seen) != 0U) {
        link->service_requested = true;
    }
    if (reasons == 0U) {
        link->service_requested = false;
    }
    link->reasons_seen = reasons;
}

unsigned link_status_byte(struct link *link) {
    unsigned byte;
    link_note_reasons(link);
    byte = reasons_byte(link) | (link->service_requested ? STATUS_MASTER_SUMMARY : 0U);
    link->service_requested = false;
    return byte;
}

unsigned link_master_status_byte(const struct link *link) {
    unsigned byte = reasons_byte(link);
    return byte | ((byte & link->status.request_enable) != 0U ? STATUS_MASTER_SUMMARY : 0U);
}

bool link_service_requested(struct link *link) {
    link_note_reasons(link);
    return link->service_requested;
}
