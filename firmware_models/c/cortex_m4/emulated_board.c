#include "cortex_m4/emulated_board.h"

#include "boards/crossbar_board.h"
#include "boards/reference_board.h"
#include "cortex_m4/board_config.h"
#include "cortex_m4/onboard_calibrator.h"

#if BOARD_REFERENCE

static double time_s(void);
static double (*clock_s)(void);

CROSSBAR_BOARD(crossbar, &REFERENCE_FACTS, &REFERENCE_MODEL, time_s, REFERENCE_ROWS, REFERENCE_COLUMNS)
INSTRUMENT_ARRAYS(arrays, REFERENCE_ROWS, REFERENCE_COLUMNS, REFERENCE_SEQUENCE)

#else

static const double RANGES_A[] = {1e-5, 1e-4, 1e-3, 1e-2};

static const struct board_facts FACTS = {
    .manufacturer = "crosscal",
    .model = BOARD_SINH ? "CORTEX-M4 SINH" : "CORTEX-M4",
    .serial = "QEMU",
    .firmware = "1.0",
    .rows = BOARD_ROWS,
    .columns = BOARD_COLUMNS,
    .groups = GROUP_PROG | GROUP_READBACK | GROUP_SEQ | GROUP_TEMP | GROUP_SIM,
    .conductance_min_s = 1e-6,
    .conductance_max_s = 1e-4,
    .ranges_a = RANGES_A,
    .range_count = sizeof RANGES_A / sizeof RANGES_A[0],
    .adc_bits = 18,
    .adc_settling_s = 150e-6,
    .dac_bits = 16,
    .dac_full_scale_v = 1.0,
    .dac_settling_s = 50e-6,
    .aperture_min_s = 1e-6,
    .aperture_max_s = 1.0,
    .average_max = 1000,
    .sequence_max = BOARD_SEQUENCE,
    .protection_max_v = 1.0,
    .dwell_max_s = 1.0,
};

static const struct crossbar_model MODEL = {
    .pulse_gain = 0.99,
    .readback_v = 0.2,
    .readback_range = 1,
    .noise_a = 1e-9,
    .drift_per_decade = 0.01,
    .drift_spread = 0.005,
    .temperature_max_c = 85.0,
};

static double time_s(void);
static double (*clock_s)(void);

CROSSBAR_BOARD(crossbar, &FACTS, &MODEL, time_s, BOARD_ROWS, BOARD_COLUMNS)
INSTRUMENT_ARRAYS(arrays, BOARD_ROWS, BOARD_COLUMNS, BOARD_SEQUENCE)

#endif

static double time_s(void) {
    return clock_s();
}

/* Wires of a 65 nm array, drivers and amplifiers of a discrete front end. */
static void set_circuit(void) {
#if !BOARD_REFERENCE
    crossbar.circuit.row_ohm = 1.5;
    crossbar.circuit.column_ohm = 1.5;
    crossbar.circuit.source_ohm = 50.0;
    crossbar.circuit.sense_ohm = 10.0;
#if BOARD_SINH
    crossbar.circuit.law.sinh_a = 0.225;
    crossbar.circuit.law.sinh_b = 4.12;
#endif
#endif
}

struct hal emulated_board_power_on(double (*now_s)(void)) {
    static struct board_facts facts;
    struct hal hal;
    clock_s = now_s;
    set_circuit();
    crossbar_board_power_on(&crossbar);
    hal = crossbar_board_hal(&crossbar);
    hal.calibrator = onboard_calibrator();
    facts = *hal.facts;
    facts.groups |= hal.calibrator != NULL ? GROUP_CAL : GROUP_NONE;
    hal.facts = &facts;
    return hal;
}

const struct instrument_memory *emulated_board_memory(void) {
    return &arrays;
}
