#include "numbers/bignum.h"

static void trim(struct bignum *number) {
    while (number->count > 0U && number->words[number->count - 1U] == 0U) {
        number->count--;
    }
}

static void push(struct bignum *number, uint32_t word) {
    if (word != 0U && number->count < (size_t)BIGNUM_WORDS) {
        number->words[number->count] = word;
        number->count++;
    }
}

void bignum_set(struct bignum *number, uint64_t value) {
    number->words[0] = (uint32_t)(value & 0xFFFFFFFFU);
    number->words[1] = (uint32_t)(value >> 32);
    number->count = 2;
    trim(number);
}

void bignum_multiply_add(struct bignum *number, uint32_t factor, uint32_t addend) {
    uint64_t carry = addend;
    size_t index;
    for (index = 0; index < number->count; index++) {
        carry += (uint64_t)number->words[index] * factor;
        number->words[index] = (uint32_t)(carry & 0xFFFFFFFFU);
        carry >>= 32;
    }
    push(number, (uint32_t)carry);
}

void bignum_multiply_power_of_ten(struct bignum *number, unsigned exponent) {
    unsigned left = exponent;
    while (left >= 9U) {
        bignum_multiply_add(number, 1000000000U, 0U);
        left -= 9U;
    }
    while (left > 0U) {
        bignum_multiply_add(number, 10U, 0U);
        left--;
    }
}

void bignum_shift_left(struct bignum *number, unsigned bits) {
    size_t whole = bits / 32U;
    unsigned part = bits % 32U;
    size_t index;
    if (number->count == 0U || number->count + whole > (size_t)BIGNUM_WORDS) {
        return;
    }
    for (index = number->count; index > 0U; index--) {
        number->words[index - 1U + whole] = number->words[index - 1U];
    }
    for (index = 0; index < whole; index++) {
        number->words[index] = 0U;
    }
    number->count += whole;
    if (part > 0U) {
        uint32_t carry = 0U;
        for (index = whole; index < number->count; index++) {
            uint32_t word = number->words[index];
            number->words[index] = (word << part) | carry;
            carry = word >> (32U - part);
        }
        push(number, carry);
    }
}

void bignum_shift_right_one(struct bignum *number) {
    uint32_t carry = 0U;
    size_t index;
    for (index = number->count; index > 0U; index--) {
        uint32_t word = number->words[index - 1U];
        number->words[index - 1U] = (word >> 1) | carry;
        carry = word << 31;
    }
    trim(number);
}

int bignum_compare(const struct bignum *one, const struct bignum *other) {
    size_t index;
    if (one->count != other->count) {
        return one->count < other->count ? -1 : 1;
    }
    for (index = one->count; index > 0U; index--) {
        if (one->words[index - 1U] != other->words[index - 1U]) {
            return one->words[index - 1U] < other->words[index - 1U] ? -1 : 1;
        }
    }
    return 0;
}

void bignum_add(struct bignum *number, const struct bignum *addend) {
    uint64_t carry = 0U;
    size_t index;
    while (number->count < addend->count) {
        number->words[number->count] = 0U;
        number->count++;
    }
    for (index = 0; index < number->count; index++) {
        carry += number->words[index];
        carry += (index < addend->count) ? addend->words[index] : 0U;
        number->words[index] = (uint32_t)(carry & 0xFFFFFFFFU);
        carry >>= 32;
    }
    push(number, (uint32_t)carry);
}

void bignum_subtract(struct bignum *number, const struct bignum *subtrahend) {
    uint32_t borrow = 0U;
    size_t index;
    for (index = 0; index < number->count; index++) {
        uint64_t taken = (uint64_t)((index < subtrahend->count) ? subtrahend->words[index] : 0U) + borrow;
        uint32_t word = number->words[index];
        borrow = (word < taken) ? 1U : 0U;
        number->words[index] = (uint32_t)(((uint64_t)word - taken) & 0xFFFFFFFFU);
    }
    trim(number);
}

unsigned bignum_bits(const struct bignum *number) {
    unsigned bits = 0U;
    uint32_t top;
    if (number->count == 0U) {
        return 0U;
    }
    for (top = number->words[number->count - 1U]; top != 0U; top >>= 1) {
        bits++;
    }
    return (unsigned)(number->count - 1U) * 32U + bits;
}
