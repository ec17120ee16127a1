#include "engine/board_settings.h"

#define PROTECTION_V 0.6
#define APERTURE_S 1e-3
#define TOLERANCE 0.01
#define TOLERANCE_MIN 1e-6
#define ITERATIONS 50
#define ITERATIONS_MAX 100000

static double lesser(double one, double other) {
    return one < other ? one : other;
}

static double greater(double one, double other) {
    return one > other ? one : other;
}

static struct limits limits_of(double low, double high, double fallback) {
    struct limits limits = {low, high, fallback};
    return limits;
}

struct limits protection_limits(const struct board_facts *facts) {
    return limits_of(0.0, facts->protection_max_v, lesser(PROTECTION_V, facts->protection_max_v));
}

struct limits dwell_limits(const struct board_facts *facts) {
    double settling_s = greater(facts->adc_settling_s, facts->dac_settling_s);
    return limits_of(settling_s, facts->dwell_max_s, settling_s);
}

struct limits aperture_limits(const struct board_facts *facts) {
    double aperture_s = lesser(greater(APERTURE_S, facts->aperture_min_s), facts->aperture_max_s);
    return limits_of(facts->aperture_min_s, facts->aperture_max_s, aperture_s);
}

struct limits tolerance_limits(void) {
    return limits_of(TOLERANCE_MIN, 1.0, TOLERANCE);
}

struct whole_limits average_limits(const struct board_facts *facts) {
    struct whole_limits limits = {1, 1, 1};
    limits.high = facts->average_max;
    return limits;
}

struct whole_limits iterations_limits(void) {
    struct whole_limits limits = {1, ITERATIONS_MAX, ITERATIONS};
    return limits;
}

void settings_power_on(struct board_settings *settings, const struct board_facts *facts,
                       const struct instrument_memory *memory) {
    size_t cell;
    for (cell = 0; cell < facts->rows * facts->columns; cell++) {
        memory->target_s[cell] = facts->conductance_min_s;
    }
    settings->tolerance = TOLERANCE;
    settings->iterations = ITERATIONS;
    settings_reset(settings, facts, memory);
}

void settings_reset(struct board_settings *settings, const struct board_facts *facts,
                    const struct instrument_memory *memory) {
    size_t row;
    for (row = 0; row < facts->rows; row++) {
        memory->voltage_v[row] = 0.0;
        memory->rest_v[row] = 0.0;
    }
    settings->format.kind = FORMAT_ASCII;
    settings->format.swapped = false;
    settings->sequence_values = 0;
    settings->sequence_bank = 0;
    settings->protection_v = protection_limits(facts).fallback;
    settings->dwell_s = dwell_limits(facts).fallback;
    settings->output_on = false;
    settings->range_index = facts->range_count - 1U;
    settings->auto_range = true;
    settings->aperture_s = aperture_limits(facts).fallback;
    settings->average_count = 1;
    settings->trigger_source = TRIGGER_IMMEDIATE;
}

static bool same(double one, double other) {
    return !(one < other) && !(one > other);
}

bool settings_differ(const struct board_settings *one, const struct board_settings *other) {
    return !same(one->tolerance, other->tolerance) || one->iterations != other->iterations ||
           one->format.kind != other->format.kind || one->format.swapped != other->format.swapped ||
           one->sequence_values != other->sequence_values || !same(one->protection_v, other->protection_v) ||
           !same(one->dwell_s, other->dwell_s) || one->output_on != other->output_on ||
           one->range_index != other->range_index || one->auto_range != other->auto_range ||
           !same(one->aperture_s, other->aperture_s) || one->average_count != other->average_count ||
           one->trigger_source != other->trigger_source;
}
