/* SIMulation: what only a simulated board can do: age, warm up, break, and tell the truth. */
#include "engine/call.h"
#include "engine/commands.h"
#include "engine/scpi_errors.h"

static const struct limits DURATION_S = {0.0, 1e12, 0.0};
static const struct limits TEMPERATURE_C = {-55.0, 150.0, 25.0};
static const struct whole_limits SEED = {0, INT64_MAX, 0};
static const char *const CELL_FAULTS[] = {"OPEN", "SHORT", "STUCk"};
static const char *const CELL_KINDS[] = {"OPEN", "SHORT", "STUCK"};
static const char *const LINK_FAULTS[] = {"DROP", "STALl", "GARBle"};

static const struct simulation *simulation_of(struct call *call) {
    instrument_complete(call->board);
    return call->board->hal->simulation;
}

static void *context(const struct call *call) {
    return call->board->hal->context;
}

static int advance(struct call *call) {
    double duration_s = 0.0;
    int code = call_set_real(call, UNIT_SECOND, DURATION_S, &duration_s);
    return code != SCPI_OK ? code
                           : call_hardware(call, simulation_of(call)->advance_time(context(call), duration_s));
}

static int set_temperature(struct call *call) {
    double temperature_c = 0.0;
    int code = call_set_real(call, UNIT_CELSIUS, TEMPERATURE_C, &temperature_c);
    return code != SCPI_OK ? code
                           : call_hardware(call, simulation_of(call)->set_temperature(context(call), temperature_c));
}

static int seed(struct call *call) {
    int64_t value = 0;
    int code = call_set_whole(call, SEED, &value);
    return code != SCPI_OK ? code : call_hardware(call, simulation_of(call)->reseed(context(call), value));
}

static int index_of(struct call *call, size_t parameter, size_t count, size_t *index) {
    struct whole_limits limits = {1, 1, 1};
    int64_t value = 0;
    int code;
    limits.high = (int64_t)count;
    code = parse_whole(call->parameters[parameter], limits, &value, &call->detail);
    *index = (size_t)value;
    return code;
}

static int fault_cell(struct call *call) {
    size_t row = 0;
    size_t column = 0;
    size_t kind = 0;
    int code = call_exactly(call, 3);
    if (code == SCPI_OK) {
        code = index_of(call, 0, call->board->facts->rows, &row);
    }
    if (code == SCPI_OK) {
        code = index_of(call, 1, call->board->facts->columns, &column);
    }
    if (code == SCPI_OK) {
        code = call_choice(call, call->parameters[2], CELL_FAULTS, 3, &kind);
    }
    return code != SCPI_OK
               ? code
               : call_hardware(call, simulation_of(call)->fault_cell(context(call), row, column, CELL_KINDS[kind]));
}

static int fault_amplifier(struct call *call) {
    size_t column = 0;
    int code = call_exactly(call, 1);
    if (code == SCPI_OK) {
        code = index_of(call, 0, call->board->facts->columns, &column);
    }
    return code != SCPI_OK ? code
                           : call_hardware(call, simulation_of(call)->fault_amplifier(context(call), column));
}

static int fault_link(struct call *call) {
    size_t kind = 0;
    int code = call_exactly(call, 1);
    if (code == SCPI_OK) {
        code = call_choice(call, call->parameters[0], LINK_FAULTS, 3, &kind);
    }
    if (code == SCPI_OK) {
        call->board->fault_requested = kind == 0U ? FAULT_DROP : kind == 1U ? FAULT_STALL : FAULT_GARBLE;
    }
    return code;
}

static int clear_faults(struct call *call) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        code = call_hardware(call, simulation_of(call)->clear_faults(context(call)));
    }
    if (code == SCPI_OK) {
        instrument_release_withheld(call->board);
    }
    return code;
}

static int truth(struct call *call) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        code = call_hardware(
            call, simulation_of(call)->true_conductance(context(call), call->board->memory->reply));
    }
    if (code == SCPI_OK) {
        call_reply_array(call, call->board->facts->rows * call->board->facts->columns, false);
    }
    return code;
}

static const struct command COMMANDS[] = {
    {"SIMulation:TIME:ADVance", advance, NULL, GROUP_SIM, false, FORM_ACTS},
    {"SIMulation:TEMPerature", set_temperature, NULL, GROUP_SIM, false, FORM_ACTS},
    {"SIMulation:SEED", seed, NULL, GROUP_SIM, false, FORM_ACTS},
    {"SIMulation:FAULt:CELL", fault_cell, NULL, GROUP_SIM, false, FORM_ACTS},
    {"SIMulation:FAULt:AMPLifier", fault_amplifier, NULL, GROUP_SIM, false, FORM_ACTS},
    {"SIMulation:FAULt:LINK", fault_link, NULL, GROUP_SIM, false, 0U},
    {"SIMulation:FAULt:CLEar", clear_faults, NULL, GROUP_SIM, false, FORM_ACTS},
    {"SIMulation:TRUTh:CONDuctance", NULL, truth, GROUP_SIM, true, 0U},
};

struct command_table simulation_commands(void) {
    struct command_table table = {COMMANDS, sizeof COMMANDS / sizeof COMMANDS[0]};
    return table;
}
