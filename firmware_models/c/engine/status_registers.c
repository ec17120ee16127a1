#include "engine/status_registers.h"

#include "engine/scpi_errors.h"

#define STATUS_ERROR_AVAILABLE 0x04U
#define STATUS_QUESTIONABLE_SUMMARY 0x08U
#define STATUS_MESSAGE_AVAILABLE 0x10U
#define STATUS_EVENT_SUMMARY 0x20U
#define STATUS_OPERATION_SUMMARY 0x80U

/* Bit 15 is never used, so that the value is positive in 16 bits. */
#define REGISTER_BITS 0x7FFFU

static void clear_events(struct event_register *events) {
    events->event = 0U;
    events->enable = 0U;
}

void status_begin(struct client_status *status) {
    error_queue_clear(&status->errors);
    error_queue_forget_leaving(&status->errors);
    clear_events(&status->operation);
    clear_events(&status->questionable);
    status->completion_wanted = false;
    status->event_status = EVENT_POWER_ON;
    status->event_enable = 0U;
    status->request_enable = 0U;
}

unsigned condition_set(unsigned *condition, unsigned bits, bool on) {
    unsigned before = *condition;
    *condition = on ? before | bits : before & ~bits;
    return *condition & ~before;
}

unsigned event_take(struct event_register *events) {
    unsigned event = events->event;
    events->event = 0U;
    return event;
}

void event_set_enable(struct event_register *events, unsigned mask) {
    events->enable = mask & REGISTER_BITS;
}

void status_report(struct client_status *status, int code, struct span detail) {
    if (!error_queue_push(&status->errors, code, detail)) {
        status->event_status |= scpi_error_event(SCPI_QUEUE_OVERFLOW);
    }
    status->event_status |= scpi_error_event(code);
}

void status_report_plain(struct client_status *status, int code) {
    struct span none = {"", 0};
    status_report(status, code, none);
}

void status_complete(struct client_status *status) {
    if (status->completion_wanted) {
        status->completion_wanted = false;
        status->event_status |= EVENT_OPERATION_COMPLETE;
    }
}

unsigned status_take_event_status(struct client_status *status) {
    unsigned events = status->event_status;
    status->event_status = 0U;
    return events;
}

void status_clear(struct client_status *status) {
    error_queue_clear(&status->errors);
    status->operation.event = 0U;
    status->questionable.event = 0U;
    status->event_status = 0U;
}

void status_preset(struct client_status *status) {
    status->operation.enable = 0U;
    status->questionable.enable = 0U;
}

unsigned status_byte(const struct client_status *status, bool message_available) {
    unsigned byte = status->errors.count > 0U ? STATUS_ERROR_AVAILABLE : 0U;
    byte |= (status->questionable.event & status->questionable.enable) != 0U ? STATUS_QUESTIONABLE_SUMMARY : 0U;
    byte |= message_available ? STATUS_MESSAGE_AVAILABLE : 0U;
    byte |= (status->event_status & status->event_enable) != 0U ? STATUS_EVENT_SUMMARY : 0U;
    byte |= (status->operation.event & status->operation.enable) != 0U ? STATUS_OPERATION_SUMMARY : 0U;
    return byte;
}
