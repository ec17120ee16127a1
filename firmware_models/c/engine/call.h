/* One unit being executed: what a command's handler gets to see. */
#ifndef CROSSCAL_CALL_H
#define CROSSCAL_CALL_H

#include "engine/numeric.h"
#include "instrument.h"

struct call {
    struct instrument *board;
    struct link *link;
    size_t count;
    const struct parameter *parameters;
    /* The reply, unless an array or all errors are answered; nothing is sent of a unit that fails. */
    struct text reply;
    struct text detail;
};

/* All parameters, which must be `count`: -109 fewer, -108 more. */
int call_exactly(struct call *call, size_t count);
/* All parameters, `count` at most: -108 more. */
int call_at_most(struct call *call, size_t count);
/* Write the detail of an error, and return its code. */
int call_fail(struct call *call, int code, const char *detail);
/* Write a hardware failure as the detail of -310; SCPI_OK if there was none. */
int call_hardware(struct call *call, const char *failure);

/* Copy values into an array of the board; other clients are told if they differ from those that were there. */
void call_replace(struct call *call, double *kept, const double *values, size_t count);
void call_note_difference(struct call *call, const double *kept, const double *values, size_t count);

/* Answer `count` values of the instrument's reply array. */
void call_reply_array(struct call *call, size_t count, bool whole);
void call_reply_whole(struct call *call, int64_t value);
void call_reply_number(struct call *call, double value);

/* Read one of some words, written in the standard's way (`IMMediate`): -104 not a word, -224 another word. */
int call_choice(struct call *call, struct parameter parameter, const char *const *choices, size_t count,
                size_t *choice);
/* Read ON, OFF or a number, which is on unless it rounds to 0 (SCPI-1999, 7.3). */
int call_boolean(struct call *call, bool *value);
/* Set or answer a number with a range; a query may carry MINimum, MAXimum or DEFault. */
int call_set_real(struct call *call, enum unit unit, struct limits limits, double *setting);
int call_answer_real(struct call *call, struct limits limits, double setting);
int call_set_whole(struct call *call, struct whole_limits limits, int64_t *setting);
int call_answer_whole(struct call *call, struct whole_limits limits, int64_t setting);

#endif
