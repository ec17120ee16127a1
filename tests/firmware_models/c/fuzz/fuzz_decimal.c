/* Every double reads back from its shortest decimal and from 17 digits; any text of a number is read without fault. */
#include <string.h>

#include "engine/numeric.h"
#include "engine/scpi_errors.h"
#include "fuzz_board.h"
#include "numbers/double_bits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static double read_back(const struct text *text) {
    char bytes[64];
    struct text detail = text_begin(bytes, sizeof bytes);
    struct parameter parameter;
    double value = 0.0;
    parameter.is_block = false;
    parameter.text.bytes = text->bytes;
    parameter.text.count = text->count;
    fuzz_require(parse_number(parameter, UNIT_PURE, &value, &detail) == SCPI_OK);
    return value;
}

static void require_round_trip(double value) {
    char bytes[64];
    struct text text = text_begin(bytes, sizeof bytes);
    text_number(&text, value);
    fuzz_require(double_bits(read_back(&text)) == double_bits(value));
    text = text_begin(bytes, sizeof bytes);
    text_scientific(&text, value);
    fuzz_require(double_bits(read_back(&text)) == double_bits(value));
    text = text_begin(bytes, sizeof bytes);
    text_general(&text, value);
}

/* What SCPI takes for no number, hexadecimal digits can still make. */
static void require_round_trip_of_number(double value) {
    if (value < 9.9e37 && value > -9.9e37) {
        require_round_trip(value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char bytes[512];
    struct text detail = text_begin(bytes, sizeof bytes);
    struct whole_limits limits = {-1000, INT64_MAX, 0};
    struct parameter parameter;
    double value = 0.0;
    int64_t whole = 0;
    if (size == 0U || size > PARAMETER_BYTES) {
        return 0;
    }
    parameter.is_block = false;
    parameter.text.bytes = (const char *)data;
    parameter.text.count = size;
    if (parse_number(parameter, UNIT_VOLT, &value, &detail) == SCPI_OK) {
        require_round_trip_of_number(value);
    }
    (void)parse_whole(parameter, limits, &whole, &detail);
    if (size >= sizeof value) {
        (void)memcpy(&value, data, sizeof value);
        require_round_trip_of_number(value);
    }
    return 0;
}
