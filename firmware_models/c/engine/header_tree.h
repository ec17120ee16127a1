/* The command that a header names: exactly the short or the long form of each node. */
#ifndef CROSSCAL_HEADER_TREE_H
#define CROSSCAL_HEADER_TREE_H

#include <stddef.h>

#include "numbers/text.h"

struct call;

/* Does what a command says: SCPI_OK, SCPI_WAIT, or an error's code with its detail in the call. */
typedef int (*command_handler)(struct call *call);

/* One line of the command table. */
struct command {
    /* As the standard writes it: short form in capitals, optional nodes in brackets. */
    const char *header;
    /* NULL if it can only be asked, or cannot be asked. */
    command_handler set;
    command_handler query;
    /* The optional group without which it is undefined. */
    unsigned group;
    /* The set form takes an array; the query form answers one. */
    bool array;
};

/* Commands of one subsystem. */
struct command_table {
    const struct command *commands;
    size_t count;
};

/* Find an absolute header in capitals, without leading colon and question mark; NULL if there is none. */
const struct command *header_tree_find(const struct command_table *tables, size_t count, unsigned groups,
                                       struct span path);

#endif
