/* The status model of IEEE 488.2 and SCPI-1999: conditions are the board's, events and errors each client's own. */
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

/* State of the board that all clients see alike. */
struct conditions {
    unsigned operation;
    unsigned questionable;
};

/* Bits of a condition that rose since the client looked, and those that it wants summarised. */
struct event_register {
    unsigned event;
    unsigned enable;
};

/* Status of one client: another's faults never show in it (decision 19). */
struct client_status {
    struct error_queue errors;
    struct event_register operation;
    struct event_register questionable;
    /* `*OPC` waits for what is under way. */
    bool completion_wanted;
    unsigned event_status;
    unsigned event_enable;
    unsigned request_enable;
};

/* The status of a client that has just come. */
void status_begin(struct client_status *status);
/* Raise or lower bits of a condition; answers those that rise. */
unsigned condition_set(unsigned *condition, unsigned bits, bool on);
/* Answer the events since the last query, and forget them. */
unsigned event_take(struct event_register *events);
void event_set_enable(struct event_register *events, unsigned mask);
/* Queue an error and set its bit of the standard event register; an overflow is an error as well. */
void status_report(struct client_status *status, int code, struct span detail);
void status_report_plain(struct client_status *status, int code);
/* Set the operation-complete bit if `*OPC` asked for it. */
void status_complete(struct client_status *status);
unsigned status_take_event_status(struct client_status *status);
/* Do what `*CLS` does: forget events and errors; conditions and enables stay. */
void status_clear(struct client_status *status);
void status_preset(struct client_status *status);
/* Compose the status byte, bit 6 left out. */
unsigned status_byte(const struct client_status *status, bool message_available);

#endif
