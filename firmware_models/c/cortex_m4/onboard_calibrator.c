/* `crosscal export-c` writes the header; its file and the beginning of its names come from the command line:
 *     -DCALIBRATOR_HEADER='"b7.h"' -DCALIBRATOR_NAME=b7 [-DCALIBRATOR_SELF_TEST]
 */
#include "cortex_m4/onboard_calibrator.h"

#include "cortex_m4/board_config.h"

#ifdef CALIBRATOR_HEADER

#include CALIBRATOR_HEADER

#define JOIN_NAMES(name, rest) name##rest
#define JOIN(name, rest) JOIN_NAMES(name, rest)

#if JOIN(CALIBRATOR_NAME, _COLUMNS) != BOARD_COLUMNS || JOIN(CALIBRATOR_NAME, _ROWS) != BOARD_ROWS
#error "the calibrator is of another array than the board: export it for this one"
#endif

static int calibrate(const float *measured_a, float *calibrated_a) {
    return JOIN(CALIBRATOR_NAME, _calibrate)(measured_a, calibrated_a);
}

#ifdef CALIBRATOR_SELF_TEST
static int self_test(void) {
    return JOIN(CALIBRATOR_NAME, _self_test)();
}
#define SELF_TEST self_test
#else
#define SELF_TEST NULL
#endif

static const struct calibrator CALIBRATOR = {calibrate, SELF_TEST};

const struct calibrator *onboard_calibrator(void) {
    return &CALIBRATOR;
}

#else

const struct calibrator *onboard_calibrator(void) {
    return NULL;
}

#endif
