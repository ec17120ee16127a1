#include "numbers/bignum.h"
#include "numbers/decimal.h"
#include "numbers/double_bits.h"

/* log10(2) * 2^32 */
#define LOG10_OF_2 1292913986
#define ONE ((int64_t)1 << 32)

/* The value as a fraction, and half the distances to its neighbours in the same unit. */
struct fraction {
    struct bignum numerator;
    struct bignum denominator;
    struct bignum above;
    struct bignum below;
};

/* A power of ten that is the least above the value, or one less. */
static int estimate_exponent(const struct double_parts *parts) {
    int log2 = parts->exponent - 1;
    uint64_t rest;
    int64_t scaled, whole;
    for (rest = parts->mantissa; rest != 0U; rest >>= 1) {
        log2++;
    }
    scaled = (int64_t)log2 * LOG10_OF_2 - 64;
    whole = scaled / ONE;
    return (int)(whole * ONE < scaled ? whole + 1 : whole);
}

static void set_fraction(struct fraction *fraction, const struct double_parts *parts) {
    unsigned twice = parts->narrow_below ? 2U : 1U;
    unsigned up = parts->exponent > 0 ? (unsigned)parts->exponent : 0U;
    unsigned down = parts->exponent < 0 ? (unsigned)(-parts->exponent) : 0U;
    bignum_set(&fraction->numerator, parts->mantissa);
    bignum_shift_left(&fraction->numerator, up + twice);
    bignum_set(&fraction->denominator, 1U);
    bignum_shift_left(&fraction->denominator, down + twice);
    bignum_set(&fraction->below, 1U);
    bignum_shift_left(&fraction->below, up);
    bignum_set(&fraction->above, 1U);
    bignum_shift_left(&fraction->above, up + twice - 1U);
}

/* Make the fraction the value / 10^exponent. */
static void scale(struct fraction *fraction, int exponent) {
    if (exponent >= 0) {
        bignum_multiply_power_of_ten(&fraction->denominator, (unsigned)exponent);
    } else {
        bignum_multiply_power_of_ten(&fraction->numerator, (unsigned)(-exponent));
        bignum_multiply_power_of_ten(&fraction->above, (unsigned)(-exponent));
        bignum_multiply_power_of_ten(&fraction->below, (unsigned)(-exponent));
    }
}

static char next_digit(struct fraction *fraction) {
    char digit = '0';
    bignum_multiply_add(&fraction->numerator, 10U, 0U);
    while (bignum_compare(&fraction->numerator, &fraction->denominator) >= 0) {
        bignum_subtract(&fraction->numerator, &fraction->denominator);
        digit++;
    }
    return digit;
}

/* Sign of numerator + term - denominator. */
static int compare_sum(const struct fraction *fraction, const struct bignum *term) {
    struct bignum sum = fraction->numerator;
    bignum_add(&sum, term);
    return bignum_compare(&sum, &fraction->denominator);
}

/* Whether what is left is more than half of the last digit, or half and the digit odd. */
static bool rounds_up(const struct fraction *fraction, const struct decimal *decimal) {
    int half = compare_sum(fraction, &fraction->numerator);
    return half > 0 || (half == 0 && ((decimal->digits[decimal->count - 1U] - '0') & 1) != 0);
}

/* Add one to the last digit. */
static void increment(struct decimal *decimal) {
    size_t index = decimal->count;
    while (index > 0U) {
        index--;
        if (decimal->digits[index] < '9') {
            decimal->digits[index]++;
            return;
        }
        decimal->digits[index] = '0';
    }
    decimal->digits[0] = '1';
    decimal->exponent++;
}

struct decimal decimal_shortest(double value) {
    struct double_parts parts = double_split(value);
    struct fraction fraction;
    struct decimal decimal;
    /* The limits themselves read back as the value if it is even. */
    int inclusive = (parts.mantissa & 1U) == 0U ? 1 : 0;
    bool low, high;
    set_fraction(&fraction, &parts);
    decimal.count = 0;
    decimal.exponent = estimate_exponent(&parts);
    scale(&fraction, decimal.exponent);
    if (compare_sum(&fraction, &fraction.above) > -inclusive) {
        bignum_multiply_add(&fraction.denominator, 10U, 0U);
        decimal.exponent++;
    }
    do {
        decimal.digits[decimal.count] = next_digit(&fraction);
        decimal.count++;
        bignum_multiply_add(&fraction.above, 10U, 0U);
        bignum_multiply_add(&fraction.below, 10U, 0U);
        low = bignum_compare(&fraction.numerator, &fraction.below) < inclusive;
        high = compare_sum(&fraction, &fraction.above) > -inclusive;
    } while (!low && !high && decimal.count < (size_t)DECIMAL_DIGITS_MOST);
    if (high && (!low || rounds_up(&fraction, &decimal))) {
        increment(&decimal);
    }
    return decimal;
}

struct decimal decimal_digits(double value, size_t count) {
    struct double_parts parts = double_split(value);
    struct fraction fraction;
    struct decimal decimal;
    set_fraction(&fraction, &parts);
    decimal.exponent = estimate_exponent(&parts);
    scale(&fraction, decimal.exponent);
    if (bignum_compare(&fraction.numerator, &fraction.denominator) >= 0) {
        bignum_multiply_add(&fraction.denominator, 10U, 0U);
        decimal.exponent++;
    }
    for (decimal.count = 0; decimal.count < count; decimal.count++) {
        decimal.digits[decimal.count] = next_digit(&fraction);
    }
    if (rounds_up(&fraction, &decimal)) {
        increment(&decimal);
    }
    return decimal;
}
