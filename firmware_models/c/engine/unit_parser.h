/* Parses program messages byte by byte into units: a header and its parameters. */
#ifndef CROSSCAL_UNIT_PARSER_H
#define CROSSCAL_UNIT_PARSER_H

#include "engine/framing.h"
#include "engine/limits.h"
#include "engine/numeric.h"

#define EXCERPT_BYTES 20U

enum parser_state {
    PARSE_UNIT,
    PARSE_HEADER,
    /* The header's first character, or the one behind a colon or asterisk. */
    PARSE_HEADER_NAME,
    PARSE_HEADER_STAR,
    PARSE_HEADER_END,
    /* What follows the header: parameters or the end of the unit. */
    PARSE_PARAMETERS,
    PARSE_PARAMETER,
    PARSE_TEXT,
    PARSE_STRING,
    PARSE_HASH,
    PARSE_BLOCK_HEADER,
    PARSE_BLOCK,
    PARSE_AFTER_PARAMETER,
    /* A unit is whole and waits to be executed. */
    PARSE_WHOLE,
    /* What stands behind a mistake, before it is reported. */
    PARSE_EXCERPT,
    /* What a command error leaves of its message. */
    PARSE_DISCARD
};

/* What the byte just parsed brought about. */
enum parser_event {
    PARSED_NOTHING,
    /* The header is whole. */
    PARSED_HEADER,
    /* Another parameter is whole: the last of `kept`, or `text` alone if it is not kept. */
    PARSED_PARAMETER,
    PARSED_BLOCK_START,
    /* One byte of a block. */
    PARSED_BLOCK_BYTE,
    PARSED_BLOCK_END,
    PARSED_SYNTAX_ERROR,
    PARSED_INVALID_BLOCK,
    PARSED_MESSAGE_END
};

struct unit_parser {
    enum parser_state state;
    struct framing framing;
    /* The header in capitals, absolute: with the current node before it. */
    char path[HEADER_BYTES];
    size_t path_count;
    bool absolute;
    bool query;
    /* The current node, which is textual (decision 14). */
    char node[HEADER_BYTES];
    size_t node_count;
    /* Parameters of the unit; only the first ones are kept unless `each_alone`, and then none are. */
    bool each_alone;
    size_t parameter_count;
    struct parameter kept[PARAMETERS_KEPT];
    char text[PARAMETER_BYTES];
    size_t text_start;
    size_t text_count;
    bool too_long;
    /* Bytes at the place that an error would be reported for, and the reason. */
    char excerpt[EXCERPT_BYTES];
    size_t excerpt_count;
    const char *reason;
    enum parser_event failure;
    /* The unit is the last of its message. */
    bool ends_message;
};

void parser_reset(struct unit_parser *parser);
/* Take the next byte. An event may leave the unit whole at the same time: look at `state`. */
enum parser_event parser_next(struct unit_parser *parser, enum byte_kind kind, char byte);
/* The unit has been executed. */
void parser_unit_done(struct unit_parser *parser);
/* Discard the rest of the message. */
void parser_discard(struct unit_parser *parser);
/* Parameter `index` of those kept. */
struct parameter parser_parameter(const struct unit_parser *parser, size_t index);
bool is_white(char byte);

#endif
