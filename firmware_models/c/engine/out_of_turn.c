#include "engine/out_of_turn.h"

#include <string.h>

#include "engine/call.h"
#include "engine/commands.h"
#include "engine/link_execution.h"
#include "engine/scpi_errors.h"
#include "engine/unit_parser.h"
#include "instrument.h"

/* Longer messages hold arrays; the longest of urgent commands alone has some 60 bytes. */
#define URGENT_BYTES 200U

/* A message of plain units, one of which is in hand. */
struct reader {
    struct link *link;
    struct span rest;
    char node[URGENT_BYTES];
    size_t node_count;
    const struct command *command;
    struct parameter parameter;
    size_t parameter_count;
};

static void reader_begin(struct reader *reader, struct link *link, struct span message) {
    reader->link = link;
    reader->rest = message;
    reader->node_count = 0;
}

static bool is_plain(struct span message) {
    size_t index;
    for (index = 0; index < message.count; index++) {
        char byte = message.bytes[index];
        if (byte == '"' || byte == '\'' ||
            (byte == '#' && index + 1U < message.count && is_digit(message.bytes[index + 1U]))) {
            return false;
        }
    }
    return message.count <= URGENT_BYTES;
}

/* The next unit that is not empty; false behind the last. */
static bool next_unit(struct span *rest, struct span *unit) {
    do {
        size_t length = 0;
        if (rest->count == 0U) {
            return false;
        }
        while (length < rest->count && rest->bytes[length] != ';') {
            length++;
        }
        unit->bytes = rest->bytes;
        unit->count = length;
        length += length < rest->count ? 1U : 0U;
        rest->bytes += length;
        rest->count -= length;
        *unit = span_strip(*unit);
    } while (unit->count == 0U);
    return true;
}

/* Find the command of a header; common ones leave the current node as it is. */
static const struct command *find(struct reader *reader, struct span header) {
    bool common = header.bytes[0] == '*';
    bool absolute = common || header.bytes[0] == ':';
    char bytes[2U * URGENT_BYTES + 1U];
    struct text path = text_begin(bytes, sizeof bytes);
    struct span span;
    size_t index;
    if (!absolute && reader->node_count > 0U) {
        span.bytes = reader->node;
        span.count = reader->node_count;
        text_span(&path, span, span.count);
        text_character(&path, ':');
    }
    for (index = !common && absolute ? 1U : 0U; index < header.count; index++) {
        text_character(&path, to_upper(header.bytes[index]));
    }
    span.bytes = bytes;
    span.count = path.count;
    if (!common) {
        reader->node_count = 0;
        for (index = 0; index < path.count && index < URGENT_BYTES; index++) {
            reader->node_count = bytes[index] == ':' ? index : reader->node_count;
        }
        (void)memcpy(reader->node, bytes, reader->node_count);
    }
    return commands_find(reader->link->board->facts->groups, span);
}

static void begin_call(struct reader *reader, struct call *call, char *detail, size_t size) {
    call->board = reader->link->board;
    call->link = reader->link;
    call->count = reader->parameter_count;
    call->parameters = &reader->parameter;
    call->reply = text_begin(detail, 0);
    call->detail = text_begin(detail, size);
}

static bool is_urgent(struct reader *reader) {
    char detail[ERROR_DETAIL_BYTES];
    struct call call;
    bool on = true;
    if (reader->command == NULL || reader->command->set == NULL) {
        return false;
    }
    if ((reader->command->forms & URGENT_IF_OFF) == 0U) {
        return (reader->command->forms & FORM_URGENT) != 0U && reader->parameter_count == 0U;
    }
    begin_call(reader, &call, detail, sizeof detail);
    return call_boolean(&call, &on) == SCPI_OK && !on;
}

/* Take the next unit in hand; false behind the last. */
static bool read_unit(struct reader *reader) {
    struct span unit;
    struct span header;
    size_t length = 0;
    if (!next_unit(&reader->rest, &unit)) {
        return false;
    }
    while (length < unit.count && !is_white(unit.bytes[length])) {
        length++;
    }
    header.bytes = unit.bytes;
    header.count = length;
    reader->parameter.is_block = false;
    reader->parameter.text.bytes = unit.bytes + length;
    reader->parameter.text.count = unit.count - length;
    reader->parameter.text = span_strip(reader->parameter.text);
    reader->parameter_count = reader->parameter.text.count > 0U ? 1U : 0U;
    /* A question mark is part of no header. */
    reader->command = find(reader, header);
    return true;
}

/* Whether all units of a message are urgent; `forgets`: one of them forgets the query that waits. */
static bool all_urgent(struct link *link, struct span message, bool *forgets) {
    struct reader reader;
    bool any = false;
    if (!is_plain(message)) {
        return false;
    }
    *forgets = false;
    reader_begin(&reader, link, message);
    while (read_unit(&reader)) {
        if (!is_urgent(&reader)) {
            return false;
        }
        any = true;
        *forgets = *forgets || (reader.command->forms & FORGETS_COMPLETION) != 0U;
    }
    return any;
}

/* Forget the unit that waits and what follows it in its message. */
static void forget_unit(struct link *link) {
    execution_answer(link);
    parser_discard(&link->parser);
    if (link->parser.ends_message) {
        execution_drop_message(link);
    }
}

static void obey(struct link *link, struct span message) {
    struct reader reader;
    reader_begin(&reader, link, message);
    while (read_unit(&reader)) {
        char detail[ERROR_DETAIL_BYTES];
        struct call call;
        int code;
        begin_call(&reader, &call, detail, sizeof detail);
        code = execution_run_command(reader.command, false, &call);
        if (code != SCPI_OK) {
            struct span span;
            span.bytes = detail;
            span.count = call.detail.count;
            status_report(&link->status, code, span);
        }
        link_note_reasons(link);
    }
}

bool out_of_turn(struct link *link) {
    size_t start, end;
    bool forgets = false;
    bool found = link->board->acquisition.waiting &&
                 input_find_next(&link->input, link->parser.framing, link->parser.ends_message, &start, &end);
    while (found) {
        struct span message;
        message.bytes = link->input.bytes + start;
        message.count = end - start;
        if (all_urgent(link, message, &forgets)) {
            if (forgets) {
                forget_unit(link);
            }
            obey(link, message);
            input_remove(&link->input, start, end);
            return true;
        }
        found = input_find_following(&link->input, &start, &end);
    }
    return false;
}
