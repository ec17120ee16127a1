/* One client link: its input buffer, its output queue, its status. */
#ifndef CROSSCAL_LINK_H
#define CROSSCAL_LINK_H

#include "engine/array_parameter.h"
#include "engine/header_tree.h"
#include "engine/input.h"
#include "engine/output.h"
#include "engine/status_registers.h"
#include "engine/unit_parser.h"

struct instrument;

/* A reply too long to be made at once. */
enum long_reply { REPLY_NONE, REPLY_ARRAY, REPLY_ERRORS };

struct link {
    struct instrument *board;
    /* Of the client, for other clients. */
    const char *address;
    bool open;
    bool message_based;
    struct input input;
    struct output output;
    struct client_status status;
    struct unit_parser parser;
    /* The unit in hand: its command, and its array if it takes one. */
    const struct command *command;
    struct array_parameter array;
    /* What the unit holds was taken away: it had been silent while another link waited. */
    bool robbed;
    /* The unit in hand is a query or `*WAI` that a trigger will complete. */
    bool waits_for_trigger;
    /* The message in hand has begun, and has made a reply. */
    bool message_begun;
    bool replied;
    enum long_reply long_reply;
    double heard_at_s;
    double sent_at_s;
    double withheld_until_s;
    bool dropped;
    unsigned reasons_seen;
    bool service_requested;
    /* Group CAL: this client gets calibrated currents. */
    bool calibrated;
};

/* Take bytes as they arrive, in any chunks, and execute what they complete; answers how many were taken: fewer than
 * `count` while a reply has to be sent first, or a trigger is waited for. */
size_t link_receive(struct link *link, const char *bytes, size_t count);
/* Take the END of a message-based link; false if it has to be given again later. */
bool link_end_message(struct link *link);
/* Take output to be sent, `most` bytes at most. */
size_t link_transmit(struct link *link, char *bytes, size_t most);
/* Bytes that wait to be sent. */
size_t link_pending(const struct link *link);
/* Do what IEEE 488.2 asks of a device clear; also for a break on a serial line. */
void link_device_clear(struct link *link);
/* Take a group execute trigger, the same as `*TRG`. */
void link_trigger(struct link *link);
/* Note that the client of a message-based link reads while nothing is pending: -420. */
void link_query_unterminated(struct link *link);
/* Close the link; the instrument goes on. */
void link_close(struct link *link);
/* Whether `SIMulation:FAULt:LINK DROP` struck: the transport must close the link. On a serial line, which cannot be
 * closed, the reply is lost, and the transport calls `link_acknowledge_drop`. */
bool link_dropped(const struct link *link);
void link_acknowledge_drop(struct link *link);
/* Answer a serial poll: the status byte with RQS in bit 6, which the poll clears. */
unsigned link_status_byte(struct link *link);
bool link_service_requested(struct link *link);

/* For the engine's own modules. */

void link_open(struct link *link, struct instrument *board, bool message_based, const char *address);
void link_poll(struct link *link);
/* Queue an error with a detail, which may be empty. */
void link_report(struct link *link, int code, const char *detail);
void link_release_withheld(struct link *link);
/* Answer `*STB?`: the status byte with the master summary in bit 6. */
unsigned link_master_status_byte(const struct link *link);
void link_note_reasons(struct link *link);

#endif
