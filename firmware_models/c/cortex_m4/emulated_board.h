/* The crossbar that the emulated firmware has in place of converters. */
#ifndef CROSSCAL_EMULATED_BOARD_H
#define CROSSCAL_EMULATED_BOARD_H

#include "hal.h"
#include "instrument.h"

/* Switch the model on, and describe it. */
struct hal emulated_board_power_on(double (*now_s)(void));
const struct instrument_memory *emulated_board_memory(void);

#endif
