#include "engine/output.h"

#define GARBLE_EVERY 7U
#define GARBLE_FLIP 0x15
#define GARBLE_AWAY 0x20

void output_clear(struct output *output) {
    output->first = 0;
    output->visible = 0;
    output->withheld = 0;
    output->open = 0;
    output->streaming = false;
    output->fault = FAULT_NONE;
    output->streamed = 0;
}

static size_t used(const struct output *output) {
    return output->visible + output->withheld + output->open;
}

size_t output_space(const struct output *output) {
    return OUTPUT_BYTES - used(output);
}

static void garble_byte(char *byte) {
    *byte = (char)(*byte ^ GARBLE_FLIP);
    if (*byte == '\n') {
        *byte = (char)(*byte ^ GARBLE_AWAY);
    }
}

static void put_byte(struct output *output, char byte) {
    size_t count = used(output);
    if (count < OUTPUT_BYTES) {
        output->bytes[(output->first + count) % OUTPUT_BYTES] = byte;
        output->open++;
    }
}

/* Move the open reply to what is seen, or behind what is withheld. */
static void commit(struct output *output) {
    if (output->withheld > 0U) {
        output->withheld += output->open;
    } else {
        output->visible += output->open;
    }
    output->open = 0;
}

static void put_streamed(struct output *output, char byte) {
    char sent = byte;
    if (output->fault == FAULT_GARBLE && output->streamed % GARBLE_EVERY == 0U) {
        garble_byte(&sent);
    }
    output->streamed++;
    if (output->fault == FAULT_DROP) {
        return;
    }
    put_byte(output, sent);
    if (output->fault == FAULT_STALL) {
        output->withheld += output->open;
        output->open = 0;
    } else {
        commit(output);
    }
}

void output_put(struct output *output, const char *bytes, size_t count) {
    size_t index;
    for (index = 0; index < count; index++) {
        if (output->streaming) {
            put_streamed(output, bytes[index]);
        } else {
            put_byte(output, bytes[index]);
        }
    }
}

static void garble_open(struct output *output) {
    size_t start = output->first + output->visible + output->withheld;
    size_t index;
    for (index = 0; index < output->open; index += GARBLE_EVERY) {
        garble_byte(&output->bytes[(start + index) % OUTPUT_BYTES]);
    }
}

void output_stream(struct output *output, enum link_fault fault) {
    if (output->streaming) {
        return;
    }
    output->streaming = true;
    output->fault = fault;
    output->streamed = output->open;
    if (fault == FAULT_DROP) {
        output->open = 0;
    }
    if (fault == FAULT_GARBLE) {
        garble_open(output);
    }
    commit(output);
}

static void stall_open(struct output *output) {
    size_t half = output->withheld > 0U ? 0U : output->open / 2U;
    output->visible += half;
    output->withheld += output->open - half;
    output->open = 0;
}

bool output_end(struct output *output, enum link_fault fault) {
    bool lost = output->streaming ? output->fault == FAULT_DROP : fault == FAULT_DROP;
    if (output->streaming) {
        if (!lost) {
            /* The newline is never altered. */
            put_byte(output, '\n');
            commit(output);
        }
    } else if (lost) {
        output->open = 0;
    } else {
        if (fault == FAULT_GARBLE) {
            garble_open(output);
        }
        put_byte(output, '\n');
        if (fault == FAULT_STALL) {
            stall_open(output);
        } else {
            commit(output);
        }
    }
    output->streaming = false;
    output->fault = FAULT_NONE;
    output->streamed = 0;
    return lost;
}

void output_release(struct output *output) {
    output->visible += output->withheld;
    output->withheld = 0;
    if (output->fault == FAULT_STALL) {
        output->fault = FAULT_NONE;
    }
}

size_t output_take(struct output *output, char *bytes, size_t most) {
    size_t count = output->visible < most ? output->visible : most;
    size_t index;
    for (index = 0; index < count; index++) {
        bytes[index] = output->bytes[(output->first + index) % OUTPUT_BYTES];
    }
    output->first = (output->first + count) % OUTPUT_BYTES;
    output->visible -= count;
    return count;
}
