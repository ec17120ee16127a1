/* An array on its way in: a comma list or one block, decoded value by value as it arrives. */
#ifndef CROSSCAL_ARRAY_PARAMETER_H
#define CROSSCAL_ARRAY_PARAMETER_H

#include "engine/data_format.h"
#include "engine/limits.h"
#include "engine/numeric.h"

struct array_parameter {
    enum unit unit;
    struct data_format format;
    /* Where values go, as far as there is room; `count` counts them all. */
    double *values;
    size_t capacity;
    size_t count;
    bool is_block;
    bool block_is_first;
    size_t parameters;
    /* Bytes of a value that is not whole yet; text of a block under ASCii. */
    char item[PARAMETER_BYTES];
    size_t item_count;
    bool text_blank;
    /* The first error met: 0 if none. */
    int code;
    char detail_bytes[ERROR_DETAIL_BYTES];
    size_t detail_count;
};

void array_begin(struct array_parameter *array, struct data_format format, enum unit unit, double *values,
                 size_t capacity);
/* A parameter that is no block. */
void array_parameter(struct array_parameter *array, struct span text);
void array_block_begin(struct array_parameter *array, uint32_t length);
void array_block_byte(struct array_parameter *array, char byte);
void array_block_end(struct array_parameter *array);
/* The values are whole: 0, or the first error with its detail. */
int array_end(struct array_parameter *array, struct text *detail);
/* Refuse an array of another length: -109 too few, -108 too many, -161 in a block. */
int array_require_length(const struct array_parameter *array, size_t wanted, struct text *detail);

#endif
