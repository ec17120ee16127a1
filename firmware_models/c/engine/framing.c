#include "engine/framing.h"

#include "numbers/text.h"

void framing_reset(struct framing *framing) {
    framing->state = BYTE_TEXT;
    framing->quote = '\0';
    framing->digits_left = 0U;
    framing->block_left = 0U;
}

static enum byte_kind outside(struct framing *framing, char byte) {
    framing->state = BYTE_TEXT;
    if (byte == '\n' || byte == '\r') {
        return BYTE_END;
    }
    if (byte == '"' || byte == '\'') {
        framing->state = BYTE_STRING;
        framing->quote = byte;
        return BYTE_STRING;
    }
    if (byte == '#') {
        framing->state = BYTE_MARK;
        return BYTE_MARK;
    }
    return BYTE_TEXT;
}

static enum byte_kind inside_string(struct framing *framing, char byte) {
    /* One that a newline cuts is no string, but a syntax error for the parser. */
    if (byte == '\n' || byte == '\r') {
        framing->state = BYTE_TEXT;
        return BYTE_END;
    }
    if (byte == framing->quote) {
        framing->state = BYTE_TEXT;
    }
    return BYTE_STRING;
}

static enum byte_kind inside_header(struct framing *framing, char byte) {
    if (!is_digit(byte)) {
        return outside(framing, byte);
    }
    framing->block_left = framing->block_left * 10U + (uint32_t)(byte - '0');
    framing->digits_left--;
    if (framing->digits_left == 0U) {
        framing->state = framing->block_left > 0U ? BYTE_BLOCK_DATA : BYTE_TEXT;
    }
    return BYTE_BLOCK_HEADER;
}

enum byte_kind framing_next(struct framing *framing, char byte) {
    switch (framing->state) {
    case BYTE_STRING:
        return inside_string(framing, byte);
    case BYTE_MARK:
        if (byte < '1' || byte > '9') {
            return outside(framing, byte);
        }
        framing->state = BYTE_BLOCK_HEADER;
        framing->digits_left = (unsigned)(byte - '0');
        framing->block_left = 0U;
        return BYTE_BLOCK_HEADER;
    case BYTE_BLOCK_HEADER:
        return inside_header(framing, byte);
    case BYTE_BLOCK_DATA:
        framing->block_left--;
        if (framing->block_left == 0U) {
            framing->state = BYTE_TEXT;
        }
        return BYTE_BLOCK_DATA;
    case BYTE_TEXT:
    case BYTE_END:
    default:
        return outside(framing, byte);
    }
}

bool framing_inside_block(const struct framing *framing) {
    return framing->state == BYTE_MARK || framing->state == BYTE_BLOCK_HEADER || framing->state == BYTE_BLOCK_DATA;
}
