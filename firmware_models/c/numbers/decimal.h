/* Doubles to decimals and back, correctly rounded, without the C library's printf and strtod, which take memory
 * from the heap on small systems. */
#ifndef CROSSCAL_DECIMAL_H
#define CROSSCAL_DECIMAL_H

#include "numbers/text.h"

#define DECIMAL_DIGITS_MOST 17

/* value = 0.d1d2d3... * 10^exponent, of a positive finite number */
struct decimal {
    char digits[DECIMAL_DIGITS_MOST];
    size_t count;
    int exponent;
};

/* The fewest digits that read back as the same number (Steele and White 1990; Burger and Dybvig 1996). */
struct decimal decimal_shortest(double value);
/* `count` digits, correctly rounded, ties to even. */
struct decimal decimal_digits(double value, size_t count);

/* Nearest double of `mantissa`, digits with or without a point, times 10^exponent (Clinger 1990). */
double decimal_value(struct span mantissa, int exponent);
/* Nearest double of digits in base 2, 8 or 16. */
double decimal_value_of_base(struct span digits, unsigned base);

#endif
