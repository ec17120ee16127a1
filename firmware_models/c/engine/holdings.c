#include "engine/holdings.h"

#include "instrument.h"

/* A bank that neither the loaded sequence nor an acquisition uses: there is always one. */
static size_t free_bank(const struct instrument *board) {
    size_t bank = 0;
    while ((board->settings.sequence_values > 0U && bank == board->settings.sequence_bank) ||
           (board->acquisition.initiated && bank == board->acquisition.bank)) {
        bank++;
    }
    return bank;
}

bool holdings_acquire_staging(struct link *link) {
    struct instrument *board = link->board;
    struct link *owner = board->staging_owner;
    if (owner != NULL && owner != link) {
        if (instrument_now_s(board) - owner->heard_at_s < SILENCE_S) {
            return false;
        }
        owner->robbed = true;
    }
    board->staging_owner = link;
    board->staging_bank = free_bank(board);
    return true;
}

double *holdings_staging(struct instrument *board) {
    return board->memory->banks[board->staging_bank];
}

void holdings_release_staging(struct link *link) {
    if (link->board->staging_owner == link) {
        link->board->staging_owner = NULL;
    }
}

bool holdings_reply_is_free(struct link *link) {
    struct instrument *board = link->board;
    struct link *owner = board->array_reply.owner;
    if (owner == NULL) {
        return true;
    }
    if (instrument_now_s(board) - owner->sent_at_s < SILENCE_S) {
        return false;
    }
    /* Half a reply is worse than none: its client has to begin anew. */
    owner->long_reply = REPLY_NONE;
    owner->dropped = true;
    board->array_reply.owner = NULL;
    return true;
}

void holdings_release(struct link *link) {
    holdings_release_staging(link);
    if (link->board->array_reply.owner == link) {
        link->board->array_reply.owner = NULL;
    }
    if (link->long_reply == REPLY_ERRORS) {
        error_queue_forget_leaving(&link->status.errors);
    }
    link->long_reply = REPLY_NONE;
}
