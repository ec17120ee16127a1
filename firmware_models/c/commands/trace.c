/* TRACe: the results of a sequence, in pieces, readable while it runs. */
#include <math.h>

#include "engine/call.h"
#include "engine/commands.h"
#include "engine/readings.h"
#include "engine/scpi_errors.h"

/* Whole doubles up to here are written with all digits. */
#define WHOLE_MOST 9e15

static int actual(struct call *call) {
    call_reply_whole(call, (int64_t)call->board->trace.points);
    return call_at_most(call, 0);
}

static void put_point(struct text *text, double point) {
    if (point < WHOLE_MOST && point > -WHOLE_MOST) {
        text_integer(text, (int64_t)point);
    } else {
        text_general(text, point);
    }
}

/* The points asked for, counted from 0. */
static int piece(struct call *call, size_t *first, size_t *count) {
    double points = (double)call->board->trace.points;
    double wanted[2] = {0.0, 0.0};
    size_t index;
    int code = call_exactly(call, 2);
    for (index = 0; index < 2U && code == SCPI_OK; index++) {
        code = parse_number(call->parameters[index], UNIT_PURE, &wanted[index], &call->detail);
        wanted[index] = rint(wanted[index]);
    }
    if (code != SCPI_OK) {
        return code;
    }
    if (call->board->trace.points == 0U) {
        return call_fail(call, SCPI_DATA_STALE, "nothing has been measured yet; send INITiate first");
    }
    if (wanted[0] < 1.0 || wanted[1] < 1.0 || wanted[0] - 1.0 + wanted[1] > points) {
        text_string(&call->detail, "points ");
        put_point(&call->detail, wanted[0]);
        text_string(&call->detail, " to ");
        put_point(&call->detail, wanted[0] - 1.0 + wanted[1]);
        text_string(&call->detail, "; allowed: 1 to ");
        put_point(&call->detail, points);
        return SCPI_OUT_OF_RANGE;
    }
    *first = (size_t)wanted[0] - 1U;
    *count = (size_t)wanted[1];
    return SCPI_OK;
}

static int data(struct call *call) {
    size_t first = 0;
    size_t count = 0;
    int code = piece(call, &first, &count);
    return code != SCPI_OK ? code : readings_answer_currents(call, first, count);
}

static int status(struct call *call) {
    size_t first = 0;
    size_t count = 0;
    int code = piece(call, &first, &count);
    return code != SCPI_OK ? code : readings_answer_status(call, first, count);
}

static int uncertainty(struct call *call) {
    size_t first = 0;
    size_t count = 0;
    int code = piece(call, &first, &count);
    return code != SCPI_OK ? code : readings_answer_uncertainty(call, first, count);
}

static const struct command COMMANDS[] = {
    {"TRACe:POINts:ACTual", NULL, actual, GROUP_SEQ, false, 0U},
    {"TRACe:DATA", NULL, data, GROUP_SEQ, true, 0U},
    {"TRACe:STATus", NULL, status, GROUP_SEQ, true, 0U},
    {"TRACe:UNCertainty", NULL, uncertainty, GROUP_SEQ | GROUP_CAL, true, 0U},
};

struct command_table trace_commands(void) {
    struct command_table table = {COMMANDS, sizeof COMMANDS / sizeof COMMANDS[0]};
    return table;
}
