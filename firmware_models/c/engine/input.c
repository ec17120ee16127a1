#include "engine/input.h"

#include <string.h>

void input_clear(struct input *input) {
    input->first = 0;
    input->end = 0;
    framing_reset(&input->arriving);
    input->messages = 0;
    input->complete = 0;
    input->early = 0;
    input->cut = false;
    input->cut_at = 0;
}

void input_drop_incomplete(struct input *input) {
    input->end = input->messages > 0U ? input->complete : input->first;
    input->early = 0;
    framing_reset(&input->arriving);
}

/* Move what is left to the front. */
static void compact(struct input *input) {
    size_t moved = input->first;
    if (moved == 0U) {
        return;
    }
    (void)memmove(input->bytes, input->bytes + moved, input->end - moved);
    input->end -= moved;
    input->complete = input->complete > moved ? input->complete - moved : 0U;
    input->cut_at = input->cut_at > moved ? input->cut_at - moved : 0U;
    input->first = 0;
}

size_t input_feed(struct input *input, const char *bytes, size_t count) {
    size_t taken = 0;
    compact(input);
    while (taken < count && input->end < INPUT_BYTES) {
        char byte = bytes[taken];
        input->bytes[input->end] = byte;
        input->end++;
        taken++;
        if (framing_next(&input->arriving, byte) == BYTE_END) {
            input->messages++;
            input->complete = input->end;
        }
    }
    return taken;
}

bool input_end_message(struct input *input, bool begun) {
    size_t start = input->messages > 0U ? input->complete : input->first;
    char newline = '\n';
    if (input->end == start && !(begun && input->messages == 0U)) {
        return true;
    }
    if (input->arriving.state != BYTE_BLOCK_DATA) {
        return input_feed(input, &newline, 1) == 1U;
    }
    if (input->cut) {
        return false;
    }
    input->cut = true;
    input->cut_at = input->end;
    input->messages++;
    input->complete = input->end;
    framing_reset(&input->arriving);
    return true;
}

bool input_is_full(struct input *input) {
    compact(input);
    return input->end == INPUT_BYTES;
}

bool input_is_empty(const struct input *input) {
    return input->first == input->end && !(input->cut && input->cut_at == input->first);
}

bool input_is_ready(struct input *input) {
    if (input_is_empty(input)) {
        return false;
    }
    if (input->messages == 0U && input->early == 0U && input_is_full(input)) {
        input->early = input->end;
    }
    return input->messages > 0U || input->early > 0U;
}

enum byte_kind input_next(struct input *input, struct framing *framing, char *byte) {
    enum byte_kind kind;
    *byte = '\n';
    if (input->cut && input->cut_at == input->first) {
        input->cut = false;
        framing_reset(framing);
        kind = BYTE_END;
    } else {
        *byte = input->bytes[input->first];
        input->first++;
        input->early -= input->early > 0U ? 1U : 0U;
        kind = framing_next(framing, *byte);
    }
    if (kind == BYTE_END && input->messages > 0U) {
        input->messages--;
    }
    return kind;
}

/* Index of the end of the message that `framing` is in at `start`; false if it is not there. */
static bool find_end(const struct input *input, struct framing framing, size_t start, size_t *end) {
    size_t index;
    for (index = start; index < input->end; index++) {
        if (input->cut && index == input->cut_at) {
            return false;
        }
        if (framing_next(&framing, input->bytes[index]) == BYTE_END) {
            *end = index;
            return true;
        }
    }
    return false;
}

bool input_find_next(const struct input *input, struct framing framing, bool at_start, size_t *start, size_t *end) {
    struct framing fresh;
    framing_reset(&fresh);
    *start = input->first;
    if (!at_start) {
        if (!find_end(input, framing, input->first, end)) {
            return false;
        }
        *start = *end + 1U;
    }
    return find_end(input, fresh, *start, end);
}

bool input_find_following(const struct input *input, size_t *start, size_t *end) {
    struct framing fresh;
    framing_reset(&fresh);
    *start = *end + 1U;
    return find_end(input, fresh, *start, end);
}

void input_remove(struct input *input, size_t start, size_t end) {
    size_t count = end + 1U - start;
    (void)memmove(input->bytes + start, input->bytes + end + 1U, input->end - end - 1U);
    input->end -= count;
    input->complete = input->complete > end ? input->complete - count : input->complete;
    input->cut_at = input->cut_at > end ? input->cut_at - count : input->cut_at;
    input->messages--;
}
