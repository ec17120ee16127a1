#include "engine/commands.h"

const struct command *commands_find(unsigned groups, struct span path) {
    struct command_table tables[12];
    tables[0] = common_commands();
    tables[1] = system_commands();
    tables[2] = status_commands();
    tables[3] = format_commands();
    tables[4] = array_commands();
    tables[5] = source_commands();
    tables[6] = sense_commands();
    tables[7] = trigger_commands();
    tables[8] = trace_commands();
    tables[9] = diagnostic_commands();
    tables[10] = simulation_commands();
    tables[11] = calibration_commands();
    return header_tree_find(tables, sizeof tables / sizeof tables[0], groups, path);
}
