/* A programming run in progress: write-verify, one iteration a step. */
#ifndef CROSSCAL_PROGRAMMING_H
#define CROSSCAL_PROGRAMMING_H

#include "hal.h"
#include "numbers/text.h"

struct instrument;
struct link;

struct programming {
    bool running;
    int64_t iterations_max;
    int64_t iterations;
    struct programming_step last;
    /* What `ARRay:PROGram:RESult?` answers, once there is something. */
    bool has_result;
    struct programming_step result;
    int64_t result_iterations;
};

/* Begin to write the target for a client: -200 while measuring or programming, -240 if the hardware fails. */
int programming_start(struct link *link, struct text *detail);
/* Write and verify once. */
void programming_advance(struct instrument *board);
void programming_end(struct instrument *board);

#endif
