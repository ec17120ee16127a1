#include "engine/array_parameter.h"

#include <string.h>

#include "engine/scpi_errors.h"

#define IN_BLOCK "ASCII text in the block: "

void array_begin(struct array_parameter *array, struct data_format format, enum unit unit, double *values,
                 size_t capacity) {
    array->unit = unit;
    array->format = format;
    array->values = values;
    array->capacity = capacity;
    array->count = 0;
    array->is_block = false;
    array->block_is_first = false;
    array->parameters = 0;
    array->item_count = 0;
    array->text_blank = true;
    array->code = SCPI_OK;
    array->detail_count = 0;
}

static struct text detail_of(struct array_parameter *array) {
    return text_begin(array->detail_bytes, sizeof array->detail_bytes);
}

static void put(struct array_parameter *array, double value) {
    if (array->count < array->capacity) {
        array->values[array->count] = value;
    }
    array->count++;
}

/* Note an error with its detail, unless there was one before. */
static void fail(struct array_parameter *array, int code, const struct text *detail) {
    if (array->code == SCPI_OK) {
        array->code = code;
        array->detail_count = detail->count;
        if (detail->count > 0U) {
            (void)memmove(array->detail_bytes, detail->bytes, detail->count);
        }
    }
}

static void put_text(struct array_parameter *array, struct span text) {
    char bytes[ERROR_DETAIL_BYTES];
    struct text detail = text_begin(bytes, sizeof bytes);
    struct parameter parameter;
    double value = 0.0;
    int code;
    parameter.is_block = false;
    parameter.text = text;
    code = parse_number(parameter, array->unit, &value, &detail);
    if (code != SCPI_OK) {
        fail(array, code, &detail);
    }
    put(array, value);
}

void array_parameter(struct array_parameter *array, struct span text) {
    array->parameters++;
    if (!array->is_block) {
        put_text(array, text);
    }
}

void array_block_begin(struct array_parameter *array, uint32_t length) {
    array->block_is_first = array->parameters == 0U;
    array->parameters++;
    array->is_block = true;
    array->count = 0;
    array->code = SCPI_OK;
    array->item_count = 0;
    array->text_blank = true;
    if (array->format.kind != FORMAT_ASCII && length % format_item_bytes(array->format) != 0U) {
        struct text detail = detail_of(array);
        text_unsigned(&detail, length);
        text_string(&detail, " bytes; allowed: multiples of ");
        text_unsigned(&detail, format_item_bytes(array->format));
        text_string(&detail, ", ");
        text_string(&detail, format_name(array->format));
        fail(array, SCPI_INVALID_BLOCK, &detail);
    }
}

/* A number of a block's text, which a comma or the end of the block ends. */
static void end_text_item(struct array_parameter *array) {
    char bytes[ERROR_DETAIL_BYTES];
    struct text detail = text_begin(bytes, sizeof bytes);
    struct parameter parameter;
    double value = 0.0;
    int code;
    parameter.is_block = false;
    parameter.text.bytes = array->item;
    parameter.text.count = array->item_count;
    parameter.text = span_strip(parameter.text);
    text_string(&detail, IN_BLOCK);
    if (parameter.text.count > 0U) {
        code = parse_number(parameter, array->unit, &value, &detail);
    } else {
        text_string(&detail, "; a number is wanted");
        code = SCPI_DATA_TYPE_ERROR;
    }
    if (code == SCPI_OUT_OF_RANGE) {
        detail.bytes += sizeof IN_BLOCK - 1U;
        detail.count -= sizeof IN_BLOCK - 1U;
        fail(array, code, &detail);
    } else if (code != SCPI_OK) {
        fail(array, SCPI_INVALID_BLOCK, &detail);
    }
    put(array, value);
    array->item_count = 0;
}

static void text_byte(struct array_parameter *array, char byte) {
    array->text_blank = array->text_blank && is_space(byte);
    if (byte == ',') {
        end_text_item(array);
    } else if (array->item_count < sizeof array->item) {
        array->item[array->item_count] = byte;
        array->item_count++;
    } else if (array->code == SCPI_OK) {
        struct text detail = detail_of(array);
        text_string(&detail, "a number in the block is longer than the board's buffer");
        fail(array, SCPI_INVALID_BLOCK, &detail);
    } else {
        /* The first error stands. */
    }
}

void array_block_byte(struct array_parameter *array, char byte) {
    if (array->format.kind == FORMAT_ASCII) {
        text_byte(array, byte);
        return;
    }
    array->item[array->item_count] = byte;
    array->item_count++;
    if (array->item_count == format_item_bytes(array->format)) {
        double value = format_decode(array->format, array->item);
        struct text detail = detail_of(array);
        array->item_count = 0;
        if (array->code == SCPI_OK) {
            int code = require_finite(value, &detail);
            if (code != SCPI_OK) {
                fail(array, code, &detail);
            }
        }
        put(array, value);
    }
}

void array_block_end(struct array_parameter *array) {
    if (array->format.kind == FORMAT_ASCII && !array->text_blank) {
        end_text_item(array);
    }
}

int array_end(struct array_parameter *array, struct text *detail) {
    struct span found = {array->detail_bytes, array->detail_count};
    if (array->is_block && (array->parameters > 1U || !array->block_is_first)) {
        text_string(detail, "a block is the only parameter");
        return SCPI_PARAMETER_NOT_ALLOWED;
    }
    text_span(detail, found, found.count);
    return array->code;
}

int array_require_length(const struct array_parameter *array, size_t wanted, struct text *detail) {
    if (array->count == wanted) {
        return SCPI_OK;
    }
    text_unsigned(detail, array->count);
    text_string(detail, " values; allowed: ");
    text_unsigned(detail, wanted);
    if (array->is_block) {
        return SCPI_INVALID_BLOCK;
    }
    return array->count < wanted ? SCPI_MISSING_PARAMETER : SCPI_PARAMETER_NOT_ALLOWED;
}
