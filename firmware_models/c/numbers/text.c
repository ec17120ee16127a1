#include "numbers/text.h"

#include <string.h>

struct text text_begin(char *bytes, size_t size) {
    struct text text = {bytes, size, 0};
    return text;
}

void text_character(struct text *text, char character) {
    if (text->count < text->size) {
        text->bytes[text->count] = character;
        text->count++;
    }
}

void text_string(struct text *text, const char *string) {
    const char *at;
    for (at = string; *at != '\0'; at++) {
        text_character(text, *at);
    }
}

void text_span(struct text *text, struct span span, size_t most) {
    size_t index;
    for (index = 0; index < span.count && index < most; index++) {
        text_character(text, span.bytes[index]);
    }
}

void text_unsigned(struct text *text, uint64_t value) {
    char digits[20];
    size_t count = 0;
    uint64_t rest = value;
    do {
        digits[count] = (char)('0' + (int)(rest % 10U));
        count++;
        rest /= 10U;
    } while (rest > 0U);
    while (count > 0U) {
        count--;
        text_character(text, digits[count]);
    }
}

void text_integer(struct text *text, int64_t value) {
    if (value < 0) {
        text_character(text, '-');
        text_unsigned(text, (uint64_t)(-(value + 1)) + 1U);
    } else {
        text_unsigned(text, (uint64_t)value);
    }
}

bool is_digit(char character) {
    return character >= '0' && character <= '9';
}

bool is_letter(char character) {
    return (character >= 'A' && character <= 'Z') || (character >= 'a' && character <= 'z');
}

bool is_latin_letter(char character) {
    unsigned code = (unsigned char)character;
    return is_letter(character) || code == 0xAAU || code == 0xB5U || code == 0xBAU ||
           (code >= 0xC0U && code != 0xD7U && code != 0xF7U);
}

bool is_space(char character) {
    unsigned code = (unsigned char)character;
    return (code >= 9U && code <= 13U) || (code >= 28U && code <= 32U) || code == 0x85U || code == 0xA0U;
}

char to_upper(char character) {
    return (character >= 'a' && character <= 'z') ? (char)(character - 'a' + 'A') : character;
}

struct span span_strip(struct span span) {
    struct span inner = span;
    while (inner.count > 0U && is_space(inner.bytes[0])) {
        inner.bytes++;
        inner.count--;
    }
    while (inner.count > 0U && is_space(inner.bytes[inner.count - 1U])) {
        inner.count--;
    }
    return inner;
}

bool span_is_word(struct span span, const char *capitals) {
    size_t index;
    if (strlen(capitals) != span.count) {
        return false;
    }
    for (index = 0; index < span.count; index++) {
        if (to_upper(span.bytes[index]) != capitals[index]) {
            return false;
        }
    }
    return true;
}
