/* The error queue: first in, first out; when full, its newest entry says that something was lost. */
#ifndef CROSSCAL_ERROR_QUEUE_H
#define CROSSCAL_ERROR_QUEUE_H

#include "engine/limits.h"
#include "numbers/text.h"

struct error_entry {
    int code;
    size_t detail_count;
    char detail[ERROR_DETAIL_BYTES];
};

/* Places count up for ever, and wrap around in `entries`. */
struct error_queue {
    struct error_entry entries[ERRORS_QUEUED];
    size_t first;
    size_t count;
    /* Errors taken together, of which the reply is still being sent: they are queued no more, but take room. */
    size_t leaving_first;
    size_t leaving;
};

void error_queue_clear(struct error_queue *queue);
/* Add an error; in a full queue the newest entry becomes -350, and the answer is false. */
bool error_queue_push(struct error_queue *queue, int code, struct span detail);
/* Take the oldest error in the form in which `SYSTem:ERRor?` answers it; `0,"No error"` if there is none. */
void error_queue_pop(struct error_queue *queue, struct text *reply);
/* Take all errors, to be written one by one. */
void error_queue_leave(struct error_queue *queue);
void error_queue_write_leaving(struct error_queue *queue, struct text *reply);
/* Forget errors that are leaving. */
void error_queue_forget_leaving(struct error_queue *queue);

#endif
