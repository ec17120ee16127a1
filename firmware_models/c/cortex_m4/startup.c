/* Vectors and start of an ARMv7-M processor: memory as C expects it, the floating-point unit on, then `main`. */
#include <stdint.h>

/* Set by the linker script. */
extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];

int main(void);
void reset_handler(void);
void fault_handler(void);
void systick_handler(void);
void uart_handler(void);

#define COPROCESSOR_ACCESS (*(volatile uint32_t *)0xE000ED88U)
#define FLOATING_POINT_FULL 0x00F00000U

#define SYSTEM_VECTORS 16
#define VECTORS (SYSTEM_VECTORS + 1)

typedef void (*vector)(void);

__attribute__((section(".vectors"), used)) static const vector VECTOR_TABLE[VECTORS] = {
    (vector)(uintptr_t)stack_top,
    reset_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    fault_handler,
    0,
    0,
    0,
    0,
    fault_handler,
    fault_handler,
    0,
    fault_handler,
    systick_handler,
    uart_handler,
};

void reset_handler(void) {
    const uint32_t *from = data_load;
    uint32_t *to;
    for (to = data_start; to < data_end; to++) {
        *to = *from;
        from++;
    }
    for (to = bss_start; to < bss_end; to++) {
        *to = 0U;
    }
    COPROCESSOR_ACCESS |= FLOATING_POINT_FULL;
    __asm volatile("dsb\n\tisb");
    (void)main();
    fault_handler();
}

void fault_handler(void) {
    for (;;) {
        /* A watchdog would take it from here. */
    }
}
