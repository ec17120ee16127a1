/* Whole numbers of bounded length, for the exact way between doubles and decimals. */
#ifndef CROSSCAL_BIGNUM_H
#define CROSSCAL_BIGNUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest number met: a double of 384 digits near the smallest, against its power of ten. */
#define BIGNUM_WORDS 92

/* Little-endian words; the highest one in use is not zero. */
struct bignum {
    uint32_t words[BIGNUM_WORDS];
    size_t count;
};

void bignum_set(struct bignum *number, uint64_t value);
/* number = number * factor + addend */
void bignum_multiply_add(struct bignum *number, uint32_t factor, uint32_t addend);
void bignum_multiply_power_of_ten(struct bignum *number, unsigned exponent);
void bignum_shift_left(struct bignum *number, unsigned bits);
void bignum_shift_right_one(struct bignum *number);
int bignum_compare(const struct bignum *one, const struct bignum *other);
/* number = number + addend */
void bignum_add(struct bignum *number, const struct bignum *addend);
/* number = number - subtrahend, which is not greater */
void bignum_subtract(struct bignum *number, const struct bignum *subtrahend);
unsigned bignum_bits(const struct bignum *number);

#endif
