#include "engine/header_tree.h"

static bool is_node_character(char character) {
    return is_letter(character) || is_digit(character) || character == '*';
}

/* Length of the node of `header` at its start. */
static size_t node_length(const char *header) {
    size_t length = 0;
    while (is_node_character(header[length])) {
        length++;
    }
    return length;
}

static size_t span_node_length(struct span path) {
    size_t length = 0;
    while (length < path.count && path.bytes[length] != ':') {
        length++;
    }
    return length;
}

/* Whether a node in capitals is the short or the long form of one in the standard's writing. */
static bool node_matches(const char *node, size_t length, const char *sent, size_t sent_length) {
    size_t short_length = 0;
    size_t index;
    while (short_length < length && !(node[short_length] >= 'a' && node[short_length] <= 'z')) {
        short_length++;
    }
    if (sent_length != length && sent_length != short_length) {
        return false;
    }
    for (index = 0; index < sent_length; index++) {
        if (to_upper(node[index]) != sent[index]) {
            return false;
        }
    }
    return true;
}

static bool header_matches(const char *header, struct span path) {
    const char *at = header;
    struct span rest = path;
    while (*at != '\0') {
        bool optional = *at == '[';
        size_t length, sent;
        while (*at == '[' || *at == ':') {
            at++;
        }
        length = node_length(at);
        sent = span_node_length(rest);
        if (rest.count > 0U && node_matches(at, length, rest.bytes, sent)) {
            rest.bytes += sent;
            rest.count -= sent;
            if (rest.count > 0U) {
                rest.bytes++;
                rest.count--;
            }
        } else if (!optional) {
            return false;
        }
        at += length;
        while (*at == ']') {
            at++;
        }
    }
    return rest.count == 0U;
}

const struct command *header_tree_find(const struct command_table *tables, size_t count, unsigned groups,
                                       struct span path) {
    size_t table, index;
    for (table = 0; table < count; table++) {
        for (index = 0; index < tables[table].count; index++) {
            const struct command *command = &tables[table].commands[index];
            /* A first letter tells most of them apart. */
            if (path.count > 0U && command->header[0] == path.bytes[0] && (command->group & ~groups) == 0U &&
                header_matches(command->header, path)) {
                return command;
            }
        }
    }
    return NULL;
}
