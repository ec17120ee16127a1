/* The command that a header names: exactly the short or the long form of each node. */
#ifndef CROSSCAL_HEADER_TREE_H
#define CROSSCAL_HEADER_TREE_H

#include <stddef.h>

#include "numbers/text.h"

struct call;

/* Does what a command says: SCPI_OK, SCPI_WAIT, or an error's code with its detail in the call. */
typedef int (*command_handler)(struct call *call);

/* While another client holds the lock, set forms are refused unless free, queries are answered unless reserved. */
#define SET_IS_FREE 0x01U
#define QUERY_IS_RESERVED 0x02U
/* Each execution is a change to other clients, whatever the settings. */
#define FORM_ACTS 0x04U
/* A link hears it while a query waits for a trigger: without parameters, or with one that says off. */
#define FORM_URGENT 0x08U
#define URGENT_IF_OFF 0x10U
/* It ends a query that waits for completion without an answer (IEEE 488.2, 12.5.3). */
#define FORGETS_COMPLETION 0x20U

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
    /* Of those below. */
    unsigned forms;
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
