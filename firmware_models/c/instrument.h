/* One crossbar test board behind any number of client links: the interface of the engine.
 *
 *     static struct instrument board;
 *     INSTRUMENT_ARRAYS(arrays, 64, 64, 64)
 *
 *     instrument_power_on(&board, &hal, &arrays);
 *     struct link *uart = instrument_open_link(&board, false, "UART");
 *     for (;;) {
 *         count = bytes that arrived; taken = link_receive(uart, bytes, count);
 *         count = link_transmit(uart, bytes, room in the transmitter);
 *         instrument_poll(&board);
 *     }
 *
 * All memory is in `struct instrument` and the arrays; nothing is allocated. Not for several threads at a time.
 */
#ifndef CROSSCAL_INSTRUMENT_H
#define CROSSCAL_INSTRUMENT_H

#include "engine/acquisition.h"
#include "engine/array_reply.h"
#include "engine/board_settings.h"
#include "engine/client_lock.h"
#include "engine/link.h"
#include "engine/memory.h"
#include "engine/programming.h"
#include "engine/status_registers.h"
#include "hal.h"

struct instrument {
    const struct hal *hal;
    const struct board_facts *facts;
    const struct instrument_memory *memory;
    struct board_settings settings;
    struct conditions conditions;
    /* The client that began what is under way, for its reports (decision 3); NULL if it has left. */
    struct link *starter;
    struct acquisition acquisition;
    struct trace trace;
    struct programming programming;
    struct array_reply array_reply;
    /* The link that fills `staging_bank`; NULL if none does. */
    struct link *staging_owner;
    size_t staging_bank;
    struct client_lock lock;
    struct change_counts changes;
    /* Faults of the link, for tests of clients: asked for, and waiting for the next reply. */
    enum link_fault fault_requested;
    enum link_fault fault_armed;
    /* When the calibrator was last verified. */
    bool calibration_verified;
    double calibration_verified_at_s;
    struct link links[LINKS_MAX];
};

void instrument_power_on(struct instrument *board, const struct hal *hal, const struct instrument_memory *memory);
/* Open a client link; NULL if all are open. `message_based`: the link has message boundaries (USBTMC, GPIB), so
 * that -410 and -420 can arise. `address`: of the client, as `SYSTem:LOCK:OWNer?` names it; it is not copied. */
struct link *instrument_open_link(struct instrument *board, bool message_based, const char *address);
/* Do one slice of what is under way, and what time alone brings; true while work is left. */
bool instrument_poll(struct instrument *board);

/* For the engine's own modules. */

/* Something advances by itself. */
bool instrument_running(const struct instrument *board);
/* Run what advances by itself to its end; what waits for its trigger is left waiting. */
void instrument_complete(struct instrument *board);
/* Set the operation-complete bit of those who asked for it, once nothing is under way. */
void instrument_announce_completion(struct instrument *board);
/* Take a trigger: -211 if nothing waits for one on the bus, with its detail. */
int instrument_trigger(struct instrument *board, struct text *detail);
void instrument_abort(struct instrument *board);

/* Say what the board is busy with, and what ends it: -213 and -200. */
void instrument_occupation(const struct instrument *board, struct text *detail);
void instrument_abort_programming(struct instrument *board);
/* Execute a client's `*RST`. */
void instrument_reset(struct link *link);
/* Heal the links: a fault that waits is forgotten, a stalled reply goes out. */
void instrument_release_withheld(struct instrument *board);
enum link_fault instrument_take_fault(struct instrument *board);
double instrument_now_s(const struct instrument *board);
/* Raise or lower conditions; those that rise are events for every client. */
void instrument_set_operation(struct instrument *board, unsigned bits, bool on);
void instrument_set_questionable(struct instrument *board, unsigned bits, bool on);
/* Report to the client that began what is under way. */
void instrument_report(struct instrument *board, int code, const char *detail);

#endif
