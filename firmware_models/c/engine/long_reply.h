/* Replies too long for the output queue, which are made as they are sent. */
#ifndef CROSSCAL_LONG_REPLY_H
#define CROSSCAL_LONG_REPLY_H

#include "engine/link.h"

/* Make sure that a query can be answered; false while output has to be sent first. */
bool long_reply_make_room(struct link *link);
/* Put what a query answers behind the replies before it. */
void long_reply_begin(struct link *link, const struct text *reply);
/* Put more of a long reply into the output queue; false while there is no room. */
bool long_reply_continue(struct link *link);

#endif
