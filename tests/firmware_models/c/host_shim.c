/* Sizes that a host program needs before it can hand memory to the engine. */
#include "instrument.h"

size_t host_instrument_bytes(void);

size_t host_instrument_bytes(void) {
    return sizeof(struct instrument);
}
