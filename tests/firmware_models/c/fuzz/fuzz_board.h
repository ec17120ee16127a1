/* A reference board for fuzz targets, whose clock the target moves. */
#ifndef FUZZ_BOARD_H
#define FUZZ_BOARD_H

#include "instrument.h"


/* Switch a board on, as good as new. */
struct instrument *fuzz_power_on(void);
void fuzz_advance(double duration_s);
/* Work until nothing is left to do by itself. */
void fuzz_run(struct instrument *board);
/* End the process: what must not happen did. */
void fuzz_require(int condition);

#endif
