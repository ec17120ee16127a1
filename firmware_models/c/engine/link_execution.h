/* Execution of the messages of a link, unit by unit. */
#ifndef CROSSCAL_LINK_EXECUTION_H
#define CROSSCAL_LINK_EXECUTION_H

#include "engine/link.h"

/* Execute messages until none is left, or one has to wait: for a trigger, for another link, or for its reply to be
 * sent. */
void execution_run(struct link *link);
/* Forget the message in hand and what it holds. */
void execution_drop_message(struct link *link);
/* Trigger the board, and report if nothing waits for it. */
void execution_trigger(struct link *link);
/* Send what the message has been answered with, and be done with it. */
void execution_answer(struct link *link);

#endif
