/* FORMat: how arrays travel. */
#include "engine/call.h"
#include "engine/commands.h"
#include "engine/scpi_errors.h"

static const char *const KINDS[] = {"ASCii", "REAL"};
static const char *const ORDERS[] = {"NORMal", "SWAPped"};

static bool is_value(double value, double wanted) {
    return !(value < wanted) && !(value > wanted);
}

/* The format of a name and a length in digits or bits, if there is one. */
static bool find_format(size_t kind, bool has_length, double length, enum format_kind *format) {
    if (kind == 0U) {
        *format = FORMAT_ASCII;
        /* SCPI-1999, 9.1: 0 lets the board choose. */
        return !has_length || is_value(length, 0.0) || is_value(length, 17.0);
    }
    *format = has_length && is_value(length, 32.0) ? FORMAT_REAL_32 : FORMAT_REAL_64;
    return !has_length || is_value(length, 32.0) || is_value(length, 64.0);
}

static int set_data(struct call *call) {
    double length = 0.0;
    size_t kind = 0;
    enum format_kind format;
    int code = call->count > 2U ? call_at_most(call, 2) : call->count == 0U ? call_exactly(call, 1) : SCPI_OK;
    if (code == SCPI_OK) {
        code = call_choice(call, call->parameters[0], KINDS, 2, &kind);
    }
    if (code == SCPI_OK && call->count == 2U) {
        code = parse_number(call->parameters[1], UNIT_PURE, &length, &call->detail);
    }
    if (code != SCPI_OK) {
        return code;
    }
    if (!find_format(kind, call->count == 2U, length, &format)) {
        text_string(&call->detail, KINDS[kind]);
        text_character(&call->detail, ',');
        text_general(&call->detail, length);
        return call_fail(call, SCPI_ILLEGAL_VALUE, "; allowed: ASCii, ASCii,17, REAL,32, REAL,64");
    }
    call->board->settings.format.kind = format;
    return SCPI_OK;
}

static int data(struct call *call) {
    text_string(&call->reply, format_name(call->board->settings.format));
    if (call->board->settings.format.kind == FORMAT_ASCII) {
        text_string(&call->reply, ",17");
    }
    return call_at_most(call, 0);
}

static int set_border(struct call *call) {
    size_t order = 0;
    int code = call_exactly(call, 1);
    if (code == SCPI_OK) {
        code = call_choice(call, call->parameters[0], ORDERS, 2, &order);
    }
    if (code == SCPI_OK) {
        call->board->settings.format.swapped = order == 1U;
    }
    return code;
}

static int border(struct call *call) {
    text_string(&call->reply, call->board->settings.format.swapped ? "SWAP" : "NORM");
    return call_at_most(call, 0);
}

static const struct command COMMANDS[] = {
    {"FORMat[:DATA]", set_data, data, GROUP_NONE, false, 0U},
    {"FORMat:BORDer", set_border, border, GROUP_NONE, false, 0U},
};

struct command_table format_commands(void) {
    struct command_table table = {COMMANDS, sizeof COMMANDS / sizeof COMMANDS[0]};
    return table;
}
