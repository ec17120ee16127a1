#include "engine/numeric.h"

#include <math.h>

#include "engine/scpi_errors.h"
#include "numbers/decimal.h"

#define INFINITE 9.9e37
#define EXCERPT 40U
/* A number of so many hexadecimal digits is still a double. */
#define DIGITS_MOST 250U
/* An exponent of more is infinite or zero whatever the digits. */
#define EXPONENT_MOST 100000
/* Digits that are kept exactly when written without point or exponent. */
#define WHOLE_DIGITS_MOST 30U
/* Whole numbers from here on do not fit 64 bits. */
#define WHOLE_MOST 9223372036854775808.0

struct suffix {
    const char *text;
    double factor;
};

static const struct suffix MULTIPLIERS[] = {
    {"", 1.0},    {"EX", 1e18}, {"PE", 1e15}, {"T", 1e12},  {"G", 1e9},    {"MA", 1e6},  {"K", 1e3},
    {"M", 1e-3},  {"U", 1e-6},  {"N", 1e-9},  {"P", 1e-12}, {"F", 1e-15},  {"A", 1e-18},
};

/* Names of each unit, the shorter first. */
static const char *const NAMES[][2] = {
    {NULL, NULL}, {"V", NULL}, {"A", NULL}, {"S", NULL}, {"S", "SIE"}, {"CEL", NULL},
};

static bool multiplier(struct span prefix, double *factor) {
    size_t index;
    for (index = 0; index < sizeof MULTIPLIERS / sizeof MULTIPLIERS[0]; index++) {
        if (span_is_word(prefix, MULTIPLIERS[index].text)) {
            *factor = MULTIPLIERS[index].factor;
            return true;
        }
    }
    return false;
}

static bool suffix_of(struct span suffix, const char *name, double *factor) {
    struct span ending = suffix;
    struct span prefix = suffix;
    size_t length = 0;
    while (name[length] != '\0') {
        length++;
    }
    if (suffix.count < length) {
        return false;
    }
    prefix.count = suffix.count - length;
    ending.bytes += prefix.count;
    ending.count = length;
    return span_is_word(ending, name) && multiplier(prefix, factor);
}

/* Factor of a suffix: -138 on a pure number, -131 if the unit has no such suffix. */
static int suffix_factor(struct span suffix, enum unit unit, double *factor, struct text *detail) {
    size_t index;
    *factor = 1.0;
    if (suffix.count == 0U) {
        return SCPI_OK;
    }
    if (unit == UNIT_PURE) {
        text_span(detail, suffix, suffix.count);
        text_string(detail, "; a pure number is wanted");
        return SCPI_SUFFIX_NOT_ALLOWED;
    }
    /* SCPI has MA as mega, but 1 MA of current is a milliampere: as everywhere in the field. */
    if (unit == UNIT_AMPERE && span_is_word(suffix, "MA")) {
        *factor = 1e-3;
        return SCPI_OK;
    }
    for (index = 0; index < 2U && NAMES[unit][index] != NULL; index++) {
        if (suffix_of(suffix, NAMES[unit][index], factor)) {
            return SCPI_OK;
        }
    }
    text_span(detail, suffix, suffix.count);
    text_string(detail, "; allowed: ");
    text_string(detail, NAMES[unit][0]);
    if (NAMES[unit][1] != NULL) {
        text_string(detail, " or ");
        text_string(detail, NAMES[unit][1]);
    }
    text_string(detail, " with an SI multiplier");
    return SCPI_INVALID_SUFFIX;
}

static size_t skip_digits(struct span text, size_t at) {
    size_t index = at;
    while (index < text.count && is_digit(text.bytes[index])) {
        index++;
    }
    return index;
}

static size_t skip_space(struct span text, size_t at) {
    size_t index = at;
    while (index < text.count && is_space(text.bytes[index])) {
        index++;
    }
    return index;
}

static bool is_sign(struct span text, size_t at) {
    return at < text.count && (text.bytes[at] == '+' || text.bytes[at] == '-');
}

/* Index behind the mantissa that begins at `at`; `at` if there is none. */
static size_t mantissa_end(struct span text, size_t at) {
    size_t point = skip_digits(text, at);
    size_t end;
    if (point >= text.count || text.bytes[point] != '.') {
        return point;
    }
    end = skip_digits(text, point + 1U);
    return (point == at && end == point + 1U) ? at : end;
}

/* Index behind the exponent that may follow the mantissa at `at`; `at` if none does. */
static size_t exponent_end(struct span text, size_t at, int *exponent) {
    size_t index = skip_space(text, at);
    size_t first, end;
    bool negative = false;
    *exponent = 0;
    if (index >= text.count || to_upper(text.bytes[index]) != 'E') {
        return at;
    }
    index = skip_space(text, index + 1U);
    if (is_sign(text, index)) {
        negative = text.bytes[index] == '-';
        index++;
    }
    first = index;
    end = skip_digits(text, first);
    for (index = first; index < end; index++) {
        *exponent = *exponent < EXPONENT_MOST ? *exponent * 10 + (text.bytes[index] - '0') : EXPONENT_MOST;
    }
    *exponent = negative ? -*exponent : *exponent;
    return end > first ? end : at;
}

/* A decimal with an optional suffix; false if the text is none. */
static bool match_decimal(struct span text, double *value, struct span *suffix) {
    size_t start = is_sign(text, 0) ? 1U : 0U;
    size_t end = mantissa_end(text, start);
    struct span mantissa = {text.bytes + start, end - start};
    int exponent;
    size_t at;
    if (mantissa.count == 0U) {
        return false;
    }
    at = skip_space(text, exponent_end(text, end, &exponent));
    suffix->bytes = text.bytes + at;
    suffix->count = text.count - at;
    while (at < text.count) {
        if (!is_letter(text.bytes[at]) && text.bytes[at] != '/') {
            return false;
        }
        at++;
    }
    *value = decimal_value(mantissa, exponent);
    if (text.bytes[0] == '-') {
        *value = -*value;
    }
    return true;
}

static unsigned base_of(char letter) {
    switch (to_upper(letter)) {
    case 'H':
        return 16U;
    case 'Q':
        return 8U;
    case 'B':
        return 2U;
    default:
        return 0U;
    }
}

static bool is_digit_of(char character, unsigned base) {
    char upper = to_upper(character);
    if (base == 16U && upper >= 'A' && upper <= 'F') {
        return true;
    }
    return is_digit(character) && (unsigned)(character - '0') < base;
}

/* The digits of a non-decimal number; false if the text is none. */
static bool match_nondecimal(struct span text, struct span *digits, unsigned *base) {
    size_t index;
    if (text.count < 3U || text.bytes[0] != '#') {
        return false;
    }
    *base = base_of(text.bytes[1]);
    digits->bytes = text.bytes + 2;
    digits->count = text.count - 2U;
    for (index = 0; index < digits->count; index++) {
        if (!is_digit_of(digits->bytes[index], *base)) {
            return false;
        }
    }
    return *base != 0U;
}

static int require_digits(struct span digits, struct text *detail) {
    if (digits.count <= DIGITS_MOST) {
        return SCPI_OK;
    }
    text_unsigned(detail, digits.count);
    text_string(detail, " digits; at most 250 are allowed");
    return SCPI_OUT_OF_RANGE;
}

static bool is_identifier(struct span text) {
    size_t index;
    for (index = 0; index < text.count; index++) {
        char character = text.bytes[index];
        if (!is_letter(character) && (index == 0U || (!is_digit(character) && character != '_'))) {
            return false;
        }
    }
    return true;
}

/* The error of a text that is no number at all. */
static int no_number(struct span text, struct text *detail) {
    struct span word = text;
    while (is_sign(word, 0)) {
        word.bytes++;
        word.count--;
    }
    if (span_is_word(word, "NAN") || span_is_word(word, "INF") || span_is_word(word, "NINF") ||
        span_is_word(word, "INFINITY")) {
        text_span(detail, text, text.count);
        text_string(detail, "; finite numbers are allowed");
        return SCPI_OUT_OF_RANGE;
    }
    text_span(detail, text, EXCERPT);
    if (is_identifier(text) || text.bytes[0] == '"' || text.bytes[0] == '\'' || text.bytes[0] == '(') {
        text_string(detail, "; a number is wanted");
        return SCPI_DATA_TYPE_ERROR;
    }
    text_string(detail, " is no number");
    return SCPI_SYNTAX_ERROR;
}

int require_finite(double value, struct text *detail) {
    if (value < INFINITE && value > -INFINITE) {
        return SCPI_OK;
    }
    text_general(detail, value);
    text_string(detail, "; finite numbers are allowed");
    return SCPI_OUT_OF_RANGE;
}

int parse_number(struct parameter parameter, enum unit unit, double *value, struct text *detail) {
    struct span suffix, digits;
    unsigned base;
    double factor;
    int code;
    if (parameter.is_block) {
        text_string(detail, "a block; a number is wanted");
        return SCPI_DATA_TYPE_ERROR;
    }
    if (match_decimal(parameter.text, value, &suffix)) {
        code = suffix_factor(suffix, unit, &factor, detail);
        if (code != SCPI_OK) {
            return code;
        }
        *value *= factor;
        return require_finite(*value, detail);
    }
    if (match_nondecimal(parameter.text, &digits, &base)) {
        *value = decimal_value_of_base(digits, base);
        return require_digits(digits, detail);
    }
    return no_number(parameter.text, detail);
}

static int keyword_of(struct parameter parameter) {
    struct span text = parameter.text;
    if (parameter.is_block) {
        return -1;
    }
    if (span_is_word(text, "MIN") || span_is_word(text, "MINIMUM")) {
        return 0;
    }
    if (span_is_word(text, "MAX") || span_is_word(text, "MAXIMUM")) {
        return 1;
    }
    return (span_is_word(text, "DEF") || span_is_word(text, "DEFAULT")) ? 2 : -1;
}

bool limit_keyword(struct parameter parameter, struct limits limits, double *value) {
    int keyword = keyword_of(parameter);
    if (keyword >= 0) {
        *value = keyword == 0 ? limits.low : keyword == 1 ? limits.high : limits.fallback;
    }
    return keyword >= 0;
}

bool whole_keyword(struct parameter parameter, struct whole_limits limits, int64_t *value) {
    int keyword = keyword_of(parameter);
    if (keyword >= 0) {
        *value = keyword == 0 ? limits.low : keyword == 1 ? limits.high : limits.fallback;
    }
    return keyword >= 0;
}

static int outside(double value, double low, double high, struct text *detail) {
    text_general(detail, value);
    text_string(detail, "; allowed: ");
    text_general(detail, low);
    text_string(detail, " to ");
    text_general(detail, high);
    return SCPI_OUT_OF_RANGE;
}

int parse_limited(struct parameter parameter, enum unit unit, struct limits limits, double *value,
                  struct text *detail) {
    double got;
    if (!limit_keyword(parameter, limits, &got)) {
        int code = parse_number(parameter, unit, &got, detail);
        if (code != SCPI_OK) {
            return code;
        }
    }
    if (got < limits.low || got > limits.high) {
        return outside(got, limits.low, limits.high, detail);
    }
    *value = got;
    return SCPI_OK;
}

/* All digits of a whole number; false if they are more than 64 bits hold. */
static bool exact_digits(struct span digits, unsigned base, uint64_t *whole) {
    size_t index;
    *whole = 0U;
    for (index = 0; index < digits.count; index++) {
        char upper = to_upper(digits.bytes[index]);
        uint64_t digit = (uint64_t)(is_digit(upper) ? upper - '0' : upper - 'A' + 10);
        if (*whole > (UINT64_MAX - digit) / base) {
            return false;
        }
        *whole = *whole * base + digit;
    }
    return true;
}

/* A number written without point or exponent, of which a double keeps some 16 digits; false if it is none. */
static bool match_whole(struct parameter parameter, struct whole_limits limits, int64_t *value) {
    struct span text = parameter.text;
    struct span digits = text;
    unsigned base = 10U;
    uint64_t whole;
    int64_t got;
    bool negative = false;
    if (parameter.is_block) {
        return false;
    }
    if (!match_nondecimal(text, &digits, &base)) {
        digits = text;
        negative = is_sign(text, 0) && text.bytes[0] == '-';
        digits.bytes += is_sign(text, 0) ? 1 : 0;
        digits.count -= is_sign(text, 0) ? 1U : 0U;
        base = 10U;
        if (digits.count == 0U || digits.count > WHOLE_DIGITS_MOST || skip_digits(digits, 0) < digits.count) {
            return false;
        }
    }
    if (!exact_digits(digits, base, &whole) || whole > (uint64_t)INT64_MAX) {
        return false;
    }
    got = negative ? -(int64_t)whole : (int64_t)whole;
    if (got < limits.low || got > limits.high) {
        return false;
    }
    *value = got;
    return true;
}

int parse_whole(struct parameter parameter, struct whole_limits limits, int64_t *value, struct text *detail) {
    double got, rounded;
    int code;
    if (whole_keyword(parameter, limits, value) || match_whole(parameter, limits, value)) {
        return SCPI_OK;
    }
    code = parse_number(parameter, UNIT_PURE, &got, detail);
    if (code != SCPI_OK) {
        return code;
    }
    rounded = floor(got + 0.5);
    if (rounded >= WHOLE_MOST || rounded < -WHOLE_MOST || (int64_t)rounded < limits.low ||
        (int64_t)rounded > limits.high) {
        return outside(got, (double)limits.low, (double)limits.high, detail);
    }
    *value = (int64_t)rounded;
    return SCPI_OK;
}
