#include "engine/long_reply.h"

#include "engine/holdings.h"
#include "instrument.h"

/* Room for the separator before a reply and the newline behind it. */
#define AROUND 2U

/* Let the message's reply be seen before it is whole; the fault of the link strikes it now. */
static void stream(struct link *link) {
    if (!link->output.streaming) {
        enum link_fault fault = instrument_take_fault(link->board);
        if (fault == FAULT_STALL) {
            link->withheld_until_s = instrument_now_s(link->board) + SILENCE_S;
        }
        output_stream(&link->output, fault);
    }
}

static bool has_room(struct link *link, size_t count) {
    if (output_space(&link->output) >= count + AROUND) {
        return true;
    }
    if (link->replied) {
        stream(link);
    }
    return output_space(&link->output) >= count + AROUND;
}

bool long_reply_make_room(struct link *link) {
    bool array = link->command != NULL && link->command->array;
    return has_room(link, TEXT_REPLY_BYTES) && (!array || holdings_reply_is_free(link));
}

void long_reply_begin(struct link *link, const struct text *reply) {
    if (link->replied) {
        output_put(&link->output, ";", 1);
    }
    link->replied = true;
    link->sent_at_s = instrument_now_s(link->board);
    output_put(&link->output, reply->bytes, reply->count);
}

static bool continue_array(struct link *link) {
    struct array_reply *array = &link->board->array_reply;
    const double *values = link->board->memory->reply;
    char bytes[32];
    while (array->sent < array->count) {
        struct text item = text_begin(bytes, sizeof bytes);
        if (!has_room(link, sizeof bytes)) {
            return false;
        }
        if (array->sent > 0U && array->format.kind == FORMAT_ASCII) {
            text_character(&item, ',');
        }
        format_value(array->format, values[array->sent], array->whole, &item);
        output_put(&link->output, bytes, item.count);
        array->sent++;
    }
    array->owner = NULL;
    return true;
}

static bool continue_errors(struct link *link) {
    struct error_queue *errors = &link->status.errors;
    char bytes[TEXT_REPLY_BYTES];
    while (errors->leaving > 0U) {
        struct text entry = text_begin(bytes, sizeof bytes);
        if (!has_room(link, TEXT_REPLY_BYTES)) {
            return false;
        }
        text_character(&entry, ',');
        error_queue_write_leaving(errors, &entry);
        output_put(&link->output, bytes, entry.count);
    }
    return true;
}

bool long_reply_continue(struct link *link) {
    bool done = link->long_reply == REPLY_ARRAY ? continue_array(link) : continue_errors(link);
    if (done) {
        link->long_reply = REPLY_NONE;
        link_note_reasons(link);
    }
    return done;
}
