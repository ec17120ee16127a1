/* Arrays on the wire: `FORMat[:DATA]` and `FORMat:BORDer`, both ways. */
#ifndef CROSSCAL_DATA_FORMAT_H
#define CROSSCAL_DATA_FORMAT_H

#include "numbers/text.h"

enum format_kind { FORMAT_ASCII, FORMAT_REAL_32, FORMAT_REAL_64 };

struct data_format {
    enum format_kind kind;
    /* Little-endian. */
    bool swapped;
};

/* Bytes of one value in a block. */
size_t format_item_bytes(struct data_format format);
/* Name as `FORMat?` answers it, the digits of ASCII left out. */
const char *format_name(struct data_format format);
/* Begin an array of `count` values: the header of a block, or nothing. */
void format_begin(struct data_format format, size_t count, struct text *text);
/* One value of it; `whole` numbers are decimal under ASCii. */
void format_value(struct data_format format, double value, bool whole, struct text *text);
/* The value of one item of a block. */
double format_decode(struct data_format format, const char *bytes);

#endif
