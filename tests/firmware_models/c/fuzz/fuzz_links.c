/* Four clients of one board, two of them with message boundaries, do whatever the input says: nothing goes wrong,
 * and afterwards the board answers as ever. */
#include <string.h>

#include "fuzz_board.h"

#define CLIENTS 4U
#define CHUNK 64U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct link *links[CLIENTS];

/* Let a client send bytes; it reads its replies where the board waits for that, and gives up where it is stuck. */
static void send_all(struct instrument *board, struct link *link, const char *bytes, size_t count) {
    size_t sent = 0;
    char reply[CHUNK];
    int patience = 3;
    while (sent < count && patience > 0) {
        size_t taken = link_receive(link, bytes + sent, count - sent);
        sent += taken;
        if (taken == 0U) {
            size_t got = link_transmit(link, reply, sizeof reply);
            (void)instrument_poll(board);
            patience -= got == 0U ? 1 : 0;
        }
    }
}

/* Do what one record says: a letter, and bytes that belong to it. */
static size_t act(struct instrument *board, const uint8_t *data, size_t size) {
    struct link **link = &links[data[0] % CLIENTS];
    size_t count = 0;
    char reply[CHUNK];
    switch ((data[0] / CLIENTS) % 16U) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
        if (size > 1U) {
            count = (size_t)data[1] + 1U;
            count = count < size - 2U ? count : size - 2U;
            send_all(board, *link, (const char *)data + 2, count);
            return count + 2U;
        }
        break;
    case 7:
        (void)link_end_message(*link);
        break;
    case 8:
        link_device_clear(*link);
        break;
    case 9:
        link_trigger(*link);
        break;
    case 10:
        link_query_unterminated(*link);
        (void)link_status_byte(*link);
        (void)link_service_requested(*link);
        break;
    case 11:
        (void)instrument_poll(board);
        break;
    case 12:
        fuzz_advance(2.0);
        break;
    case 13:
        (void)link_transmit(*link, reply, sizeof reply);
        break;
    case 14:
        link_close(*link);
        *link = instrument_open_link(board, data[0] % 2U == 1U, "again");
        fuzz_require(*link != NULL);
        break;
    default:
        fuzz_run(board);
        break;
    }
    return 1;
}

/* After a device clear, and its patience with others over, a client is answered. */
static void require_alive(struct instrument *board) {
    static const char QUESTION[] = "SIM:FAUL:CLE\n*RST\n*IDN?\n";
    static const char ANSWER[] = "crosscal,REFERENCE,REF32,1.0\n";
    struct link *link = links[0];
    char reply[CHUNK];
    size_t client;
    for (client = 0; client < CLIENTS; client++) {
        link_device_clear(links[client]);
    }
    send_all(board, link, QUESTION, sizeof QUESTION - 1U);
    fuzz_run(board);
    link_acknowledge_drop(link);
    fuzz_require(link_transmit(link, reply, sizeof reply) == sizeof ANSWER - 1U);
    fuzz_require(memcmp(reply, ANSWER, sizeof ANSWER - 1U) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct instrument *board = fuzz_power_on();
    size_t at = 0;
    size_t client;
    for (client = 0; client < CLIENTS; client++) {
        links[client] = instrument_open_link(board, client % 2U == 1U, "client");
    }
    while (at < size) {
        at += act(board, data + at, size - at);
    }
    require_alive(board);
    return 0;
}
