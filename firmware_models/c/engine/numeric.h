/* Numbers as SCPI writes them: decimal with a suffix, non-decimal, MINimum, MAXimum, DEFault. */
#ifndef CROSSCAL_NUMERIC_H
#define CROSSCAL_NUMERIC_H

#include "numbers/text.h"

/* What SCPI-1999 (7.2.1.5) sends where there is no number; from 9.9e37 on, values are no numbers. */
#define NOT_A_NUMBER_A 9.91e37

enum unit { UNIT_PURE, UNIT_VOLT, UNIT_AMPERE, UNIT_SECOND, UNIT_SIEMENS, UNIT_CELSIUS };

/* One parameter as it was sent. */
struct parameter {
    /* A block, of which only the array commands read the bytes. */
    bool is_block;
    struct span text;
};

/* Range of a setting, and the value that DEFault stands for. */
struct limits {
    double low;
    double high;
    double fallback;
};

struct whole_limits {
    int64_t low;
    int64_t high;
    int64_t fallback;
};

/* These return 0, or the error's code with its detail in `detail`, which is otherwise left as it was. */

int parse_number(struct parameter parameter, enum unit unit, double *value, struct text *detail);
int parse_limited(struct parameter parameter, enum unit unit, struct limits limits, double *value,
                  struct text *detail);
/* A whole number; a fraction is rounded, as IEEE 488.2 asks. */
int parse_whole(struct parameter parameter, struct whole_limits limits, int64_t *value, struct text *detail);
/* Refuse NaN, infinity and SCPI's stand-ins for them (-222). */
int require_finite(double value, struct text *detail);

/* Value of MINimum, MAXimum or DEFault; false if the parameter is none of them. */
bool limit_keyword(struct parameter parameter, struct limits limits, double *value);
bool whole_keyword(struct parameter parameter, struct whole_limits limits, int64_t *value);

#endif
