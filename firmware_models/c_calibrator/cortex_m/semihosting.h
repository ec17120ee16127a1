/* Files of the machine that the emulator runs on. */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { HOST_READ = 1, HOST_WRITE = 5 };

int host_open(const char *path, int mode);
int host_read(int file, void *into, size_t bytes);
int host_write(int file, const void *from, size_t bytes);
void host_close(int file);

#endif
