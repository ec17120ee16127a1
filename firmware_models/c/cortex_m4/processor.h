/* The processor's clock, sleep and serial port (Arm MPS2 with a Cortex-M4, AN386). */
#ifndef CROSSCAL_PROCESSOR_H
#define CROSSCAL_PROCESSOR_H

#include <stdbool.h>
#include <stddef.h>

void processor_start(void);
/* Time since the start [s]; to be asked at least once in seven weeks. */
double processor_now_s(void);
/* Sleep until a byte arrives or the clock ticks, unless a byte waits. */
void processor_sleep(void);

size_t uart_receive(char *bytes, size_t most);
/* Whether the transmitter has room for a byte. */
bool uart_can_send(void);
void uart_send(char byte);

#endif
