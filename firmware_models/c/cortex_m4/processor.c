#include "cortex_m4/processor.h"

#include <stdint.h>

#define PROCESSOR_HZ 25000000U
#define TICK_HZ 1000U
#define BAUD_DIVIDER 16U

#define REGISTER(address) (*(volatile uint32_t *)(address))

/* Arm CMSDK APB UART. */
#define UART_DATA REGISTER(0x40004000U)
#define UART_STATE REGISTER(0x40004004U)
#define UART_CONTROL REGISTER(0x40004008U)
#define UART_INTERRUPT REGISTER(0x4000400CU)
#define UART_DIVIDER REGISTER(0x40004010U)
#define UART_TX_FULL 0x01U
#define UART_RX_FULL 0x02U
#define UART_TX_ENABLE 0x01U
#define UART_RX_ENABLE 0x02U
#define UART_RX_INTERRUPT_ENABLE 0x08U
#define UART_RX_INTERRUPT 0x02U

/* ARMv7-M: interrupt 0 is the UART's receiver. */
#define NVIC_ENABLE REGISTER(0xE000E100U)
#define SYSTICK_CONTROL REGISTER(0xE000E010U)
#define SYSTICK_RELOAD REGISTER(0xE000E014U)
#define SYSTICK_VALUE REGISTER(0xE000E018U)
#define SYSTICK_RUN 0x07U

static volatile uint32_t ticks;

void systick_handler(void);
void uart_handler(void);

void systick_handler(void) {
    ticks++;
}

void uart_handler(void) {
    /* It has done its work by waking the processor. */
    UART_INTERRUPT = UART_RX_INTERRUPT;
}

void processor_start(void) {
    UART_DIVIDER = BAUD_DIVIDER;
    UART_CONTROL = UART_TX_ENABLE | UART_RX_ENABLE | UART_RX_INTERRUPT_ENABLE;
    NVIC_ENABLE = 1U;
    SYSTICK_RELOAD = PROCESSOR_HZ / TICK_HZ - 1U;
    SYSTICK_VALUE = 0U;
    SYSTICK_CONTROL = SYSTICK_RUN;
}

double processor_now_s(void) {
    static uint32_t seen;
    static uint64_t total;
    uint32_t now = ticks;
    total += now - seen;
    seen = now;
    return (double)total / (double)TICK_HZ;
}

void processor_sleep(void) {
    /* With interrupts masked, one that comes between the question and the sleep still ends the sleep. */
    __asm volatile("cpsid i");
    if ((UART_STATE & UART_RX_FULL) == 0U) {
        __asm volatile("wfi");
    }
    __asm volatile("cpsie i");
}

size_t uart_receive(char *bytes, size_t most) {
    size_t count = 0;
    while (count < most && (UART_STATE & UART_RX_FULL) != 0U) {
        bytes[count] = (char)(UART_DATA & 0xFFU);
        count++;
    }
    return count;
}

bool uart_can_send(void) {
    return (UART_STATE & UART_TX_FULL) == 0U;
}

void uart_send(char byte) {
    UART_DATA = (uint32_t)(unsigned char)byte;
}
