#include "engine/client_lock.h"

#include "instrument.h"

#define TIMEOUT_S 60.0
#define TIMEOUT_MIN_S 1.0
/* A day. */
#define TIMEOUT_MAX_S 86400.0

void lock_power_on(struct client_lock *lock) {
    lock->owner = NULL;
    lock->timeout_s = TIMEOUT_S;
    lock->heard_at_s = 0.0;
}

struct limits lock_timeout_limits(void) {
    struct limits limits = {TIMEOUT_MIN_S, TIMEOUT_MAX_S, TIMEOUT_S};
    return limits;
}

struct link *lock_owner(struct instrument *board) {
    struct client_lock *lock = &board->lock;
    double now_s = instrument_now_s(board);
    if (lock->owner != NULL && instrument_running(board)) {
        lock->heard_at_s = now_s;
    } else if (now_s - lock->heard_at_s >= lock->timeout_s) {
        lock->owner = NULL;
    } else {
        /* Its owner has been heard. */
    }
    return lock->owner;
}

bool lock_request(struct link *link) {
    struct instrument *board = link->board;
    struct link *owner = lock_owner(board);
    if (owner != NULL && owner != link) {
        return false;
    }
    board->lock.owner = link;
    board->lock.heard_at_s = instrument_now_s(board);
    return true;
}

void lock_release(struct link *link) {
    if (link->board->lock.owner == link) {
        link->board->lock.owner = NULL;
    }
}

void lock_hear(struct link *link) {
    if (lock_owner(link->board) == link) {
        link->board->lock.heard_at_s = instrument_now_s(link->board);
    }
}

bool lock_excludes(struct link *link, struct text *detail) {
    const struct link *owner = lock_owner(link->board);
    if (owner == NULL || owner == link) {
        return false;
    }
    text_string(detail, "locked by ");
    text_string(detail, owner->address);
    text_string(detail, "; ask SYSTem:LOCK:REQuest? until it answers 1");
    return true;
}

static size_t place_of(const struct link *link) {
    return (size_t)(link - link->board->links);
}

void changes_note(struct link *link) {
    link->board->changes.total++;
    link->board->changes.own[place_of(link)]++;
}

uint32_t changes_by_others(const struct link *link) {
    return link->board->changes.total - link->board->changes.own[place_of(link)];
}

void changes_forget(struct link *link) {
    link->board->changes.own[place_of(link)] = 0U;
}
