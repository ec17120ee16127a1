/* An acquisition in progress: vectors read in slices, in a range that suits them all. */
#ifndef CROSSCAL_ACQUISITION_H
#define CROSSCAL_ACQUISITION_H

#include "engine/memory.h"
#include "hal.h"
#include "numbers/text.h"

struct instrument;
struct link;

/* Bank of an acquisition that reads the single vector. */
#define NO_BANK VECTOR_BANKS

/* Results of the last acquisition, as far as they have come: points in the instrument's arrays. */
struct trace {
    size_t points;
};

struct acquisition {
    bool initiated;
    bool waiting;
    /* Vectors, and the bank that holds them. */
    size_t count;
    size_t bank;
    /* The output is off: zeros are driven. */
    bool at_rest;
    size_t range_index;
    bool auto_range;
    /* What saturated once is not tried again. */
    size_t lowest_index;
    double aperture_s;
    int32_t averages;
    double dwell_s;
    bool saturated;
    bool compliance;
    bool over_temperature;
    bool hardware_error;
};

/* Begin an acquisition for a client, of the sequence if there is one, else of the vector, or arm it for its
 * trigger: -213 while one is initiated or the array is being programmed. */
int acquisition_initiate(struct link *link, bool sequence, bool auto_range, bool immediately, struct text *detail);
void acquisition_start(struct instrument *board);
/* Read the next slice of vectors. */
void acquisition_advance(struct instrument *board);
/* Note the result, and report what went wrong. */
void acquisition_end(struct instrument *board);

#endif
