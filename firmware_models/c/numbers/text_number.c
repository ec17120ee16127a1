#include "numbers/decimal.h"
#include "numbers/double_bits.h"

#define NOT_A_NUMBER "9.91E+37"
#define GENERAL_DIGITS 6

/* Digits with their point behind the `whole` first ones, zeros put in where there are none. */
static void put_positional(struct text *text, const struct decimal *decimal, int whole) {
    int index;
    if (whole <= 0) {
        text_string(text, "0.");
        for (index = whole; index < 0; index++) {
            text_character(text, '0');
        }
    }
    for (index = 0; index < (int)decimal->count || index < whole; index++) {
        if (index == whole && whole > 0) {
            text_character(text, '.');
        }
        text_character(text, index < (int)decimal->count ? decimal->digits[index] : '0');
    }
}

static void put_exponent(struct text *text, const struct decimal *decimal, char letter) {
    int exponent = decimal->exponent - 1;
    put_positional(text, decimal, 1);
    text_character(text, letter);
    text_character(text, exponent < 0 ? '-' : '+');
    exponent = exponent < 0 ? -exponent : exponent;
    if (exponent < 10) {
        text_character(text, '0');
    }
    text_unsigned(text, (uint64_t)exponent);
}

/* Write what has no digits, and the sign of what has; whether digits follow. */
static bool put_sign(struct text *text, double value, const char *nan, const char *infinity) {
    struct double_parts parts = double_split(value);
    if (parts.not_a_number) {
        text_string(text, nan);
        return false;
    }
    if (parts.negative) {
        text_character(text, '-');
    }
    if (parts.infinite) {
        text_string(text, infinity);
        return false;
    }
    return true;
}

static struct decimal zero_of(size_t count) {
    struct decimal zero = {"00000000000000000", count, 1};
    return zero;
}

void text_number(struct text *text, double value) {
    struct decimal decimal = zero_of(1);
    if (!put_sign(text, value, NOT_A_NUMBER, "INF")) {
        return;
    }
    if (value > 0.0 || value < 0.0) {
        decimal = decimal_shortest(value < 0.0 ? -value : value);
    }
    if (decimal.exponent < -3 || decimal.exponent > 16) {
        put_exponent(text, &decimal, 'E');
    } else {
        put_positional(text, &decimal, decimal.exponent);
        if ((int)decimal.count <= decimal.exponent) {
            text_string(text, ".0");
        }
    }
}

void text_general(struct text *text, double value) {
    struct decimal decimal = zero_of(1);
    if (!put_sign(text, value, "nan", "inf")) {
        return;
    }
    if (value > 0.0 || value < 0.0) {
        decimal = decimal_digits(value < 0.0 ? -value : value, GENERAL_DIGITS);
    }
    while (decimal.count > 1U && decimal.digits[decimal.count - 1U] == '0') {
        decimal.count--;
    }
    if (decimal.exponent < -3 || decimal.exponent > GENERAL_DIGITS) {
        put_exponent(text, &decimal, 'e');
    } else {
        put_positional(text, &decimal, decimal.exponent);
    }
}

void text_scientific(struct text *text, double value) {
    struct decimal decimal = zero_of(DECIMAL_DIGITS_MOST);
    if (!put_sign(text, value, "NAN", "INF")) {
        return;
    }
    if (value > 0.0 || value < 0.0) {
        decimal = decimal_digits(value < 0.0 ? -value : value, DECIMAL_DIGITS_MOST);
    }
    put_exponent(text, &decimal, 'E');
}
