#include "engine/status_registers.h"

#include "engine/scpi_errors.h"

#define STATUS_ERROR_AVAILABLE 0x04U
#define STATUS_QUESTIONABLE_SUMMARY 0x08U
#define STATUS_MESSAGE_AVAILABLE 0x10U
#define STATUS_EVENT_SUMMARY 0x20U
#define STATUS_OPERATION_SUMMARY 0x80U

/* Bit 15 is never used, so that the value is positive in 16 bits. */
#define REGISTER_BITS 0x7FFFU

static void clear_condition(struct condition_register *condition) {
    condition->condition = 0U;
    condition->event = 0U;
    condition->enable = 0U;
}

void status_power_on(struct status_registers *status) {
    error_queue_clear(&status->errors);
    clear_condition(&status->operation);
    clear_condition(&status->questionable);
    status->event_status = EVENT_POWER_ON;
    status->event_enable = 0U;
    status->request_enable = 0U;
}

void condition_set(struct condition_register *condition, unsigned bits, bool on) {
    unsigned before = condition->condition;
    condition->condition = on ? before | bits : before & ~bits;
    condition->event |= condition->condition & ~before;
}

unsigned condition_take_event(struct condition_register *condition) {
    unsigned event = condition->event;
    condition->event = 0U;
    return event;
}

void condition_set_enable(struct condition_register *condition, unsigned mask) {
    condition->enable = mask & REGISTER_BITS;
}

void status_report(struct status_registers *status, int code, struct span detail) {
    if (!error_queue_push(&status->errors, code, detail)) {
        status->event_status |= scpi_error_event(SCPI_QUEUE_OVERFLOW);
    }
    status->event_status |= scpi_error_event(code);
}

void status_report_plain(struct status_registers *status, int code) {
    struct span none = {"", 0};
    status_report(status, code, none);
}

unsigned status_take_event_status(struct status_registers *status) {
    unsigned events = status->event_status;
    status->event_status = 0U;
    return events;
}

void status_clear(struct status_registers *status) {
    error_queue_clear(&status->errors);
    status->operation.event = 0U;
    status->questionable.event = 0U;
    status->event_status = 0U;
}

void status_preset(struct status_registers *status) {
    status->operation.enable = 0U;
    status->questionable.enable = 0U;
}

unsigned status_byte(const struct status_registers *status, bool message_available) {
    unsigned byte = status->errors.count > 0U ? STATUS_ERROR_AVAILABLE : 0U;
    byte |= (status->questionable.event & status->questionable.enable) != 0U ? STATUS_QUESTIONABLE_SUMMARY : 0U;
    byte |= message_available ? STATUS_MESSAGE_AVAILABLE : 0U;
    byte |= (status->event_status & status->event_enable) != 0U ? STATUS_EVENT_SUMMARY : 0U;
    byte |= (status->operation.event & status->operation.enable) != 0U ? STATUS_OPERATION_SUMMARY : 0U;
    return byte;
}
