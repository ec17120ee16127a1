/* Execution of the messages of a link, unit by unit. */
#ifndef CROSSCAL_LINK_EXECUTION_H
#define CROSSCAL_LINK_EXECUTION_H

#include "engine/link.h"

struct call;

/* Execute messages until none is left, or one has to wait: for a trigger, for another link, or for its reply to be
 * sent. */
void execution_run(struct link *link);
/* Forget the message in hand and what it holds. */
void execution_drop_message(struct link *link);
/* Run one form of a command, unless another client's lock refuses it; count the change. Answers its code. */
int execution_run_command(const struct command *command, bool query, struct call *call);
/* Trigger the board, and report if nothing waits for it. */
void execution_trigger(struct link *link);
/* Send what the message has been answered with, and be done with it. */
void execution_answer(struct link *link);

#endif
