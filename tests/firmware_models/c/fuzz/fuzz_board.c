#include "fuzz_board.h"

#include <stdlib.h>

#include "boards/reference_board.h"

/* More slices than any work has. */
#define POLLS_MAX 200000

static double time_s;

static double clock_s(void) {
    return time_s;
}

CROSSBAR_BOARD(crossbar, &REFERENCE_FACTS, &REFERENCE_MODEL, clock_s, REFERENCE_ROWS, REFERENCE_COLUMNS)
INSTRUMENT_ARRAYS(arrays, REFERENCE_ROWS, REFERENCE_COLUMNS, REFERENCE_SEQUENCE)

static struct instrument board;
static struct hal hal;
static struct board_facts facts;

/* A calibrator that takes some readings and refuses others. */
static int calibrate(const float *measured_a, float *calibrated_a) {
    size_t column;
    for (column = 0; column < REFERENCE_COLUMNS; column++) {
        if (!(measured_a[column] < 1e-3F)) {
            return 2;
        }
    }
    for (column = 0; column < REFERENCE_COLUMNS; column++) {
        calibrated_a[column] = 2.0F * measured_a[column];
    }
    return 0;
}

static const struct calibrator CALIBRATOR = {calibrate, NULL};

struct instrument *fuzz_power_on(void) {
    time_s = 1000.0;
    crossbar_board_power_on(&crossbar);
    hal = crossbar_board_hal(&crossbar);
    facts = REFERENCE_FACTS;
    facts.groups |= GROUP_CAL | GROUP_LOCK;
    hal.facts = &facts;
    hal.calibrator = &CALIBRATOR;
    instrument_power_on(&board, &hal, &arrays);
    return &board;
}

void fuzz_advance(double duration_s) {
    time_s += duration_s;
}

void fuzz_run(struct instrument *instrument) {
    int polls;
    for (polls = 0; polls < POLLS_MAX; polls++) {
        if (!instrument_poll(instrument)) {
            return;
        }
    }
    fuzz_require(0);
}

void fuzz_require(int condition) {
    if (!condition) {
        abort();
    }
}
