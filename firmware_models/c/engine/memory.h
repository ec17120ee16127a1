/* The arrays of a board, as long as the board is large. */
#ifndef CROSSCAL_MEMORY_H
#define CROSSCAL_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Vectors of a sequence, of an acquisition under way, and of a message that is arriving. */
#define VECTOR_BANKS 3U

struct instrument_memory {
    /* rows * columns */
    double *target_s;
    /* Each holds rows * columns values and rows * sequence_max. */
    double *banks[VECTOR_BANKS];
    size_t bank_values;
    /* rows: the single vector, the one being measured, and zeros. */
    double *voltage_v;
    double *measured_v;
    double *rest_v;
    /* columns * sequence_max */
    double *current_a;
    uint8_t *current_status;
    /* rows * columns, and columns * sequence_max: what a long reply is sent from. */
    double *reply;
    /* columns each, for the calibrator. */
    float *uncalibrated_a;
    float *calibrated_a;
};

#define MEMORY_LARGER(one, other) ((one) > (other) ? (one) : (other))

/* Define static arrays, and `name` that describes them, for a board of rows * columns cells and sequences of up to
 * `vectors` vectors. */
#define INSTRUMENT_ARRAYS(name, rows, columns, vectors)                                                            \
    static double name##_target[(rows) * (columns)];                                                               \
    static double name##_banks[VECTOR_BANKS][MEMORY_LARGER((rows) * (columns), (rows) * (vectors))];               \
    static double name##_vectors[3][(rows)];                                                                       \
    static double name##_currents[(columns) * (vectors)];                                                          \
    static uint8_t name##_status[(columns) * (vectors)];                                                           \
    static double name##_reply[MEMORY_LARGER((rows) * (columns), (columns) * (vectors))];                          \
    static float name##_calibration[2][(columns)];                                                                 \
    static const struct instrument_memory name = {                                                                 \
        name##_target,                                                                                             \
        {name##_banks[0], name##_banks[1], name##_banks[2]},                                                       \
        MEMORY_LARGER((rows) * (columns), (rows) * (vectors)),                                                     \
        name##_vectors[0],                                                                                         \
        name##_vectors[1],                                                                                         \
        name##_vectors[2],                                                                                         \
        name##_currents,                                                                                           \
        name##_status,                                                                                             \
        name##_reply,                                                                                              \
        name##_calibration[0],                                                                                     \
        name##_calibration[1],                                                                                     \
    };

#endif
