/* SYSTem: errors, version, capabilities. */
#include "engine/call.h"
#include "engine/capabilities.h"
#include "engine/commands.h"
#include "engine/scpi_errors.h"

#define SCPI_VERSION "1999.0"

static int next_error(struct call *call) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        error_queue_pop(&call->board->status.errors, &call->reply);
    }
    return code;
}

static int error_count(struct call *call) {
    call_reply_whole(call, (int64_t)call->board->status.errors.count);
    return call_at_most(call, 0);
}

static int all_errors(struct call *call) {
    int code = call_at_most(call, 0);
    struct error_queue *errors = &call->board->status.errors;
    if (code != SCPI_OK) {
        return code;
    }
    if (errors->count < 2U) {
        error_queue_pop(errors, &call->reply);
        return SCPI_OK;
    }
    if (!error_queue_leave(errors)) {
        return call_fail(call, SCPI_EXECUTION_ERROR, "another client is being answered all errors");
    }
    call->link->long_reply = REPLY_ERRORS;
    error_queue_write_leaving(errors, &call->reply);
    return SCPI_OK;
}

static int version(struct call *call) {
    text_string(&call->reply, SCPI_VERSION);
    return call_at_most(call, 0);
}

static int capability(struct call *call) {
    capabilities_list(call->board->facts->groups, &call->reply);
    return call_at_most(call, 0);
}

static const struct command COMMANDS[] = {
    {"SYSTem:ERRor[:NEXT]", NULL, next_error, GROUP_NONE, false},
    {"SYSTem:ERRor:COUNt", NULL, error_count, GROUP_NONE, false},
    {"SYSTem:ERRor:ALL", NULL, all_errors, GROUP_NONE, false},
    {"SYSTem:VERSion", NULL, version, GROUP_NONE, false},
    {"SYSTem:CAPability", NULL, capability, GROUP_NONE, false},
};

struct command_table system_commands(void) {
    struct command_table table = {COMMANDS, sizeof COMMANDS / sizeof COMMANDS[0]};
    return table;
}
