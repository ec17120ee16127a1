/* What one link can hold while others wait: the bank that an array arrives in, and the array that a long reply is
 * sent from. A link that holds one and has been silent for 5 s loses it to the next that asks. */
#ifndef CROSSCAL_HOLDINGS_H
#define CROSSCAL_HOLDINGS_H

#include "engine/link.h"

/* Get the staging bank; false while another link has it. */
bool holdings_acquire_staging(struct link *link);
double *holdings_staging(struct instrument *board);
void holdings_release_staging(struct link *link);
/* Whether the reply array is free, or has been taken from a client that does not read. */
bool holdings_reply_is_free(struct link *link);
void holdings_release(struct link *link);

#endif
