#include "engine/scpi_errors.h"

#include <stddef.h>

#define EVENT_QUERY_ERROR 0x04U
#define EVENT_DEVICE_ERROR 0x08U
#define EVENT_EXECUTION_ERROR 0x10U
#define EVENT_COMMAND_ERROR 0x20U

static const struct {
    int code;
    const char *text;
} ERRORS[] = {
    {SCPI_SYNTAX_ERROR, "Syntax error"},
    {SCPI_DATA_TYPE_ERROR, "Data type error"},
    {SCPI_PARAMETER_NOT_ALLOWED, "Parameter not allowed"},
    {SCPI_MISSING_PARAMETER, "Missing parameter"},
    {SCPI_UNDEFINED_HEADER, "Undefined header"},
    {SCPI_INVALID_SUFFIX, "Invalid suffix"},
    {SCPI_SUFFIX_NOT_ALLOWED, "Suffix not allowed"},
    {SCPI_INVALID_BLOCK, "Invalid block data"},
    {SCPI_EXECUTION_ERROR, "Execution error"},
    {SCPI_TRIGGER_IGNORED, "Trigger ignored"},
    {SCPI_INIT_IGNORED, "Init ignored"},
    {SCPI_TRIGGER_DEADLOCK, "Trigger deadlock"},
    {SCPI_SETTINGS_CONFLICT, "Settings conflict"},
    {SCPI_OUT_OF_RANGE, "Data out of range"},
    {SCPI_TOO_MUCH_DATA, "Too much data"},
    {SCPI_ILLEGAL_VALUE, "Illegal parameter value"},
    {SCPI_DATA_STALE, "Data corrupt or stale"},
    {SCPI_HARDWARE_ERROR, "Hardware error"},
    {SCPI_SYSTEM_ERROR, "System error"},
    {SCPI_QUEUE_OVERFLOW, "Queue overflow"},
    {SCPI_QUERY_INTERRUPTED, "Query INTERRUPTED"},
    {SCPI_QUERY_UNTERMINATED, "Query UNTERMINATED"},
    {BOARD_COMPLIANCE, "Compliance"},
    {BOARD_SATURATED, "Sense saturated"},
    {BOARD_OVER_TEMPERATURE, "Over temperature"},
    {BOARD_CELL_STUCK, "Cell stuck"},
    {BOARD_NOT_CALIBRATED, "Reading not calibrated"},
};

const char *scpi_error_text(int code) {
    size_t index;
    for (index = 0; index < sizeof ERRORS / sizeof ERRORS[0]; index++) {
        if (ERRORS[index].code == code) {
            return ERRORS[index].text;
        }
    }
    return "Error";
}

bool scpi_is_command_error(int code) {
    return code >= -199 && code <= -100;
}

unsigned scpi_error_event(int code) {
    if (scpi_is_command_error(code)) {
        return EVENT_COMMAND_ERROR;
    }
    if (code >= -299 && code <= -200) {
        return EVENT_EXECUTION_ERROR;
    }
    if (code >= -499 && code <= -400) {
        return EVENT_QUERY_ERROR;
    }
    return EVENT_DEVICE_ERROR;
}
