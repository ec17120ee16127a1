/* The errors that a board tells apart: codes, texts, and the standard event that each sets. */
#ifndef CROSSCAL_SCPI_ERRORS_H
#define CROSSCAL_SCPI_ERRORS_H

#include <stdbool.h>

/* What a command's handler returns: SCPI_OK, SCPI_WAIT (try again later), or one of the codes. */
#define SCPI_OK 0
#define SCPI_WAIT 1

#define SCPI_SYNTAX_ERROR (-102)
#define SCPI_DATA_TYPE_ERROR (-104)
#define SCPI_PARAMETER_NOT_ALLOWED (-108)
#define SCPI_MISSING_PARAMETER (-109)
#define SCPI_UNDEFINED_HEADER (-113)
#define SCPI_INVALID_SUFFIX (-131)
#define SCPI_SUFFIX_NOT_ALLOWED (-138)
#define SCPI_INVALID_BLOCK (-161)
#define SCPI_EXECUTION_ERROR (-200)
#define SCPI_TRIGGER_IGNORED (-211)
#define SCPI_INIT_IGNORED (-213)
#define SCPI_TRIGGER_DEADLOCK (-214)
#define SCPI_SETTINGS_CONFLICT (-221)
#define SCPI_OUT_OF_RANGE (-222)
#define SCPI_TOO_MUCH_DATA (-223)
#define SCPI_ILLEGAL_VALUE (-224)
#define SCPI_DATA_STALE (-230)
#define SCPI_HARDWARE_ERROR (-240)
#define SCPI_SYSTEM_ERROR (-310)
#define SCPI_QUEUE_OVERFLOW (-350)
#define SCPI_QUERY_INTERRUPTED (-410)
#define SCPI_QUERY_UNTERMINATED (-420)
#define BOARD_COMPLIANCE 101
#define BOARD_SATURATED 102
#define BOARD_OVER_TEMPERATURE 103
#define BOARD_CELL_STUCK 104
#define BOARD_NOT_CALIBRATED 105

#define EVENT_OPERATION_COMPLETE 0x01U
#define EVENT_POWER_ON 0x80U

const char *scpi_error_text(int code);
/* Bit of the standard event register that an error sets (IEEE 488.2, 11.5.1; SCPI-1999, 21.8). */
unsigned scpi_error_event(int code);
/* A command error discards the rest of its message, any other its own unit alone. */
bool scpi_is_command_error(int code);

#endif
