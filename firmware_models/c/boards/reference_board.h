/* The board that the transcripts are written for: small and ideal, without wires, noise and drift. */
#ifndef CROSSCAL_REFERENCE_BOARD_H
#define CROSSCAL_REFERENCE_BOARD_H

#include "boards/crossbar_board.h"

#define REFERENCE_ROWS 3
#define REFERENCE_COLUMNS 2
#define REFERENCE_SEQUENCE 4096

extern const struct board_facts REFERENCE_FACTS;
extern const struct crossbar_model REFERENCE_MODEL;

#endif
