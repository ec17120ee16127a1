/* IEEE 488.2 common commands. */
#include "engine/call.h"
#include "engine/capabilities.h"
#include "engine/commands.h"
#include "engine/scpi_errors.h"

static const struct whole_limits BYTE = {0, 255, 0};

static int clear(struct call *call) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        status_clear(&call->link->status);
        call->link->status.completion_wanted = false;
    }
    return code;
}

static int set_event_enable(struct call *call) {
    int64_t mask = 0;
    int code = call_set_whole(call, BYTE, &mask);
    if (code == SCPI_OK) {
        call->link->status.event_enable = (unsigned)mask;
    }
    return code;
}

static int event_enable(struct call *call) {
    call_reply_whole(call, (int64_t)call->link->status.event_enable);
    return call_at_most(call, 0);
}

static int event_status(struct call *call) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        call_reply_whole(call, (int64_t)status_take_event_status(&call->link->status));
    }
    return code;
}

static int identity(struct call *call) {
    const struct board_facts *facts = call->board->facts;
    text_string(&call->reply, facts->manufacturer);
    text_character(&call->reply, ',');
    text_string(&call->reply, facts->model);
    text_character(&call->reply, ',');
    text_string(&call->reply, facts->serial);
    text_character(&call->reply, ',');
    text_string(&call->reply, facts->firmware);
    return call_at_most(call, 0);
}

static int complete(struct call *call) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        call->link->status.completion_wanted = true;
        instrument_announce_completion(call->board);
    }
    return code;
}

static int wait_until_complete(struct call *call) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        instrument_complete(call->board);
        code = call->board->acquisition.waiting ? SCPI_WAIT : SCPI_OK;
    }
    return code;
}

static int is_complete(struct call *call) {
    call_reply_whole(call, 1);
    return wait_until_complete(call);
}

static int options(struct call *call) {
    capabilities_list(call->board->facts->groups, &call->reply);
    if (call->board->facts->groups == GROUP_NONE) {
        call_reply_whole(call, 0);
    }
    return call_at_most(call, 0);
}

static int reset(struct call *call) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        instrument_reset(call->link);
    }
    return code;
}

static int set_request_enable(struct call *call) {
    int64_t mask = 0;
    int code = call_set_whole(call, BYTE, &mask);
    if (code == SCPI_OK) {
        call->link->status.request_enable = (unsigned)mask & ~STATUS_MASTER_SUMMARY;
    }
    return code;
}

static int request_enable(struct call *call) {
    call_reply_whole(call, (int64_t)call->link->status.request_enable);
    return call_at_most(call, 0);
}

static int status_byte_query(struct call *call) {
    call_reply_whole(call, (int64_t)link_master_status_byte(call->link));
    return call_at_most(call, 0);
}

static int trigger(struct call *call) {
    int code = call_at_most(call, 0);
    return code != SCPI_OK ? code : instrument_trigger(call->board, &call->detail);
}

static int self_test(struct call *call) {
    call_reply_whole(call, 0);
    return call_at_most(call, 0);
}

static const struct command COMMANDS[] = {
    {"*CLS", clear, NULL, GROUP_NONE, false, SET_IS_FREE | FORM_URGENT | FORGETS_COMPLETION},
    {"*ESE", set_event_enable, event_enable, GROUP_NONE, false, SET_IS_FREE},
    {"*ESR", NULL, event_status, GROUP_NONE, false, 0U},
    {"*IDN", NULL, identity, GROUP_NONE, false, 0U},
    {"*OPC", complete, is_complete, GROUP_NONE, false, SET_IS_FREE},
    {"*OPT", NULL, options, GROUP_NONE, false, 0U},
    {"*RST", reset, NULL, GROUP_NONE, false, FORM_ACTS | FORM_URGENT | FORGETS_COMPLETION},
    {"*SRE", set_request_enable, request_enable, GROUP_NONE, false, SET_IS_FREE},
    {"*STB", NULL, status_byte_query, GROUP_NONE, false, 0U},
    {"*TRG", trigger, NULL, GROUP_NONE, false, FORM_ACTS | FORM_URGENT},
    {"*TST", NULL, self_test, GROUP_NONE, false, 0U},
    {"*WAI", wait_until_complete, NULL, GROUP_NONE, false, SET_IS_FREE},
};

struct command_table common_commands(void) {
    struct command_table table = {COMMANDS, sizeof COMMANDS / sizeof COMMANDS[0]};
    return table;
}
