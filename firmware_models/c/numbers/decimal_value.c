#include "numbers/bignum.h"
#include "numbers/decimal.h"
#include "numbers/double_bits.h"

/* Digits and powers of ten up to these are doubles without error, and so is one operation on them rounded once. */
#define EXACT_DIGITS 15U
#define EXACT_POWER 22
/* Beyond these every double is infinite or zero. */
#define LARGEST_EXPONENT 310
#define SMALLEST_EXPONENT (-330)
/* As many as a bignum has room for; a longer one counts as cut off here. */
#define DIGITS_MOST 400U
#define QUOTIENT_BITS 63

/* Significant digits of a number: 0.d1d2d3... * 10^magnitude. */
struct significant {
    struct bignum digits;
    unsigned count;
    int magnitude;
};

static void collect(struct significant *number, struct span mantissa) {
    bool point = false;
    unsigned zeros = 0U;
    size_t index;
    bignum_set(&number->digits, 0U);
    number->count = 0U;
    number->magnitude = 0;
    for (index = 0; index < mantissa.count; index++) {
        char character = mantissa.bytes[index];
        if (character == '.') {
            point = true;
        } else if (character == '0' && number->count == 0U) {
            number->magnitude -= point ? 1 : 0;
        } else {
            number->magnitude += point ? 0 : 1;
            if (character == '0') {
                /* Zeros count only once a digit follows them. */
                zeros++;
            } else if (number->count + zeros < DIGITS_MOST) {
                bignum_multiply_power_of_ten(&number->digits, zeros + 1U);
                bignum_multiply_add(&number->digits, 1U, (uint32_t)(character - '0'));
                number->count += zeros + 1U;
                zeros = 0U;
            }
        }
    }
}

static double exact_power(int exponent) {
    double power = 1.0;
    int index;
    for (index = 0; index < exponent; index++) {
        power *= 10.0;
    }
    return power;
}

static double small_value(const struct bignum *digits) {
    uint64_t whole = digits->words[0];
    if (digits->count > 1U) {
        whole |= (uint64_t)digits->words[1] << 32;
    }
    return (double)whole;
}

/* numerator / denominator, rounded once */
static double divide(struct bignum *numerator, struct bignum *denominator) {
    int shift = QUOTIENT_BITS - ((int)bignum_bits(numerator) - (int)bignum_bits(denominator));
    uint64_t quotient = 0U;
    int bit;
    if (shift > 0) {
        bignum_shift_left(numerator, (unsigned)shift);
    } else {
        bignum_shift_left(denominator, (unsigned)(-shift));
    }
    bignum_shift_left(denominator, (unsigned)QUOTIENT_BITS + 1U);
    for (bit = 0; bit <= QUOTIENT_BITS; bit++) {
        bignum_shift_right_one(denominator);
        quotient <<= 1;
        if (bignum_compare(numerator, denominator) >= 0) {
            bignum_subtract(numerator, denominator);
            quotient |= 1U;
        }
    }
    return double_round(quotient, -shift, numerator->count == 0U);
}

double decimal_value(struct span mantissa, int exponent) {
    struct significant number;
    struct bignum denominator;
    int last;
    collect(&number, mantissa);
    if (number.count == 0U || number.magnitude + exponent < SMALLEST_EXPONENT) {
        return 0.0;
    }
    if (number.magnitude + exponent > LARGEST_EXPONENT) {
        return double_round(1U, 2000, true);
    }
    last = number.magnitude + exponent - (int)number.count;
    if (number.count <= EXACT_DIGITS && last <= EXACT_POWER && last >= -EXACT_POWER) {
        double whole = small_value(&number.digits);
        return last >= 0 ? whole * exact_power(last) : whole / exact_power(-last);
    }
    bignum_set(&denominator, 1U);
    if (last >= 0) {
        bignum_multiply_power_of_ten(&number.digits, (unsigned)last);
    } else {
        bignum_multiply_power_of_ten(&denominator, (unsigned)(-last));
    }
    return divide(&number.digits, &denominator);
}

double decimal_value_of_base(struct span digits, unsigned base) {
    struct bignum number, one;
    size_t index;
    bignum_set(&number, 0U);
    for (index = 0; index < digits.count; index++) {
        char digit = to_upper(digits.bytes[index]);
        bignum_multiply_add(&number, base, (uint32_t)(is_digit(digit) ? digit - '0' : digit - 'A' + 10));
    }
    if (number.count == 0U) {
        return 0.0;
    }
    bignum_set(&one, 1U);
    return divide(&number, &one);
}
