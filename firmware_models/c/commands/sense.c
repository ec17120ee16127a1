/* SENSe: the column amplifiers and their converter, and the thermometer. */
#include "engine/call.h"
#include "engine/commands.h"
#include "engine/scpi_errors.h"

static struct limits range_limits(const struct board_facts *facts, double low_a) {
    struct limits limits;
    limits.low = low_a;
    limits.high = facts->ranges_a[facts->range_count - 1U];
    limits.fallback = limits.high;
    return limits;
}

static int set_range(struct call *call) {
    /* Take the lowest range that holds the value, and stop ranging automatically (decision 10). */
    const struct board_facts *facts = call->board->facts;
    double value_a = 0.0;
    size_t index = 0;
    int code = call_set_real(call, UNIT_AMPERE, range_limits(facts, 0.0), &value_a);
    if (code == SCPI_OK) {
        while (facts->ranges_a[index] < value_a) {
            index++;
        }
        call->board->settings.range_index = index;
        call->board->settings.auto_range = false;
    }
    return code;
}

static int range(struct call *call) {
    const struct board_facts *facts = call->board->facts;
    return call_answer_real(call, range_limits(facts, facts->ranges_a[0]),
                            facts->ranges_a[call->board->settings.range_index]);
}

static int set_auto(struct call *call) {
    return call_boolean(call, &call->board->settings.auto_range);
}

static int automatic(struct call *call) {
    call_reply_whole(call, call->board->settings.auto_range ? 1 : 0);
    return call_at_most(call, 0);
}

static int range_list(struct call *call) {
    size_t index;
    for (index = 0; index < call->board->facts->range_count; index++) {
        text_string(&call->reply, index > 0U ? "," : "");
        call_reply_number(call, call->board->facts->ranges_a[index]);
    }
    return call_at_most(call, 0);
}

static int set_aperture(struct call *call) {
    const struct hal *hal = call->board->hal;
    double wanted_s = 0.0;
    int code = call_set_real(call, UNIT_SECOND, aperture_limits(call->board->facts), &wanted_s);
    if (code == SCPI_OK) {
        call->board->settings.aperture_s = hal->round_aperture(hal->context, wanted_s);
    }
    return code;
}

static int aperture(struct call *call) {
    return call_answer_real(call, aperture_limits(call->board->facts), call->board->settings.aperture_s);
}

static int set_average(struct call *call) {
    return call_set_whole(call, average_limits(call->board->facts), &call->board->settings.average_count);
}

static int average(struct call *call) {
    return call_answer_whole(call, average_limits(call->board->facts), call->board->settings.average_count);
}

static int temperature(struct call *call) {
    const struct hal *hal = call->board->hal;
    double temperature_c = 0.0;
    int code = call_at_most(call, 0);
    if (code == SCPI_OK) {
        code = call_hardware(call, hal->temperature(hal->context, &temperature_c));
    }
    if (code == SCPI_OK) {
        call_reply_number(call, temperature_c);
    }
    return code;
}

static const struct command COMMANDS[] = {
    {"SENSe:CURRent:RANGe[:UPPer]", set_range, range, GROUP_NONE, false, 0U},
    {"SENSe:CURRent:RANGe:AUTO", set_auto, automatic, GROUP_NONE, false, 0U},
    {"SENSe:CURRent:RANGe:LIST", NULL, range_list, GROUP_NONE, false, 0U},
    {"SENSe:CURRent:APERture", set_aperture, aperture, GROUP_NONE, false, 0U},
    {"SENSe:AVERage:COUNt", set_average, average, GROUP_NONE, false, 0U},
    {"SENSe:TEMPerature", NULL, temperature, GROUP_TEMP, false, 0U},
};

struct command_table sense_commands(void) {
    struct command_table table = {COMMANDS, sizeof COMMANDS / sizeof COMMANDS[0]};
    return table;
}
