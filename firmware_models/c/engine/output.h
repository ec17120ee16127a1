/* Output queue of a link: replies that can be sent, replies that a fault withholds, and the reply of the message
 * in hand, which nobody sees before it is whole or fills the queue. */
#ifndef CROSSCAL_OUTPUT_H
#define CROSSCAL_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/limits.h"

enum link_fault { FAULT_NONE, FAULT_DROP, FAULT_STALL, FAULT_GARBLE };

/* A ring in three parts, one behind the other. */
struct output {
    char bytes[OUTPUT_BYTES];
    size_t first;
    size_t visible;
    size_t withheld;
    size_t open;
    /* The reply in hand has been seen in part, and `fault` strikes what follows of it. */
    bool streaming;
    enum link_fault fault;
    size_t streamed;
};

void output_clear(struct output *output);
size_t output_space(const struct output *output);
/* Append to the reply in hand; there must be space. */
void output_put(struct output *output, const char *bytes, size_t count);
/* Let the reply in hand be seen before it is whole; `fault` strikes it. */
void output_stream(struct output *output, enum link_fault fault);
/* End the reply in hand with a newline; `fault` strikes it if it was not streamed. True if it is lost. */
bool output_end(struct output *output, enum link_fault fault);
/* Let a stalled reply go. */
void output_release(struct output *output);
size_t output_take(struct output *output, char *bytes, size_t most);

#endif
