/* The optional groups present, as a comma list. */
#ifndef CROSSCAL_CAPABILITIES_H
#define CROSSCAL_CAPABILITIES_H

#include "numbers/text.h"

void capabilities_list(unsigned groups, struct text *text);

#endif
