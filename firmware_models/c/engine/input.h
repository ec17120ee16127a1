/* Input buffer of a link, which knows how many whole messages it holds. */
#ifndef CROSSCAL_INPUT_H
#define CROSSCAL_INPUT_H

#include "engine/framing.h"
#include "engine/limits.h"
#include "numbers/text.h"

struct input {
    char bytes[INPUT_BYTES];
    size_t first;
    size_t end;
    /* State of the stream at `end`. */
    struct framing arriving;
    /* Ends of messages between `first` and `end`, and the index behind the last of them. */
    size_t messages;
    size_t complete;
    /* Bytes to execute before their message is whole: the buffer was full of them. */
    size_t early;
    /* A block that the END of its link cut off, and where. */
    bool cut;
    size_t cut_at;
};

void input_clear(struct input *input);
/* Drop the message that is not whole yet. */
void input_drop_incomplete(struct input *input);
/* Take bytes as they arrive; answers how many found room. */
size_t input_feed(struct input *input, const char *bytes, size_t count);
/* Note that the link ends a message here; false if there is no room to. */
bool input_end_message(struct input *input, bool begun);
bool input_is_full(struct input *input);
bool input_is_empty(const struct input *input);
/* Whether there is something to execute: a whole message, or one longer than the buffer. */
bool input_is_ready(struct input *input);
/* Take one byte; its meaning by the reader's own `framing`. */
enum byte_kind input_next(struct input *input, struct framing *framing, char *byte);
/* The whole message behind the one being read by `framing`, or the first one if `at_start`; false if none. */
bool input_find_next(const struct input *input, struct framing framing, bool at_start, size_t *start, size_t *end);
/* The whole message behind the one from `start` to `end`. */
bool input_find_following(const struct input *input, size_t *start, size_t *end);
/* Take a message out of the middle: bytes from `start`, its end at `end` included. */
void input_remove(struct input *input, size_t start, size_t end);

#endif
