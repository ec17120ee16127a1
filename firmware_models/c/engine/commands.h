/* The command table: one module per subsystem. */
#ifndef CROSSCAL_COMMANDS_H
#define CROSSCAL_COMMANDS_H

#include "engine/header_tree.h"


/* Find an absolute header in capitals among the commands of the groups present; NULL if there is none. */
const struct command *commands_find(unsigned groups, struct span path);

/* Each subsystem's table. */
struct command_table common_commands(void);
struct command_table system_commands(void);
struct command_table status_commands(void);
struct command_table format_commands(void);
struct command_table array_commands(void);
struct command_table source_commands(void);
struct command_table sense_commands(void);
struct command_table trigger_commands(void);
struct command_table trace_commands(void);
struct command_table diagnostic_commands(void);
struct command_table simulation_commands(void);
struct command_table calibration_commands(void);

#endif
