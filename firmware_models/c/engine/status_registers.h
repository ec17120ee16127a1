/* The status model of IEEE 488.2 and SCPI-1999, shared by all clients of a board. */
#ifndef CROSSCAL_STATUS_REGISTERS_H
#define CROSSCAL_STATUS_REGISTERS_H

#include "engine/error_queue.h"

/* Operation register. */
#define OPERATION_MEASURING 0x0010U
#define OPERATION_WAITING_FOR_TRIGGER 0x0020U
#define OPERATION_PROGRAMMING 0x0100U

/* Questionable register. */
#define QUESTIONABLE_CURRENT_OVERRANGE 0x0002U
#define QUESTIONABLE_TEMPERATURE 0x0010U
#define QUESTIONABLE_CALIBRATION 0x0100U
#define QUESTIONABLE_CELL_FAILED 0x0200U

/* Status byte. */
#define STATUS_MASTER_SUMMARY 0x40U

/* A condition, the events of its bits rising, and the events that are summarised. */
struct condition_register {
    unsigned condition;
    unsigned event;
    unsigned enable;
};

struct status_registers {
    struct error_queue errors;
    struct condition_register operation;
    struct condition_register questionable;
    unsigned event_status;
    unsigned event_enable;
    unsigned request_enable;
};

void status_power_on(struct status_registers *status);
void condition_set(struct condition_register *condition, unsigned bits, bool on);
/* Answer the events since the last query, and forget them. */
unsigned condition_take_event(struct condition_register *condition);
void condition_set_enable(struct condition_register *condition, unsigned mask);
/* Queue an error and set its bit of the standard event register; an overflow is an error as well. */
void status_report(struct status_registers *status, int code, struct span detail);
void status_report_plain(struct status_registers *status, int code);
unsigned status_take_event_status(struct status_registers *status);
/* Do what `*CLS` does: forget events and errors; conditions and enables stay. */
void status_clear(struct status_registers *status);
void status_preset(struct status_registers *status);
/* Compose the status byte of a link, bit 6 left out. */
unsigned status_byte(const struct status_registers *status, bool message_available);

#endif
