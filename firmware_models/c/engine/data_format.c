#include "engine/data_format.h"

#include <string.h>

#include "numbers/double_bits.h"

#define REAL_32_BYTES 4U
#define REAL_64_BYTES 8U

size_t format_item_bytes(struct data_format format) {
    return format.kind == FORMAT_REAL_32 ? REAL_32_BYTES : REAL_64_BYTES;
}

const char *format_name(struct data_format format) {
    switch (format.kind) {
    case FORMAT_REAL_32:
        return "REAL,32";
    case FORMAT_REAL_64:
        return "REAL,64";
    case FORMAT_ASCII:
    default:
        return "ASC";
    }
}

void format_begin(struct data_format format, size_t count, struct text *text) {
    char digits[20];
    struct text length = text_begin(digits, sizeof digits);
    struct span span;
    if (format.kind == FORMAT_ASCII) {
        return;
    }
    text_unsigned(&length, count * format_item_bytes(format));
    span.bytes = digits;
    span.count = length.count;
    text_character(text, '#');
    text_unsigned(text, length.count);
    text_span(text, span, span.count);
}

static void put_bits(uint64_t bits, size_t bytes, bool swapped, struct text *text) {
    size_t index;
    for (index = 0; index < bytes; index++) {
        size_t place = swapped ? index : bytes - 1U - index;
        text_character(text, (char)(unsigned char)((bits >> (8U * place)) & 0xFFU));
    }
}

void format_value(struct data_format format, double value, bool whole, struct text *text) {
    float single = (float)value;
    uint32_t single_bits;
    switch (format.kind) {
    case FORMAT_REAL_32:
        (void)memcpy(&single_bits, &single, sizeof single_bits);
        put_bits(single_bits, REAL_32_BYTES, format.swapped, text);
        break;
    case FORMAT_REAL_64:
        put_bits(double_bits(value), REAL_64_BYTES, format.swapped, text);
        break;
    case FORMAT_ASCII:
    default:
        if (whole) {
            text_integer(text, (int64_t)value);
        } else {
            text_scientific(text, value);
        }
        break;
    }
}

double format_decode(struct data_format format, const char *bytes) {
    size_t count = format_item_bytes(format);
    uint64_t bits = 0U;
    uint32_t single_bits;
    float single;
    size_t index;
    for (index = 0; index < count; index++) {
        size_t place = format.swapped ? index : count - 1U - index;
        bits |= (uint64_t)(unsigned char)bytes[index] << (8U * place);
    }
    if (format.kind != FORMAT_REAL_32) {
        return double_from_bits(bits);
    }
    single_bits = (uint32_t)bits;
    (void)memcpy(&single, &single_bits, sizeof single);
    return (double)single;
}
