#include "engine/link_execution.h"

#include "engine/call.h"
#include "engine/commands.h"
#include "engine/holdings.h"
#include "engine/long_reply.h"
#include "engine/out_of_turn.h"
#include "engine/scpi_errors.h"
#include "instrument.h"

void execution_drop_message(struct link *link) {
    holdings_release(link);
    parser_reset(&link->parser);
    link->command = NULL;
    link->robbed = false;
    link->waits_for_trigger = false;
    link->message_begun = false;
    link->replied = false;
}

/* Whether the lock of another client refuses a form. */
static bool is_locked_out(const struct command *command, bool query, struct call *call) {
    bool reserved = query ? (command->forms & QUERY_IS_RESERVED) != 0U : (command->forms & SET_IS_FREE) == 0U;
    return reserved && lock_excludes(call->link, &call->detail);
}

/* Errors of a unit whose acquisition or programming was begun; others change nothing. */
static bool has_run(int code) {
    return code == SCPI_OK || code == SCPI_DATA_STALE || code == SCPI_HARDWARE_ERROR;
}

int execution_run_command(const struct command *command, bool query, struct call *call) {
    struct instrument *board = call->board;
    struct board_settings before = board->settings;
    int code;
    if (is_locked_out(command, query, call)) {
        return SCPI_SETTINGS_CONFLICT;
    }
    board->changes.array_changed = false;
    code = query ? command->query(call) : command->set(call);
    if (code != SCPI_WAIT &&
        (((command->forms & FORM_ACTS) != 0U && has_run(code)) ||
         (!query && (board->changes.array_changed || settings_differ(&before, &board->settings))))) {
        changes_note(call->link);
    }
    return code;
}

void execution_trigger(struct link *link) {
    char bytes[ERROR_DETAIL_BYTES];
    struct text detail = text_begin(bytes, sizeof bytes);
    int code = instrument_trigger(link->board, &detail);
    if (code != SCPI_OK) {
        struct span span;
        span.bytes = bytes;
        span.count = detail.count;
        status_report(&link->status, code, span);
    }
}

void execution_answer(struct link *link) {
    struct instrument *board = link->board;
    if (link->replied) {
        enum link_fault fault = link->output.streaming ? FAULT_NONE : instrument_take_fault(board);
        if (fault == FAULT_STALL) {
            link->withheld_until_s = instrument_now_s(board) + SILENCE_S;
        }
        if (output_end(&link->output, fault)) {
            link->dropped = true;
        }
        link->replied = false;
    }
    if (board->fault_requested != FAULT_NONE) {
        board->fault_armed = board->fault_requested;
        board->fault_requested = FAULT_NONE;
    }
    link_note_reasons(link);
}

/* The unit's error: a command error discards the rest of the message, any other only its unit (decision 5). */
static void fail(struct link *link, int code, const struct text *detail) {
    struct span span;
    span.bytes = detail->bytes;
    span.count = detail->count;
    holdings_release_staging(link);
    status_report(&link->status, code, span);
    if (scpi_is_command_error(code)) {
        execution_answer(link);
        parser_discard(&link->parser);
    } else {
        parser_unit_done(&link->parser);
    }
    link->command = NULL;
    link->robbed = false;
}

static command_handler handler_of(const struct link *link) {
    if (link->command == NULL) {
        return NULL;
    }
    return link->parser.query ? link->command->query : link->command->set;
}

static bool takes_array(const struct link *link) {
    return handler_of(link) != NULL && link->command->array && !link->parser.query;
}

static void find_command(struct link *link) {
    struct span path;
    path.bytes = link->parser.path;
    path.count = link->parser.path_count;
    link->command = commands_find(link->board->facts->groups, path);
    link->parser.each_alone = takes_array(link);
}

static void array_unit(struct link *link) {
    /* The one array that is no voltage is the target. */
    enum unit unit = link->command->group == GROUP_PROG ? UNIT_SIEMENS : UNIT_VOLT;
    array_begin(&link->array, link->board->settings.format, unit, holdings_staging(link->board),
                link->board->memory->bank_values);
}

/* Make sure that what the unit needs is free; false if it has to wait. */
static bool acquire(struct link *link) {
    if (takes_array(link) && link->board->staging_owner != link && !link->robbed) {
        if (!holdings_acquire_staging(link)) {
            return false;
        }
        array_unit(link);
    }
    return true;
}

static int run_handler(struct link *link, struct call *call) {
    command_handler handler = handler_of(link);
    struct span path;
    path.bytes = link->parser.path;
    path.count = link->parser.path_count;
    if (handler == NULL) {
        text_span(&call->detail, path, path.count);
        text_string(&call->detail, link->parser.query ? "?" : "");
        return SCPI_UNDEFINED_HEADER;
    }
    if (link->robbed) {
        return call_fail(call, SCPI_INVALID_BLOCK, "the array stopped arriving for 5 s while another link waited");
    }
    if (link->parser.too_long) {
        return call_fail(call, SCPI_TOO_MUCH_DATA, "the parameters are longer than the board's buffer");
    }
    return execution_run_command(link->command, link->parser.query, call);
}

/* Execute the unit that is whole; false if it has to wait. */
static bool execute(struct link *link) {
    char reply[TEXT_REPLY_BYTES];
    char detail[ERROR_DETAIL_BYTES];
    struct call call;
    int code;
    link->waits_for_trigger = false;
    if ((link->parser.query && !long_reply_make_room(link)) || !acquire(link)) {
        return false;
    }
    call.board = link->board;
    call.link = link;
    call.count = link->parser.parameter_count;
    call.parameters = link->parser.kept;
    call.reply = text_begin(reply, sizeof reply);
    call.detail = text_begin(detail, sizeof detail);
    code = run_handler(link, &call);
    if (code == SCPI_WAIT) {
        link->waits_for_trigger = true;
        return false;
    }
    if (code != SCPI_OK) {
        fail(link, code, &call.detail);
    } else {
        if (link->parser.query) {
            long_reply_begin(link, &call.reply);
        }
        holdings_release_staging(link);
        link->command = NULL;
        parser_unit_done(&link->parser);
    }
    link_note_reasons(link);
    return true;
}

static void report_syntax(struct link *link, enum parser_event event) {
    char bytes[ERROR_DETAIL_BYTES];
    struct text detail = text_begin(bytes, sizeof bytes);
    struct span excerpt;
    excerpt.bytes = link->parser.excerpt;
    excerpt.count = link->parser.excerpt_count;
    text_string(&detail, link->parser.reason);
    text_span(&detail, excerpt, excerpt.count);
    fail(link, event == PARSED_INVALID_BLOCK ? SCPI_INVALID_BLOCK : SCPI_SYNTAX_ERROR, &detail);
}

/* The message has ended. */
static void end_message(struct link *link) {
    if (link->parser.state != PARSE_DISCARD) {
        execution_answer(link);
    }
    link->message_begun = false;
    parser_reset(&link->parser);
}

/* A new message while a reply waits: where messages have boundaries, the reply is lost. */
static void begin_message(struct link *link, enum byte_kind kind, char byte) {
    if (link->message_begun || kind == BYTE_END || is_white(byte)) {
        return;
    }
    link->message_begun = true;
    if (link->message_based && (link->output.visible > 0U || link->output.withheld > 0U)) {
        output_clear(&link->output);
        status_report_plain(&link->status, SCPI_QUERY_INTERRUPTED);
    }
}

static void parse_byte(struct link *link) {
    struct unit_parser *parser = &link->parser;
    struct array_parameter *array = &link->array;
    bool array_unit_in_hand;
    char byte;
    enum byte_kind kind = input_next(&link->input, &parser->framing, &byte);
    enum parser_event event;
    begin_message(link, kind, byte);
    event = parser_next(parser, kind, byte);
    array_unit_in_hand = link->board->staging_owner == link && takes_array(link);
    switch (event) {
    case PARSED_HEADER:
        find_command(link);
        break;
    case PARSED_PARAMETER:
        if (array_unit_in_hand) {
            array_parameter(array, parser->kept[0].text);
        }
        break;
    case PARSED_BLOCK_START:
        if (array_unit_in_hand) {
            array_block_begin(array, parser->framing.block_left);
        }
        break;
    case PARSED_BLOCK_BYTE:
    case PARSED_BLOCK_END:
        if (array_unit_in_hand) {
            array_block_byte(array, byte);
            if (event == PARSED_BLOCK_END) {
                array_block_end(array);
            }
        }
        break;
    case PARSED_SYNTAX_ERROR:
    case PARSED_INVALID_BLOCK:
        report_syntax(link, event);
        if (kind == BYTE_END) {
            end_message(link);
        }
        break;
    case PARSED_MESSAGE_END:
        end_message(link);
        break;
    case PARSED_NOTHING:
    default:
        break;
    }
}

/* Execute the unit that is whole, or what a trigger out of turn leaves of it; false if it has to wait. */
static bool finish_unit(struct link *link) {
    bool ends = link->parser.ends_message;
    if (!execute(link)) {
        return link->waits_for_trigger && out_of_turn(link);
    }
    if (ends) {
        if (link->long_reply != REPLY_NONE) {
            /* The message ends behind its reply. */
            link->parser.ends_message = true;
        } else {
            end_message(link);
        }
    }
    return true;
}

void execution_run(struct link *link) {
    for (;;) {
        if (link->long_reply != REPLY_NONE) {
            if (!long_reply_continue(link)) {
                return;
            }
            if (link->parser.ends_message) {
                end_message(link);
            }
        } else if (link->parser.state == PARSE_WHOLE) {
            if (!finish_unit(link)) {
                return;
            }
        } else {
            if (!input_is_ready(&link->input)) {
                return;
            }
            if (link->parser.state == PARSE_PARAMETERS && !acquire(link)) {
                return;
            }
            parse_byte(link);
        }
    }
}
