/* Hardware abstraction: everything that the instrument needs of the board below it.
 *
 * The C counterpart of `crosscal.firmware_models.Hardware`. Values are SI, matrices row-major, batches vector by
 * vector. A function that returns text returns NULL when it succeeded, and otherwise says in one line what broke:
 * clients find the text in the error queue (-240 from a run, -310 from a command), and the instrument goes on.
 * No function is ever called from within another, nor with values outside the limits of `board_facts`.
 */
#ifndef CROSSCAL_HAL_H
#define CROSSCAL_HAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Optional groups of commands, as `SYSTem:CAPability?` lists them; without its group a command is undefined. */
#define GROUP_NONE 0x00U
#define GROUP_PROG 0x01U
#define GROUP_READBACK 0x02U
#define GROUP_SEQ 0x04U
#define GROUP_TEMP 0x08U
#define GROUP_SIM 0x10U
#define GROUP_CAL 0x20U
/* Needs nothing of the hardware: for boards with more than one link. */
#define GROUP_LOCK 0x40U
#define GROUP_TILE 0x80U

/* Bits of one `FETCh:STATus?` value. */
#define READING_OVER_RANGE 0x01U
#define READING_UNDER_RESOLUTION 0x02U
#define READING_AMPLIFIER_FAULT 0x04U
#define READING_NOT_CALIBRATED 0x08U

/* What never changes while the board is powered. */
struct board_facts {
    /* The four fields of `*IDN?`, 64 characters each at most. */
    const char *manufacturer;
    const char *model;
    const char *serial;
    const char *firmware;
    size_t rows;
    size_t columns;
    unsigned groups;
    /* What a cell can be programmed to [S]. */
    double conductance_min_s;
    double conductance_max_s;
    /* Full scales of the column amplifiers [A], ascending; 16 at most. */
    const double *ranges_a;
    size_t range_count;
    int adc_bits;
    /* Settling time that a dwell may not undercut [s]. */
    double adc_settling_s;
    int dac_bits;
    double dac_full_scale_v;
    double dac_settling_s;
    double aperture_min_s;
    double aperture_max_s;
    int32_t average_max;
    /* Most vectors that a sequence may hold. */
    size_t sequence_max;
    /* Largest magnitude that `SOURce:VOLTage:PROTection` may be set to [V]. */
    double protection_max_v;
    double dwell_max_s;
    /* Tiles that the array consists of, above and beside each other. Group TILE. */
    size_t tile_rows;
    size_t tile_columns;
};

/* Vectors to be driven in turn, and how each is read. */
struct measurement {
    /* count * rows [V], as `round_voltage` gave them. */
    const double *voltage_v;
    size_t count;
    size_t range_index;
    double aperture_s;
    int32_t averages;
    double dwell_s;
};

/* Where the currents of a measurement go. */
struct reading {
    /* count * columns [A]; the signed full scale where saturated. */
    double *current_a;
    /* One `FETCh:STATus?` value per current. */
    uint8_t *status;
    /* Set if the run met the condition (+101, +103, -240); false before the call. */
    bool compliance;
    bool over_temperature;
    bool hardware_error;
};

/* State of a programming run after one write-verify iteration. */
struct programming_step {
    /* Nothing is left to write: every cell is within tolerance or given up on. */
    bool finished;
    /* Cells outside the tolerance at their last verify reading. */
    size_t cells_failed;
    /* Of the verify readings, failed cells included; NaN if there were none. */
    double rms_relative_error;
    /* Some cell does not respond (+104). */
    bool cell_stuck;
};

/* Group SIM: what only a simulated board can do. */
struct simulation {
    const char *(*advance_time)(void *context, double duration_s);
    const char *(*set_temperature)(void *context, double temperature_c);
    const char *(*reseed)(void *context, int64_t seed);
    /* Rows and columns count from 1; `kind` is OPEN, SHORT or STUCK. */
    const char *(*fault_cell)(void *context, size_t row, size_t column, const char *kind);
    const char *(*fault_amplifier)(void *context, size_t column);
    const char *(*clear_faults)(void *context);
    /* The actual nominal conductances, rows * columns [S]. */
    const char *(*true_conductance)(void *context, double *conductance_s);
};

/* Group CAL: the calibrator on board, as `crosscal export-c` writes it. */
struct calibrator {
    /* 0 good, 1 NaN or infinite, 2 over range, 3 not explained by the trained inputs; output untouched unless 0. */
    int (*calibrate)(const float *measured_a, float *calibrated_a);
    /* 0 if the calibrator gives on this processor what it gave where it was exported; NULL if it has no test. */
    int (*self_test)(void);
};

struct hal {
    const struct board_facts *facts;
    /* Handed to every function below. */
    void *context;

    /* 1. Monotonic time [s], from any origin. */
    double (*now_s)(void *context);
    /* 2. Take all rows to 0 V at once. */
    void (*rest)(void *context);
    /* 3. Replace voltages by those that the DAC will really give, none beyond `protection_v` in magnitude. */
    const char *(*round_voltage)(void *context, double *voltage_v, size_t count, double protection_v);
    /* 4. Integration time that the ADC will really use. */
    double (*round_aperture)(void *context, double aperture_s);
    /* 5. Drive the vectors in turn and read all columns of each. */
    const char *(*measure)(void *context, const struct measurement *measurement, struct reading *reading);
    /* 6. The board's thermometer [degrees Celsius]. Group TEMP. */
    const char *(*temperature)(void *context, double *temperature_c);
    /* 7. Prepare to write a target of rows * columns [S], copied if it is needed later; write nothing yet. PROG. */
    const char *(*begin_programming)(void *context, const double *target_s, double tolerance);
    /* 8. Write every cell that is outside the tolerance once, and verify it. Group PROG. */
    const char *(*programming_iteration)(void *context, struct programming_step *step);
    /* 9. Measure every cell, rows * columns [S]; NaN where there is no reading. Group READBACK. */
    const char *(*read_conductance)(void *context, double *conductance_s);

    /* NULL on hardware. */
    const struct simulation *simulation;
    /* NULL on a board that does not calibrate. */
    const struct calibrator *calibrator;
};

#endif
