/* Reset of a Cortex-M4F, and the host's files by semihosting. */
#include "semihosting.h"

extern uint32_t data_start[], data_end[], data_image[], bss_start[], bss_end[], stack_top[];

int main(void);
void reset(void);

enum { SYS_OPEN = 0x01, SYS_CLOSE = 0x02, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };

static int host(int operation, const void *arguments)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

int host_open(const char *path, int mode)
{
    const uintptr_t arguments[3] = {(uintptr_t)path, (uintptr_t)mode, strlen(path)};
    return host(SYS_OPEN, arguments);
}

int host_read(int file, void *into, size_t bytes)
{
    const uintptr_t arguments[3] = {(uintptr_t)file, (uintptr_t)into, bytes};
    return host(SYS_READ, arguments) == 0;
}

int host_write(int file, const void *from, size_t bytes)
{
    const uintptr_t arguments[3] = {(uintptr_t)file, (uintptr_t)from, bytes};
    return host(SYS_WRITE, arguments) == 0;
}

void host_close(int file)
{
    const uintptr_t arguments[1] = {(uintptr_t)file};
    (void)host(SYS_CLOSE, arguments);
}

static void leave(int code)
{
    const uintptr_t arguments[2] = {0x20026U, (uintptr_t)code};
    (void)host(SYS_EXIT_EXTENDED, arguments);
    for (;;) {
    }
}

static void fault(void)
{
    leave(99);
}

void reset(void)
{
    volatile uint32_t *const coprocessors = (volatile uint32_t *)0xe000ed88U;
    *coprocessors |= 0xfU << 20;
    __asm__ volatile("dsb\n\tisb");
    memcpy(data_start, data_image, (size_t)((char *)data_end - (char *)data_start));
    memset(bss_start, 0, (size_t)((char *)bss_end - (char *)bss_start));
    leave(main());
}

typedef union {
    void *stack;
    void (*handler)(void);
} vector;

__attribute__((section(".vectors"), used)) static const vector vectors[7] = {
    {.stack = stack_top}, {.handler = reset}, {.handler = fault}, {.handler = fault},
    {.handler = fault},   {.handler = fault}, {.handler = fault}};
