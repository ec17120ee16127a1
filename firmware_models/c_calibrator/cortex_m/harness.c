/* Calls what `subject.h` defines for every reading in `readings.bin`, and writes what came of it, with the
 * instructions that a call took and the stack that calls used, into `answers.bin`. */
#include "semihosting.h"

/* Defines COLUMNS, OUTPUTS and `int subject(const float *measured_a, float *answer)`. */
#include "subject.h"

enum { REPEATS = 8, PAINT = 0x5aa55aa5, PAINTED_BYTES = 1 << 20 };

/* One tick of the emulated 25 MHz clock passes in 40 instructions of one nanosecond each. */
enum { INSTRUCTIONS_PER_TICK = 40, COUNTER_MASK = 0xffffff };

#define SYSTICK_CONTROL (*(volatile uint32_t *)0xe000e010U)
#define SYSTICK_RELOAD (*(volatile uint32_t *)0xe000e014U)
#define SYSTICK_VALUE (*(volatile uint32_t *)0xe000e018U)

static float measured_a[COLUMNS];
static float answer[OUTPUTS];

static uint32_t *stack_pointer(void)
{
    uint32_t *pointer;
    __asm__ volatile("mov %0, sp" : "=r"(pointer));
    return pointer;
}

/* From 16 words below, so that this function does not paint itself. */
__attribute__((noinline)) static void paint(uint32_t *below)
{
    for (size_t word = 16; word < PAINTED_BYTES / 4U; ++word) {
        *(volatile uint32_t *)(below - word) = PAINT;
    }
}

__attribute__((noinline)) static uint32_t painted_over(uint32_t *below)
{
    size_t word = PAINTED_BYTES / 4U - 1U;
    while (word > 16 && *(volatile uint32_t *)(below - word) == PAINT) {
        --word;
    }
    return (uint32_t)(4U * word);
}

__attribute__((noinline)) static int called(void)
{
    return subject(measured_a, answer);
}

int main(void)
{
    const int readings = host_open("readings.bin", HOST_READ);
    const int answers = host_open("answers.bin", HOST_WRITE);
    uint32_t *const here = stack_pointer();
    uint32_t stack_bytes;
    if (readings < 0 || answers < 0) {
        return 2;
    }
    SYSTICK_RELOAD = COUNTER_MASK;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = 5;
    paint(here);
    while (host_read(readings, measured_a, sizeof measured_a)) {
        int32_t record[2] = {0, 0};
        const uint32_t before = SYSTICK_VALUE;
        for (size_t m = 0; m < OUTPUTS; ++m) {
            answer[m] = 7.0f;
        }
        for (int repeat = 0; repeat < REPEATS; ++repeat) {
            record[0] = called();
        }
        record[1] = (int32_t)(((before - SYSTICK_VALUE) & COUNTER_MASK) * INSTRUCTIONS_PER_TICK / REPEATS);
        if (!host_write(answers, record, sizeof record) || !host_write(answers, answer, sizeof answer)) {
            return 3;
        }
    }
    stack_bytes = painted_over(here);
    if (!host_write(answers, &stack_bytes, sizeof stack_bytes)) {
        return 3;
    }
    host_close(answers);
    return 0;
}
