/* Where program messages end in a stream of bytes: a newline inside a block or a string ends nothing. */
#ifndef CROSSCAL_FRAMING_H
#define CROSSCAL_FRAMING_H

#include <stdbool.h>
#include <stdint.h>

/* Meaning of one byte. */
enum byte_kind {
    BYTE_TEXT,
    BYTE_STRING,
    /* A `#` that may begin a block. */
    BYTE_MARK,
    /* A digit of a block's header. */
    BYTE_BLOCK_HEADER,
    BYTE_BLOCK_DATA,
    /* The newline that ends a message. */
    BYTE_END
};

struct framing {
    enum byte_kind state;
    char quote;
    unsigned digits_left;
    /* Bytes of the block that are still to come. */
    uint32_t block_left;
};

void framing_reset(struct framing *framing);
/* Take the next byte of the stream. */
enum byte_kind framing_next(struct framing *framing, char byte);
/* Whether a block has begun of which not all has arrived. */
bool framing_inside_block(const struct framing *framing);

#endif
