/* INITiate, ABORt, TRIGger, FETCh, READ, MEASure: acquisitions. */
#include "engine/call.h"
#include "engine/commands.h"
#include "engine/readings.h"
#include "engine/scpi_errors.h"

static const char *const SOURCES[] = {"IMMediate", "BUS", "EXTernal"};
static const char *const SHORT_SOURCES[] = {"IMM", "BUS", "EXT"};

static int begin(struct call *call) {
    return acquisition_initiate(call->link, true, call->board->settings.auto_range, false, &call->detail);
}

static int initiate(struct call *call) {
    int code = call_at_most(call, 0);
    return code != SCPI_OK ? code : begin(call);
}

static int abort_acquisition(struct call *call) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        instrument_abort(call->board);
    }
    return code;
}

static int set_source(struct call *call) {
    size_t source = 0;
    int code = call_exactly(call, 1);
    if (code == SCPI_OK) {
        code = call_choice(call, call->parameters[0], SOURCES, 3, &source);
    }
    if (code == SCPI_OK) {
        call->board->settings.trigger_source = (enum trigger_source)source;
    }
    return code;
}

static int source(struct call *call) {
    text_string(&call->reply, SHORT_SOURCES[call->board->settings.trigger_source]);
    return call_at_most(call, 0);
}

/* Wait until the trace is whole. */
static int finish(struct call *call) {
    if (call->board->acquisition.waiting) {
        return call_fail(call, SCPI_TRIGGER_DEADLOCK,
                         "the acquisition waits for a trigger that this query would hold up");
    }
    instrument_complete(call->board);
    if (call->board->trace.points == 0U) {
        return call_fail(call, SCPI_DATA_STALE, "nothing has been measured yet; send INITiate first");
    }
    return SCPI_OK;
}

static int answer_last(struct call *call) {
    int code = finish(call);
    return code != SCPI_OK ? code : readings_answer_currents(call, call->board->trace.points - 1U, 1);
}

static int fetch(struct call *call) {
    int code = call_at_most(call, 0);
    return code != SCPI_OK ? code : answer_last(call);
}

static int fetch_status(struct call *call) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        code = finish(call);
    }
    return code != SCPI_OK ? code : readings_answer_status(call, call->board->trace.points - 1U, 1);
}

static int fetch_uncertainty(struct call *call) {
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        code = finish(call);
    }
    return code != SCPI_OK ? code : readings_answer_uncertainty(call, call->board->trace.points - 1U, 1);
}

static int read(struct call *call) {
    int code = call_at_most(call, 0);
    if (code != SCPI_OK) {
        return code;
    }
    if (call->board->settings.trigger_source != TRIGGER_IMMEDIATE) {
        return call_fail(call, SCPI_TRIGGER_DEADLOCK,
                         "the trigger could never arrive; send INITiate, *TRG, FETCh?");
    }
    instrument_abort(call->board);
    code = begin(call);
    return code != SCPI_OK ? code : answer_last(call);
}

static int measure(struct call *call) {
    /* Range once, read the single vector whatever sequence is loaded, without waiting for a trigger. */
    int code = call_at_most(call, 0);
    if (code != SCPI_OK) {
        return code;
    }
    instrument_abort(call->board);
    code = acquisition_initiate(call->link, false, true, true, &call->detail);
    return code != SCPI_OK ? code : answer_last(call);
}

static const struct command COMMANDS[] = {
    {"INITiate[:IMMediate]", initiate, NULL, GROUP_NONE, false, FORM_ACTS},
    {"ABORt", abort_acquisition, NULL, GROUP_NONE, false, FORM_ACTS | FORM_URGENT},
    {"TRIGger:SOURce", set_source, source, GROUP_NONE, false, 0U},
    {"FETCh[:CURRent]", NULL, fetch, GROUP_NONE, true, 0U},
    {"FETCh:STATus", NULL, fetch_status, GROUP_NONE, true, 0U},
    {"FETCh:UNCertainty", NULL, fetch_uncertainty, GROUP_CAL, true, 0U},
    {"READ[:CURRent]", NULL, read, GROUP_NONE, true, QUERY_IS_RESERVED | FORM_ACTS},
    {"MEASure:CURRent", NULL, measure, GROUP_NONE, true, QUERY_IS_RESERVED | FORM_ACTS},
};

struct command_table trigger_commands(void) {
    struct command_table table = {COMMANDS, sizeof COMMANDS / sizeof COMMANDS[0]};
    return table;
}
