/* However a stream of bytes is cut on its way, the board answers the same. */
#include <string.h>

#include "fuzz_board.h"

#define ANSWERS_MOST 65536U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct answers {
    char bytes[ANSWERS_MOST];
    size_t count;
};

static struct answers whole, pieces;

static void collect(struct link *link, struct answers *answers) {
    char bytes[256];
    size_t count;
    do {
        count = link_transmit(link, bytes, sizeof bytes);
        if (answers->count + count <= ANSWERS_MOST) {
            (void)memcpy(answers->bytes + answers->count, bytes, count);
            answers->count += count;
        }
        link_poll(link);
    } while (count > 0U || link_pending(link) > 0U);
}

/* Answers to the bytes in chunks of `chunk`; nothing that is under way advances in between. */
static void answer(const uint8_t *data, size_t size, size_t chunk, struct answers *answers) {
    struct instrument *board = fuzz_power_on();
    struct link *link = instrument_open_link(board, false, "stream");
    size_t at = 0;
    int patience = 3;
    answers->count = 0;
    while (at < size && patience > 0) {
        size_t count = size - at < chunk ? size - at : chunk;
        size_t taken = link_receive(link, (const char *)data + at, count);
        at += taken;
        if (taken == 0U) {
            collect(link, answers);
            patience--;
        } else {
            patience = 3;
        }
    }
    fuzz_run(board);
    collect(link, answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t chunk = size > 0U ? 1U + data[0] % 32U : 1U;
    answer(data, size, 1000000U, &whole);
    answer(data, size, chunk, &pieces);
    fuzz_require(whole.count == pieces.count);
    fuzz_require(memcmp(whole.bytes, pieces.bytes, whole.count) == 0);
    return 0;
}
