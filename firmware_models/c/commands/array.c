/* ARRay: the matrix and its programming. */
#include "engine/call.h"
#include "engine/commands.h"
#include "engine/scpi_errors.h"
#include "numbers/double_bits.h"

static int size(struct call *call) {
    text_unsigned(&call->reply, call->board->facts->rows);
    text_character(&call->reply, ',');
    text_unsigned(&call->reply, call->board->facts->columns);
    return call_at_most(call, 0);
}

static int tiles(struct call *call) {
    text_unsigned(&call->reply, call->board->facts->tile_rows);
    text_character(&call->reply, ',');
    text_unsigned(&call->reply, call->board->facts->tile_columns);
    return call_at_most(call, 0);
}

static int outside(struct call *call, size_t cell, double value_s) {
    const struct board_facts *facts = call->board->facts;
    text_general(&call->detail, value_s);
    text_string(&call->detail, " S at ");
    text_unsigned(&call->detail, cell / facts->columns + 1U);
    text_character(&call->detail, ',');
    text_unsigned(&call->detail, cell % facts->columns + 1U);
    text_string(&call->detail, "; allowed: ");
    text_general(&call->detail, facts->conductance_min_s);
    text_string(&call->detail, " to ");
    text_general(&call->detail, facts->conductance_max_s);
    return call_fail(call, SCPI_OUT_OF_RANGE, " S");
}

static int set_target(struct call *call) {
    const struct board_facts *facts = call->board->facts;
    struct array_parameter *array = &call->link->array;
    size_t cells = facts->rows * facts->columns;
    size_t cell;
    int code = array_end(array, &call->detail);
    if (code == SCPI_OK) {
        code = array_require_length(array, cells, &call->detail);
    }
    if (code != SCPI_OK) {
        return code;
    }
    for (cell = 0; cell < cells; cell++) {
        if (array->values[cell] < facts->conductance_min_s || array->values[cell] > facts->conductance_max_s) {
            return outside(call, cell, array->values[cell]);
        }
    }
    call_replace(call, call->board->memory->target_s, array->values, cells);
    return SCPI_OK;
}

/* Answer values of which some may be no number. */
static int answer(struct call *call, const double *values, size_t count) {
    double *reply = call->board->memory->reply;
    size_t index;
    for (index = 0; index < count; index++) {
        reply[index] = double_split(values[index]).not_a_number ? NOT_A_NUMBER_A : values[index];
    }
    call_reply_array(call, count, false);
    return SCPI_OK;
}

static size_t cells_of(const struct call *call) {
    return call->board->facts->rows * call->board->facts->columns;
}

static int target(struct call *call) {
    int code = call_at_most(call, 0);
    return code != SCPI_OK ? code : answer(call, call->board->memory->target_s, cells_of(call));
}

static int conductance_limits(struct call *call) {
    call_reply_number(call, call->board->facts->conductance_min_s);
    text_character(&call->reply, ',');
    call_reply_number(call, call->board->facts->conductance_max_s);
    return call_at_most(call, 0);
}

static int start(struct call *call) {
    int code = call_at_most(call, 0);
    return code != SCPI_OK ? code : programming_start(call->link, &call->detail);
}

static int abort_programming(struct call *call) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        instrument_abort_programming(call->board);
    }
    return code;
}

static int result(struct call *call) {
    const struct programming *programming = &call->board->programming;
    int code = call_at_most(call, 0);
    if (code != SCPI_OK) {
        return code;
    }
    instrument_complete(call->board);
    if (!programming->has_result) {
        return call_fail(call, SCPI_DATA_STALE, "nothing has been programmed yet; send ARRay:PROGram first");
    }
    text_unsigned(&call->reply, programming->result.cells_failed);
    text_character(&call->reply, ',');
    call_reply_number(call, programming->result.rms_relative_error);
    text_character(&call->reply, ',');
    text_integer(&call->reply, programming->result_iterations);
    return SCPI_OK;
}

static int set_tolerance(struct call *call) {
    return call_set_real(call, UNIT_PURE, tolerance_limits(), &call->board->settings.tolerance);
}

static int tolerance(struct call *call) {
    return call_answer_real(call, tolerance_limits(), call->board->settings.tolerance);
}

static int set_iterations(struct call *call) {
    return call_set_whole(call, iterations_limits(), &call->board->settings.iterations);
}

static int iterations(struct call *call) {
    return call_answer_whole(call, iterations_limits(), call->board->settings.iterations);
}

static int read_back(struct call *call) {
    const struct hal *hal = call->board->hal;
    double *reply = call->board->memory->reply;
    int code = call_at_most(call, 0);
    if (code != SCPI_OK) {
        return code;
    }
    instrument_complete(call->board);
    code = call_hardware(call, hal->read_conductance(hal->context, reply));
    return code != SCPI_OK ? code : answer(call, reply, cells_of(call));
}

static const struct command COMMANDS[] = {
    {"ARRay:SIZE", NULL, size, GROUP_NONE, false, 0U},
    {"ARRay:TILes", NULL, tiles, GROUP_TILE, false, 0U},
    {"ARRay:CONDuctance:TARGet", set_target, target, GROUP_PROG, true, 0U},
    {"ARRay:CONDuctance:LIMits", NULL, conductance_limits, GROUP_NONE, false, 0U},
    {"ARRay:PROGram[:STARt]", start, NULL, GROUP_PROG, false, FORM_ACTS},
    {"ARRay:PROGram:ABORt", abort_programming, NULL, GROUP_PROG, false, FORM_ACTS},
    {"ARRay:PROGram:RESult", NULL, result, GROUP_PROG, false, 0U},
    {"ARRay:PROGram:TOLerance", set_tolerance, tolerance, GROUP_PROG, false, 0U},
    {"ARRay:PROGram:ITERations", set_iterations, iterations, GROUP_PROG, false, 0U},
    {"ARRay:CONDuctance", NULL, read_back, GROUP_READBACK, true, QUERY_IS_RESERVED},
};

struct command_table array_commands(void) {
    struct command_table table = {COMMANDS, sizeof COMMANDS / sizeof COMMANDS[0]};
    return table;
}
