#include "engine/error_queue.h"

#include "engine/scpi_errors.h"

void error_queue_clear(struct error_queue *queue) {
    queue->count = 0;
}

/* Entries that are not free. */
static size_t taken(const struct error_queue *queue) {
    return queue->leaving > 0U ? queue->first - queue->leaving_first + queue->count : queue->count;
}

static struct error_entry *entry_at(struct error_queue *queue, size_t place) {
    return &queue->entries[place % ERRORS_QUEUED];
}

static void set_entry(struct error_entry *entry, int code, struct span detail) {
    size_t index;
    entry->code = code;
    entry->detail_count = detail.count < ERROR_DETAIL_BYTES ? detail.count : ERROR_DETAIL_BYTES;
    for (index = 0; index < entry->detail_count; index++) {
        char character = detail.bytes[index];
        entry->detail[index] = (character >= ' ' && character <= '~') ? character : '?';
    }
}

bool error_queue_push(struct error_queue *queue, int code, struct span detail) {
    struct span none = {"", 0};
    if (taken(queue) >= ERRORS_QUEUED) {
        if (queue->count > 0U) {
            set_entry(entry_at(queue, queue->first + queue->count - 1U), SCPI_QUEUE_OVERFLOW, none);
        }
        return false;
    }
    set_entry(entry_at(queue, queue->first + queue->count), code, detail);
    queue->count++;
    return true;
}

static void write_entry(const struct error_entry *entry, struct text *reply) {
    size_t index;
    text_integer(reply, entry->code);
    text_string(reply, ",\"");
    text_string(reply, scpi_error_text(entry->code));
    if (entry->detail_count > 0U) {
        text_character(reply, ';');
    }
    for (index = 0; index < entry->detail_count; index++) {
        text_character(reply, entry->detail[index]);
        if (entry->detail[index] == '"') {
            text_character(reply, '"');
        }
    }
    text_character(reply, '"');
}

void error_queue_pop(struct error_queue *queue, struct text *reply) {
    if (queue->count == 0U) {
        text_string(reply, "0,\"No error\"");
        return;
    }
    write_entry(entry_at(queue, queue->first), reply);
    queue->first++;
    queue->count--;
}

void error_queue_leave(struct error_queue *queue) {
    queue->leaving_first = queue->first;
    queue->leaving = queue->count;
    queue->first += queue->count;
    queue->count = 0;
}

void error_queue_write_leaving(struct error_queue *queue, struct text *reply) {
    write_entry(entry_at(queue, queue->leaving_first), reply);
    queue->leaving_first++;
    queue->leaving--;
}

void error_queue_forget_leaving(struct error_queue *queue) {
    queue->leaving = 0;
}
