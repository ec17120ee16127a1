/* DIAGnostic: what the converters are. */
#include "engine/call.h"
#include "engine/commands.h"

static int answer(struct call *call, int bits, double full_scale, double settling_s) {
    text_integer(&call->reply, bits);
    text_character(&call->reply, ',');
    call_reply_number(call, full_scale);
    text_character(&call->reply, ',');
    call_reply_number(call, settling_s);
    return call_at_most(call, 0);
}

static int adc(struct call *call) {
    /* Full scale is that of the present range (decision 18). */
    const struct board_facts *facts = call->board->facts;
    return answer(call, facts->adc_bits, facts->ranges_a[call->board->settings.range_index], facts->adc_settling_s);
}

static int dac(struct call *call) {
    const struct board_facts *facts = call->board->facts;
    return answer(call, facts->dac_bits, facts->dac_full_scale_v, facts->dac_settling_s);
}

static const struct command COMMANDS[] = {
    {"DIAGnostic:ADC:INFO", NULL, adc, GROUP_NONE, false, 0U},
    {"DIAGnostic:DAC:INFO", NULL, dac, GROUP_NONE, false, 0U},
};

struct command_table diagnostic_commands(void) {
    struct command_table table = {COMMANDS, sizeof COMMANDS / sizeof COMMANDS[0]};
    return table;
}
