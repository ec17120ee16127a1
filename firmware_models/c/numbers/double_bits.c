#include "numbers/double_bits.h"

#include <string.h>

#define FRACTION_BITS 52
#define EXPONENT_MASK 0x7FFU
#define LOWEST_EXPONENT (-1074)
#define HIDDEN_BIT ((uint64_t)1 << FRACTION_BITS)

uint64_t double_bits(double value) {
    uint64_t bits;
    (void)memcpy(&bits, &value, sizeof bits);
    return bits;
}

double double_from_bits(uint64_t bits) {
    double value;
    (void)memcpy(&value, &bits, sizeof value);
    return value;
}

struct double_parts double_split(double value) {
    uint64_t bits = double_bits(value);
    unsigned biased = (unsigned)(bits >> FRACTION_BITS) & EXPONENT_MASK;
    uint64_t fraction = bits & (HIDDEN_BIT - 1U);
    struct double_parts parts;
    parts.negative = (bits >> 63) != 0U;
    parts.infinite = biased == EXPONENT_MASK && fraction == 0U;
    parts.not_a_number = biased == EXPONENT_MASK && fraction != 0U;
    parts.mantissa = biased == 0U ? fraction : fraction | HIDDEN_BIT;
    parts.exponent = biased == 0U ? LOWEST_EXPONENT : (int)biased - 1 + LOWEST_EXPONENT;
    parts.narrow_below = fraction == 0U && biased > 1U;
    return parts;
}

double double_round(uint64_t mantissa, int exponent, bool exact) {
    uint64_t top = mantissa;
    int scale = exponent;
    int dropped = 64 - 1 - FRACTION_BITS;
    uint64_t kept, rest, half;
    while ((top >> 63) == 0U) {
        top <<= 1;
        scale--;
    }
    /* Now the value is in [2^63, 2^64) * 2^scale; below the normal numbers fewer bits are kept. */
    if (scale + dropped < LOWEST_EXPONENT) {
        dropped = LOWEST_EXPONENT - scale;
    }
    if (dropped > 64) {
        return 0.0;
    }
    kept = dropped == 64 ? 0U : top >> dropped;
    rest = dropped == 64 ? top : top & (((uint64_t)1 << dropped) - 1U);
    half = (uint64_t)1 << (dropped - 1);
    if (rest > half || (rest == half && (!exact || (kept & 1U) != 0U))) {
        kept++;
    }
    scale += dropped;
    if (kept == (HIDDEN_BIT << 1)) {
        kept >>= 1;
        scale++;
    }
    if (scale > (int)EXPONENT_MASK - 2 + LOWEST_EXPONENT) {
        return double_from_bits((uint64_t)EXPONENT_MASK << FRACTION_BITS);
    }
    if (kept < HIDDEN_BIT) {
        return double_from_bits(kept);
    }
    return double_from_bits(((uint64_t)(unsigned)(scale - LOWEST_EXPONENT + 1) << FRACTION_BITS) |
                            (kept & (HIDDEN_BIT - 1U)));
}
