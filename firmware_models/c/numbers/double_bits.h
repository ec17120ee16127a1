/* The parts of an IEEE 754 double. */
#ifndef CROSSCAL_DOUBLE_BITS_H
#define CROSSCAL_DOUBLE_BITS_H

#include <stdbool.h>
#include <stdint.h>

/* value = mantissa * 2^exponent, for finite numbers */
struct double_parts {
    bool negative;
    bool infinite;
    bool not_a_number;
    uint64_t mantissa;
    int exponent;
    /* The number below is half as far as the one above. */
    bool narrow_below;
};

uint64_t double_bits(double value);
double double_from_bits(uint64_t bits);
struct double_parts double_split(double value);
/* Nearest double of (mantissa + a fraction unless `exact`) * 2^exponent, ties to even; mantissa is not 0. */
double double_round(uint64_t mantissa, int exponent, bool exact);

#endif
