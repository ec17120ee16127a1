/* CALibration: the calibrator on board (decision 25). */
#include "engine/call.h"
#include "engine/commands.h"
#include "engine/scpi_errors.h"

static int set_state(struct call *call) {
    return call_boolean(call, &call->link->calibrated);
}

static int state(struct call *call) {
    call_reply_whole(call, call->link->calibrated ? 1 : 0);
    return call_at_most(call, 0);
}

/* What is on board cannot be measured anew: it is verified that it still computes what it was exported with. */
static int verify(struct call *call) {
    const struct calibrator *calibrator = call->board->hal->calibrator;
    int failed;
    int code = call_at_most(call, 0);
    if (code != SCPI_OK) {
        return code;
    }
    failed = calibrator->self_test == NULL ? 0 : calibrator->self_test();
    instrument_set_questionable(call->board, QUESTIONABLE_CALIBRATION, failed != 0);
    call->board->calibration_verified = failed == 0;
    call->board->calibration_verified_at_s = instrument_now_s(call->board);
    call_reply_whole(call, failed == 0 ? 0 : SCPI_HARDWARE_ERROR);
    return SCPI_OK;
}

static int age(struct call *call) {
    double age_s = instrument_now_s(call->board) - call->board->calibration_verified_at_s;
    call_reply_number(call, call->board->calibration_verified ? age_s : NOT_A_NUMBER_A);
    return call_at_most(call, 0);
}

static const struct command COMMANDS[] = {
    {"CALibration:STATe", set_state, state, GROUP_CAL, false, SET_IS_FREE},
    {"CALibration[:ALL]", NULL, verify, GROUP_CAL, false, 0U},
    {"CALibration:AGE", NULL, age, GROUP_CAL, false, 0U},
};

struct command_table calibration_commands(void) {
    struct command_table table = {COMMANDS, sizeof COMMANDS / sizeof COMMANDS[0]};
    return table;
}
