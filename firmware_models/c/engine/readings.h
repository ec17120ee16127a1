/* What clients read of a trace: currents, calibrated if their link wants them so, and status. */
#ifndef CROSSCAL_READINGS_H
#define CROSSCAL_READINGS_H

#include "engine/call.h"

/* Answer points of the trace, `first` counted from 0. */
int readings_answer_currents(struct call *call, size_t first, size_t count);
int readings_answer_status(struct call *call, size_t first, size_t count);
int readings_answer_uncertainty(struct call *call, size_t first, size_t count);

#endif
