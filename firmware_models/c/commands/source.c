/* SOURce and OUTPut: what drives the rows. */
#include "engine/call.h"
#include "engine/commands.h"
#include "engine/holdings.h"
#include "engine/scpi_errors.h"
#include "instrument.h"

static double largest(const double *values, size_t count) {
    double most = 0.0;
    size_t index;
    for (index = 0; index < count; index++) {
        double magnitude = values[index] < 0.0 ? -values[index] : values[index];
        most = magnitude > most ? magnitude : most;
    }
    return most;
}

/* Replace wanted voltages by those that the DAC gives; -222 if one is beyond the protection. */
static int drive(struct call *call, double *values, size_t count) {
    const struct hal *hal = call->board->hal;
    double protection_v = call->board->settings.protection_v;
    double largest_v = largest(values, count);
    if (largest_v > protection_v) {
        text_general(&call->detail, largest_v);
        text_string(&call->detail, " V; allowed: up to ");
        text_general(&call->detail, protection_v);
        return call_fail(call, SCPI_OUT_OF_RANGE, " V, the protection");
    }
    return call_hardware(call, hal->round_voltage(hal->context, values, count, protection_v));
}

static int set_vector(struct call *call) {
    struct array_parameter *array = &call->link->array;
    size_t rows = call->board->facts->rows;
    int code = array_end(array, &call->detail);
    if (code == SCPI_OK) {
        code = array_require_length(array, rows, &call->detail);
    }
    if (code == SCPI_OK) {
        code = drive(call, array->values, rows);
    }
    if (code == SCPI_OK) {
        call_replace(call, call->board->memory->voltage_v, array->values, rows);
    }
    return code;
}

static int vector(struct call *call) {
    size_t rows = call->board->facts->rows;
    size_t row;
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        for (row = 0; row < rows; row++) {
            call->board->memory->reply[row] = call->board->memory->voltage_v[row];
        }
        call_reply_array(call, rows, false);
    }
    return code;
}

static int set_protection(struct call *call) {
    struct board_settings *settings = &call->board->settings;
    const struct instrument_memory *memory = call->board->memory;
    double value_v = 0.0;
    double vector_v = largest(memory->voltage_v, call->board->facts->rows);
    double sequence_v = largest(memory->banks[settings->sequence_bank], settings->sequence_values);
    double largest_v = vector_v > sequence_v ? vector_v : sequence_v;
    int code = call_set_real(call, UNIT_VOLT, protection_limits(call->board->facts), &value_v);
    if (code != SCPI_OK) {
        return code;
    }
    if (value_v < largest_v) {
        text_general(&call->detail, value_v);
        text_string(&call->detail, " V; a loaded vector reaches ");
        text_general(&call->detail, largest_v);
        return call_fail(call, SCPI_SETTINGS_CONFLICT, " V");
    }
    settings->protection_v = value_v;
    return SCPI_OK;
}

static int protection(struct call *call) {
    return call_answer_real(call, protection_limits(call->board->facts), call->board->settings.protection_v);
}

static int sequence_length(struct call *call) {
    const struct array_parameter *array = &call->link->array;
    size_t rows = call->board->facts->rows;
    size_t most = call->board->facts->sequence_max;
    if (array->count % rows != 0U) {
        text_unsigned(&call->detail, array->count);
        text_string(&call->detail, " values; allowed: a multiple of ");
        text_unsigned(&call->detail, rows);
        return array->is_block ? SCPI_INVALID_BLOCK : SCPI_PARAMETER_NOT_ALLOWED;
    }
    if (array->count > most * rows) {
        text_unsigned(&call->detail, array->count / rows);
        text_string(&call->detail, " vectors; allowed: at most ");
        text_unsigned(&call->detail, most);
        return SCPI_TOO_MUCH_DATA;
    }
    return SCPI_OK;
}

static int set_sequence(struct call *call) {
    struct array_parameter *array = &call->link->array;
    int code;
    if (call->count == 0U) {
        return call_fail(call, SCPI_MISSING_PARAMETER, "a batch of vectors is wanted");
    }
    code = array_end(array, &call->detail);
    if (code == SCPI_OK) {
        code = sequence_length(call);
    }
    if (code == SCPI_OK) {
        code = drive(call, array->values, array->count);
    }
    if (code == SCPI_OK) {
        /* The bank that it arrived in is the sequence now; the old one is free once no acquisition reads it. */
        if (array->count == call->board->settings.sequence_values) {
            call_note_difference(call, call->board->memory->banks[call->board->settings.sequence_bank],
                                 array->values, array->count);
        }
        call->board->settings.sequence_bank = call->board->staging_bank;
        call->board->settings.sequence_values = array->count;
    }
    return code;
}

static int points(struct call *call) {
    struct whole_limits limits = {0, 0, 0};
    limits.high = (int64_t)call->board->facts->sequence_max;
    return call_answer_whole(call, limits,
                             (int64_t)(call->board->settings.sequence_values / call->board->facts->rows));
}

static int set_dwell(struct call *call) {
    return call_set_real(call, UNIT_SECOND, dwell_limits(call->board->facts), &call->board->settings.dwell_s);
}

static int dwell(struct call *call) {
    return call_answer_real(call, dwell_limits(call->board->facts), call->board->settings.dwell_s);
}

static int clear_sequence(struct call *call) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        call->board->settings.sequence_values = 0;
    }
    return code;
}

static int set_output(struct call *call) {
    bool on = false;
    int code = call_boolean(call, &on);
    /* Anyone may switch it off, always. */
    if (code == SCPI_OK && on && lock_excludes(call->link, &call->detail)) {
        code = SCPI_SETTINGS_CONFLICT;
    }
    if (code != SCPI_OK) {
        return code;
    }
    call->board->settings.output_on = on;
    if (!on) {
        if (call->board->acquisition.initiated && !call->board->acquisition.at_rest) {
            instrument_abort(call->board);
        }
        call->board->hal->rest(call->board->hal->context);
    }
    return SCPI_OK;
}

static int output(struct call *call) {
    call_reply_whole(call, call->board->settings.output_on ? 1 : 0);
    return call_at_most(call, 0);
}

static const struct command COMMANDS[] = {
    {"SOURce:VOLTage[:LEVel]:LIST", set_vector, vector, GROUP_NONE, true, 0U},
    {"SOURce:VOLTage:PROTection", set_protection, protection, GROUP_NONE, false, 0U},
    {"SOURce:SEQuence:DATA", set_sequence, NULL, GROUP_SEQ, true, 0U},
    {"SOURce:SEQuence:POINts", NULL, points, GROUP_SEQ, false, 0U},
    {"SOURce:SEQuence:DWELl", set_dwell, dwell, GROUP_SEQ, false, 0U},
    {"SOURce:SEQuence:CLEar", clear_sequence, NULL, GROUP_SEQ, false, 0U},
    {"OUTPut[:STATe]", set_output, output, GROUP_NONE, false, SET_IS_FREE | URGENT_IF_OFF},
};

struct command_table source_commands(void) {
    struct command_table table = {COMMANDS, sizeof COMMANDS / sizeof COMMANDS[0]};
    return table;
}
