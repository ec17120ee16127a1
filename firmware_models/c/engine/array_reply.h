/* A reply of many values, sent in pieces from an array of its own: what it was taken from may change meanwhile. */
#ifndef CROSSCAL_ARRAY_REPLY_H
#define CROSSCAL_ARRAY_REPLY_H

#include "engine/data_format.h"

struct link;

struct array_reply {
    /* The link that it is for; NULL if none is being sent. */
    struct link *owner;
    struct data_format format;
    bool whole;
    size_t count;
    size_t sent;
};

#endif
