/* The calibrator that was compiled in. */
#ifndef CROSSCAL_ONBOARD_CALIBRATOR_H
#define CROSSCAL_ONBOARD_CALIBRATOR_H

#include "hal.h"

/* NULL if there is none. */
const struct calibrator *onboard_calibrator(void);

#endif
