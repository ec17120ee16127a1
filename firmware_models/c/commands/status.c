/* STATus: the operation and questionable registers. */
#include "engine/call.h"
#include "engine/commands.h"
#include "engine/scpi_errors.h"

static const struct whole_limits WORD = {0, 65535, 0};

static int event(struct call *call, struct event_register *events) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        call_reply_whole(call, (int64_t)event_take(events));
    }
    return code;
}

static int condition(struct call *call, unsigned bits) {
    call_reply_whole(call, (int64_t)bits);
    return call_at_most(call, 0);
}

static int set_enable(struct call *call, struct event_register *events) {
    int64_t mask = 0;
    int code = call_set_whole(call, WORD, &mask);
    if (code == SCPI_OK) {
        event_set_enable(events, (unsigned)mask);
    }
    return code;
}

static int enable(struct call *call, const struct event_register *events) {
    call_reply_whole(call, (int64_t)events->enable);
    return call_at_most(call, 0);
}

static int operation_event(struct call *call) {
    return event(call, &call->link->status.operation);
}

static int operation_condition(struct call *call) {
    return condition(call, call->board->conditions.operation);
}

static int set_operation_enable(struct call *call) {
    return set_enable(call, &call->link->status.operation);
}

static int operation_enable(struct call *call) {
    return enable(call, &call->link->status.operation);
}

static int questionable_event(struct call *call) {
    return event(call, &call->link->status.questionable);
}

static int questionable_condition(struct call *call) {
    return condition(call, call->board->conditions.questionable);
}

static int set_questionable_enable(struct call *call) {
    return set_enable(call, &call->link->status.questionable);
}

static int questionable_enable(struct call *call) {
    return enable(call, &call->link->status.questionable);
}

static int preset(struct call *call) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        status_preset(&call->link->status);
    }
    return code;
}

static const struct command COMMANDS[] = {
    {"STATus:OPERation[:EVENt]", NULL, operation_event, GROUP_NONE, false, 0U},
    {"STATus:OPERation:CONDition", NULL, operation_condition, GROUP_NONE, false, 0U},
    {"STATus:OPERation:ENABle", set_operation_enable, operation_enable, GROUP_NONE, false, SET_IS_FREE},
    {"STATus:QUEStionable[:EVENt]", NULL, questionable_event, GROUP_NONE, false, 0U},
    {"STATus:QUEStionable:CONDition", NULL, questionable_condition, GROUP_NONE, false, 0U},
    {"STATus:QUEStionable:ENABle", set_questionable_enable, questionable_enable, GROUP_NONE, false, SET_IS_FREE},
    {"STATus:PRESet", preset, NULL, GROUP_NONE, false, SET_IS_FREE},
};

struct command_table status_commands(void) {
    struct command_table table = {COMMANDS, sizeof COMMANDS / sizeof COMMANDS[0]};
    return table;
}
