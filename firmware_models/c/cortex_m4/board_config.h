/* What the emulated board is; override on the compiler's command line. */
#ifndef CROSSCAL_BOARD_CONFIG_H
#define CROSSCAL_BOARD_CONFIG_H

#ifndef BOARD_ROWS
#define BOARD_ROWS 16
#endif

#ifndef BOARD_COLUMNS
#define BOARD_COLUMNS 12
#endif

/* Vectors of a sequence. */
#ifndef BOARD_SEQUENCE
#define BOARD_SEQUENCE 64
#endif

/* 0: ohmic cells. 1: cells whose current grows as a hyperbolic sine of their voltage. */
#ifndef BOARD_SINH
#define BOARD_SINH 0
#endif

/* 1: the board that the transcripts are written for, 3 rows and 2 columns without wires. */
#ifndef BOARD_REFERENCE
#define BOARD_REFERENCE 0
#endif

#endif
