/* What only a simulated crossbar can do: age, warm up, break, and tell the truth. */
#ifndef CROSSCAL_CROSSBAR_SIMULATION_H
#define CROSSCAL_CROSSBAR_SIMULATION_H

#include "boards/crossbar_board.h"

extern const struct simulation CROSSBAR_SIMULATION;

/* Work out the actual conductances anew. */
void crossbar_simulation_update(struct crossbar_board *board);
/* A number of zero mean and unit variance, nearly Gaussian. */
double crossbar_simulation_normal(struct crossbar_board *board);

#endif
