/* Firmware of a crossbar test board: one serial line, one instrument. */
#include "cortex_m4/emulated_board.h"
#include "cortex_m4/processor.h"
#include "instrument.h"

#define CHUNK_BYTES 64U

static struct instrument board;

/* Bytes that the engine has not taken yet. */
static char waiting[CHUNK_BYTES];
static size_t waiting_count;

static void hand_over(struct link *link) {
    size_t taken = link_receive(link, waiting, waiting_count);
    size_t index;
    for (index = taken; index < waiting_count; index++) {
        waiting[index - taken] = waiting[index];
    }
    waiting_count -= taken;
}

/* Move bytes both ways; whether any moved. */
static bool serve(struct link *link) {
    size_t before = waiting_count;
    bool sent = false;
    char byte;
    waiting_count += uart_receive(waiting + waiting_count, CHUNK_BYTES - waiting_count);
    if (waiting_count > 0U) {
        hand_over(link);
    }
    while (uart_can_send() && link_transmit(link, &byte, 1) == 1U) {
        uart_send(byte);
        sent = true;
    }
    if (link_dropped(link)) {
        /* A serial line cannot be closed: the reply is lost, and that is all. */
        link_acknowledge_drop(link);
    }
    return sent || waiting_count != before;
}

int main(void) {
    struct hal hal;
    struct link *link;
    processor_start();
    hal = emulated_board_power_on(processor_now_s);
    instrument_power_on(&board, &hal, emulated_board_memory());
    link = instrument_open_link(&board, false, "UART");
    for (;;) {
        bool moved = serve(link);
        if (!instrument_poll(&board) && !moved) {
            processor_sleep();
        }
    }
}
