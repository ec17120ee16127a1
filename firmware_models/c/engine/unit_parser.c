#include "engine/unit_parser.h"

#include <string.h>

#define BROKEN_BLOCK "a block header is broken or its data incomplete at "

bool is_white(char byte) {
    /* IEEE 488.2, 7.4.1.2: every control character and the space, the newline excepted. */
    unsigned code = (unsigned char)byte;
    return code <= 32U && byte != '\n';
}

static void begin_unit(struct unit_parser *parser) {
    parser->state = PARSE_UNIT;
    parser->each_alone = false;
    parser->parameter_count = 0;
    parser->text_start = 0;
    parser->text_count = 0;
    parser->too_long = false;
    parser->ends_message = false;
}

void parser_reset(struct unit_parser *parser) {
    framing_reset(&parser->framing);
    parser->path_count = 0;
    parser->absolute = true;
    parser->query = false;
    parser->node_count = 0;
    parser->excerpt_count = 0;
    parser->reason = "";
    parser->failure = PARSED_NOTHING;
    begin_unit(parser);
}

static void excerpt(struct unit_parser *parser, char byte) {
    if (parser->excerpt_count < EXCERPT_BYTES) {
        parser->excerpt[parser->excerpt_count] = byte;
        parser->excerpt_count++;
    }
}

static void path_put(struct unit_parser *parser, char byte) {
    if (parser->path_count < HEADER_BYTES) {
        parser->path[parser->path_count] = to_upper(byte);
        parser->path_count++;
    }
}

/* Fail for a reason; what follows in the message completes the excerpt first. */
static enum parser_event fail(struct unit_parser *parser, enum byte_kind kind, enum parser_event event,
                              const char *reason) {
    parser->reason = reason;
    parser->failure = event;
    if (kind == BYTE_END || parser->excerpt_count == EXCERPT_BYTES) {
        return event;
    }
    parser->state = PARSE_EXCERPT;
    return PARSED_NOTHING;
}

/* Fail for a reason that needs no excerpt. */
static enum parser_event fail_plainly(struct unit_parser *parser, const char *reason) {
    parser->excerpt_count = 0;
    parser->reason = reason;
    return PARSED_SYNTAX_ERROR;
}

/* What stands behind a mistake, as far as it is reported. */
static enum parser_event rest_of_excerpt(struct unit_parser *parser, enum byte_kind kind, char byte) {
    if (kind != BYTE_END) {
        excerpt(parser, byte);
    }
    return fail(parser, kind, parser->failure, parser->reason);
}

static bool ends_unit(struct unit_parser *parser, enum byte_kind kind, char byte) {
    if (kind == BYTE_END) {
        parser->ends_message = true;
    }
    if (kind == BYTE_END || (kind == BYTE_TEXT && byte == ';')) {
        parser->state = PARSE_WHOLE;
        return true;
    }
    return false;
}

/* Header */

static enum parser_event begin_header(struct unit_parser *parser, char byte) {
    parser->excerpt_count = 0;
    excerpt(parser, byte);
    parser->path_count = 0;
    parser->query = false;
    parser->absolute = byte == ':' || byte == '*';
    if (!parser->absolute && parser->node_count > 0U) {
        (void)memcpy(parser->path, parser->node, parser->node_count);
        parser->path_count = parser->node_count;
        path_put(parser, ':');
    }
    if (byte == '*') {
        path_put(parser, byte);
        parser->state = PARSE_HEADER_STAR;
    } else if (byte == ':') {
        parser->state = PARSE_HEADER_NAME;
    } else if (is_letter(byte)) {
        path_put(parser, byte);
        parser->state = PARSE_HEADER;
    } else {
        return fail(parser, BYTE_TEXT, PARSED_SYNTAX_ERROR, "no header at ");
    }
    return PARSED_NOTHING;
}

static enum parser_event end_header(struct unit_parser *parser, enum byte_kind kind, char byte) {
    if (ends_unit(parser, kind, byte)) {
        return PARSED_HEADER;
    }
    if (kind == BYTE_TEXT && is_white(byte)) {
        parser->state = PARSE_PARAMETERS;
        return PARSED_HEADER;
    }
    excerpt(parser, byte);
    return fail(parser, kind, PARSED_SYNTAX_ERROR, "unexpected character in ");
}

/* The first character behind a colon or the asterisk. */
static enum parser_event header_name(struct unit_parser *parser, enum byte_kind kind, char byte) {
    bool first = parser->excerpt_count == 1U;
    bool common = parser->state == PARSE_HEADER_STAR;
    if (kind != BYTE_END) {
        excerpt(parser, byte);
    }
    if (kind == BYTE_TEXT && is_letter(byte)) {
        if (!common && !first) {
            path_put(parser, ':');
        }
        path_put(parser, byte);
        parser->state = PARSE_HEADER;
        return PARSED_NOTHING;
    }
    return fail(parser, kind, PARSED_SYNTAX_ERROR, first ? "no header at " : "unexpected character in ");
}

static enum parser_event header(struct unit_parser *parser, enum byte_kind kind, char byte) {
    bool common = parser->path[0] == '*';
    if (kind == BYTE_TEXT && (is_letter(byte) || (!common && (is_digit(byte) || byte == '_')))) {
        excerpt(parser, byte);
        path_put(parser, byte);
        return PARSED_NOTHING;
    }
    if (kind == BYTE_TEXT && byte == ':' && !common) {
        excerpt(parser, byte);
        parser->state = PARSE_HEADER_NAME;
        return PARSED_NOTHING;
    }
    if (kind == BYTE_TEXT && byte == '?') {
        excerpt(parser, byte);
        parser->query = true;
        parser->state = PARSE_HEADER_END;
        return PARSED_NOTHING;
    }
    return end_header(parser, kind, byte);
}

/* Parameters */

static void put_text(struct unit_parser *parser, char byte) {
    excerpt(parser, byte);
    if (parser->text_count < PARAMETER_BYTES) {
        parser->text[parser->text_count] = byte;
        parser->text_count++;
    } else {
        parser->too_long = true;
    }
}

static void begin_parameter(struct unit_parser *parser) {
    parser->excerpt_count = 0;
    if (parser->each_alone || parser->parameter_count >= PARAMETERS_KEPT) {
        parser->text_count = parser->each_alone ? 0U : parser->text_start;
    }
    parser->text_start = parser->text_count;
}

static void keep_parameter(struct unit_parser *parser, bool is_block) {
    size_t index = parser->each_alone ? 0U : parser->parameter_count;
    if (index < PARAMETERS_KEPT) {
        parser->kept[index].is_block = is_block;
        parser->kept[index].text.bytes = parser->text + parser->text_start;
        parser->kept[index].text.count = parser->text_count - parser->text_start;
    }
    parser->parameter_count++;
}

static enum parser_event first_of_parameter(struct unit_parser *parser, enum byte_kind kind, char byte) {
    if (kind == BYTE_TEXT && is_white(byte)) {
        return PARSED_NOTHING;
    }
    if (kind == BYTE_END || (kind == BYTE_TEXT && (byte == ',' || byte == ';'))) {
        return fail_plainly(parser, "a parameter between commas is empty");
    }
    begin_parameter(parser);
    put_text(parser, byte);
    parser->state = kind == BYTE_STRING ? PARSE_STRING : kind == BYTE_MARK ? PARSE_HASH : PARSE_TEXT;
    return PARSED_NOTHING;
}

static enum parser_event parameters(struct unit_parser *parser, enum byte_kind kind, char byte) {
    if (kind == BYTE_TEXT && is_white(byte)) {
        return PARSED_NOTHING;
    }
    if (ends_unit(parser, kind, byte)) {
        return PARSED_NOTHING;
    }
    return first_of_parameter(parser, kind, byte);
}

static enum parser_event after_parameter(struct unit_parser *parser, enum byte_kind kind, char byte) {
    if (kind == BYTE_TEXT && is_white(byte)) {
        return PARSED_NOTHING;
    }
    if (ends_unit(parser, kind, byte)) {
        return PARSED_NOTHING;
    }
    if (kind == BYTE_TEXT && byte == ',') {
        parser->state = PARSE_PARAMETER;
        return PARSED_NOTHING;
    }
    parser->excerpt_count = 0;
    excerpt(parser, byte);
    return fail(parser, kind, PARSED_SYNTAX_ERROR, "expected a comma at ");
}

static enum parser_event text(struct unit_parser *parser, enum byte_kind kind, char byte) {
    enum parser_event event;
    if (kind == BYTE_TEXT && byte != ',' && byte != ';') {
        put_text(parser, byte);
        return PARSED_NOTHING;
    }
    while (parser->text_count > parser->text_start && is_white(parser->text[parser->text_count - 1U])) {
        parser->text_count--;
    }
    keep_parameter(parser, false);
    event = after_parameter(parser, kind, byte);
    return event == PARSED_NOTHING ? PARSED_PARAMETER : event;
}

static enum parser_event string(struct unit_parser *parser, enum byte_kind kind, char byte) {
    if (kind == BYTE_END) {
        return fail_plainly(parser, "a string has no end");
    }
    put_text(parser, byte);
    if (parser->framing.state == BYTE_STRING) {
        return PARSED_NOTHING;
    }
    keep_parameter(parser, false);
    parser->state = PARSE_AFTER_PARAMETER;
    return PARSED_PARAMETER;
}

static enum parser_event hash(struct unit_parser *parser, enum byte_kind kind, char byte) {
    if (kind == BYTE_BLOCK_HEADER) {
        put_text(parser, byte);
        parser->state = PARSE_BLOCK_HEADER;
        return PARSED_NOTHING;
    }
    if (kind == BYTE_TEXT && byte == '0') {
        excerpt(parser, byte);
        return fail(parser, kind, PARSED_INVALID_BLOCK, BROKEN_BLOCK);
    }
    parser->state = PARSE_TEXT;
    return text(parser, kind, byte);
}

static enum parser_event block_header(struct unit_parser *parser, enum byte_kind kind, char byte) {
    if (kind != BYTE_END) {
        excerpt(parser, byte);
    }
    if (kind != BYTE_BLOCK_HEADER) {
        return fail(parser, kind, PARSED_INVALID_BLOCK, BROKEN_BLOCK);
    }
    if (parser->framing.state == BYTE_BLOCK_HEADER) {
        return PARSED_NOTHING;
    }
    parser->text_count = parser->text_start;
    keep_parameter(parser, true);
    parser->state = parser->framing.block_left > 0U ? PARSE_BLOCK : PARSE_AFTER_PARAMETER;
    return PARSED_BLOCK_START;
}

static enum parser_event block(struct unit_parser *parser, enum byte_kind kind, char byte) {
    if (kind != BYTE_BLOCK_DATA) {
        return fail(parser, kind, PARSED_INVALID_BLOCK, BROKEN_BLOCK);
    }
    excerpt(parser, byte);
    if (parser->framing.block_left == 0U) {
        parser->state = PARSE_AFTER_PARAMETER;
        return PARSED_BLOCK_END;
    }
    return PARSED_BLOCK_BYTE;
}

static enum parser_event unit(struct unit_parser *parser, enum byte_kind kind, char byte) {
    if (kind == BYTE_END) {
        return PARSED_MESSAGE_END;
    }
    if (kind == BYTE_TEXT && (is_white(byte) || byte == ';')) {
        return PARSED_NOTHING;
    }
    return begin_header(parser, byte);
}

enum parser_event parser_next(struct unit_parser *parser, enum byte_kind kind, char byte) {
    switch (parser->state) {
    case PARSE_UNIT:
        return unit(parser, kind, byte);
    case PARSE_HEADER:
        return header(parser, kind, byte);
    case PARSE_HEADER_NAME:
    case PARSE_HEADER_STAR:
        return header_name(parser, kind, byte);
    case PARSE_HEADER_END:
        return end_header(parser, kind, byte);
    case PARSE_PARAMETERS:
        return parameters(parser, kind, byte);
    case PARSE_PARAMETER:
        return first_of_parameter(parser, kind, byte);
    case PARSE_TEXT:
        return text(parser, kind, byte);
    case PARSE_STRING:
        return string(parser, kind, byte);
    case PARSE_HASH:
        return hash(parser, kind, byte);
    case PARSE_BLOCK_HEADER:
        return block_header(parser, kind, byte);
    case PARSE_BLOCK:
        return block(parser, kind, byte);
    case PARSE_AFTER_PARAMETER:
        return after_parameter(parser, kind, byte);
    case PARSE_EXCERPT:
        return rest_of_excerpt(parser, kind, byte);
    case PARSE_WHOLE:
    case PARSE_DISCARD:
    default:
        return kind == BYTE_END ? PARSED_MESSAGE_END : PARSED_NOTHING;
    }
}

void parser_unit_done(struct unit_parser *parser) {
    size_t index;
    if (parser->path_count > 0U && parser->path[0] != '*') {
        parser->node_count = 0;
        for (index = 0; index < parser->path_count; index++) {
            if (parser->path[index] == ':') {
                parser->node_count = index;
            }
        }
        (void)memcpy(parser->node, parser->path, parser->node_count);
    }
    begin_unit(parser);
}

void parser_discard(struct unit_parser *parser) {
    bool ended = parser->ends_message;
    begin_unit(parser);
    parser->ends_message = ended;
    parser->state = PARSE_DISCARD;
}

struct parameter parser_parameter(const struct unit_parser *parser, size_t index) {
    return parser->kept[index];
}
