#include "boards/reference_board.h"

static const double RANGES_A[] = {1e-5, 1e-3, 1e-1};

const struct board_facts REFERENCE_FACTS = {
    .manufacturer = "crosscal",
    .model = "REFERENCE",
    .serial = "REF32",
    .firmware = "1.0",
    .rows = REFERENCE_ROWS,
    .columns = REFERENCE_COLUMNS,
    .groups = GROUP_PROG | GROUP_READBACK | GROUP_SEQ | GROUP_TEMP | GROUP_SIM,
    .conductance_min_s = 1e-6,
    .conductance_max_s = 1e-3,
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
    .sequence_max = REFERENCE_SEQUENCE,
    .protection_max_v = 1.0,
    .dwell_max_s = 1.0,
};

const struct crossbar_model REFERENCE_MODEL = {
    .pulse_gain = 0.99,
    .readback_v = 0.9,
    .readback_range = 1,
    .noise_a = 0.0,
    .drift_per_decade = 0.0,
    .drift_spread = 0.0,
    .temperature_max_c = 125.0,
};
