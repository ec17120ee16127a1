/* What a link that waits for a trigger still hears (decision 22): streams have no device clear. */
#ifndef CROSSCAL_OUT_OF_TURN_H
#define CROSSCAL_OUT_OF_TURN_H

#include "engine/link.h"

/* Obey a message of urgent commands alone and take it out of the input, where it stands behind the very unit that
 * waits; false if there is none. */
bool out_of_turn(struct link *link);

#endif
