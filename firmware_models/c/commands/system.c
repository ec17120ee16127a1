/* SYSTem: errors, version, capabilities, lock. */
#include "engine/call.h"
#include "engine/capabilities.h"
#include "engine/commands.h"
#include "engine/scpi_errors.h"

#define SCPI_VERSION "1999.0"

static int next_error(struct call *call) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        error_queue_pop(&call->link->status.errors, &call->reply);
    }
    return code;
}

static int error_count(struct call *call) {
    call_reply_whole(call, (int64_t)call->link->status.errors.count);
    return call_at_most(call, 0);
}

static int all_errors(struct call *call) {
    int code = call_at_most(call, 0);
    struct error_queue *errors = &call->link->status.errors;
    if (code != SCPI_OK) {
        return code;
    }
    if (errors->count < 2U) {
        error_queue_pop(errors, &call->reply);
        return SCPI_OK;
    }
    error_queue_leave(errors);
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

static int request_lock(struct call *call) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        call_reply_whole(call, lock_request(call->link) ? 1 : 0);
    }
    return code;
}

static int release_lock(struct call *call) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        lock_release(call->link);
    }
    return code;
}

static int owner_of_lock(struct call *call) {
    const struct link *owner = lock_owner(call->board);
    text_string(&call->reply, owner == NULL ? "NONE" : owner->address);
    return call_at_most(call, 0);
}

static int set_lock_timeout(struct call *call) {
    return call_set_real(call, UNIT_SECOND, lock_timeout_limits(), &call->board->lock.timeout_s);
}

static int lock_timeout(struct call *call) {
    return call_answer_real(call, lock_timeout_limits(), call->board->lock.timeout_s);
}

static int changes(struct call *call) {
    call_reply_whole(call, (int64_t)changes_by_others(call->link));
    return call_at_most(call, 0);
}

static const struct command COMMANDS[] = {
    {"SYSTem:ERRor[:NEXT]", NULL, next_error, GROUP_NONE, false, 0U},
    {"SYSTem:ERRor:COUNt", NULL, error_count, GROUP_NONE, false, 0U},
    {"SYSTem:ERRor:ALL", NULL, all_errors, GROUP_NONE, false, 0U},
    {"SYSTem:VERSion", NULL, version, GROUP_NONE, false, 0U},
    {"SYSTem:CAPability", NULL, capability, GROUP_NONE, false, 0U},
    {"SYSTem:LOCK:REQuest", NULL, request_lock, GROUP_LOCK, false, 0U},
    {"SYSTem:LOCK:RELease", release_lock, NULL, GROUP_LOCK, false, SET_IS_FREE},
    {"SYSTem:LOCK:OWNer", NULL, owner_of_lock, GROUP_LOCK, false, 0U},
    {"SYSTem:LOCK:TIMeout", set_lock_timeout, lock_timeout, GROUP_LOCK, false, 0U},
    {"SYSTem:CHANges", NULL, changes, GROUP_LOCK, false, 0U},
};

struct command_table system_commands(void) {
    struct command_table table = {COMMANDS, sizeof COMMANDS / sizeof COMMANDS[0]};
    return table;
}
