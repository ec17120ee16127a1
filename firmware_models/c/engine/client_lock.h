/* Lock of the board by one client, and each client's count of changes by others (decision 23). */
#ifndef CROSSCAL_CLIENT_LOCK_H
#define CROSSCAL_CLIENT_LOCK_H

#include "engine/limits.h"
#include "engine/numeric.h"
#include "numbers/text.h"

struct instrument;
struct link;

struct client_lock {
    /* NULL while nobody holds it. */
    struct link *owner;
    /* Silence of its owner that ends it. */
    double timeout_s;
    double heard_at_s;
};

/* Changes of all clients since power-on, and those of the links that are open; whole numbers that wrap around. */
struct change_counts {
    uint32_t total;
    uint32_t own[LINKS_MAX];
    /* The unit in hand has changed an array. */
    bool array_changed;
};

void lock_power_on(struct client_lock *lock);
struct limits lock_timeout_limits(void);
/* The client that holds the lock; NULL if it is free. Its owner is not silent while an operation is under way. */
struct link *lock_owner(struct instrument *board);
/* Take the lock, or renew it; false while another client holds it. */
bool lock_request(struct link *link);
/* Give the lock back; nothing happens if another client holds it. */
void lock_release(struct link *link);
/* Note a sign of life. */
void lock_hear(struct link *link);
/* Whether another client holds the lock; says so. */
bool lock_excludes(struct link *link, struct text *detail);

void changes_note(struct link *link);
uint32_t changes_by_others(const struct link *link);
/* Drop a client that left; its changes stay counted. */
void changes_forget(struct link *link);

#endif
