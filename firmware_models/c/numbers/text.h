/* Text of bounded length: what does not fit is left out. */
#ifndef CROSSCAL_TEXT_H
#define CROSSCAL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes as they were sent; not ended by a zero. */
struct span {
    const char *bytes;
    size_t count;
};

/* A text under construction; `bytes` has room for `size` characters and is not ended by a zero. */
struct text {
    char *bytes;
    size_t size;
    size_t count;
};

struct text text_begin(char *bytes, size_t size);
void text_character(struct text *text, char character);
void text_string(struct text *text, const char *string);
void text_span(struct text *text, struct span span, size_t most);
void text_unsigned(struct text *text, uint64_t value);
void text_integer(struct text *text, int64_t value);

/* Shortest decimal that reads back as the same number, `1E-05`; 9.91E+37 for NaN. */
void text_number(struct text *text, double value);
/* Six significant digits, `1e-05`: for messages. */
void text_general(struct text *text, double value);
/* Seventeen significant digits, `1.0000000000000001E-05`. */
void text_scientific(struct text *text, double value);

bool is_digit(char character);
bool is_letter(char character);
/* A letter of ISO 8859-1. */
bool is_latin_letter(char character);
/* White space of ISO 8859-1, which may stand inside a number. */
bool is_space(char character);
char to_upper(char character);
struct span span_strip(struct span span);
/* Whether a span says the same as a word in capitals, in any case. */
bool span_is_word(struct span span, const char *capitals);

#endif
