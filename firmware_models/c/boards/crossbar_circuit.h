/* DC operating point of a crossbar with resistive wires and ohmic or sinh cells.
 *
 * Row `i` is driven at its left end through the source's resistance and one wire segment; column `j` ends, one
 * segment behind its last cell, in the sense amplifier's input resistance. The other ends are open.
 */
#ifndef CROSSCAL_CROSSBAR_CIRCUIT_H
#define CROSSCAL_CROSSBAR_CIRCUIT_H

#include <stdbool.h>
#include <stddef.h>

/* Cell current: G * v where `sinh_b` is 0, else G * sinh_a * sinh(sinh_b * v). */
struct cell_law {
    double sinh_a;
    double sinh_b;
};

struct crossbar_circuit {
    size_t rows;
    size_t columns;
    /* All 0: no wires. Otherwise both kinds of segments have resistance. */
    double row_ohm;
    double column_ohm;
    double source_ohm;
    double sense_ohm;
    struct cell_law law;
    /* Conductances, and the voltages of both ends of each cell, rows * columns: the last solution is where the next
     * one begins. */
    const double *conductance_s;
    double *word_v;
    double *bit_v;
    /* Room for the longer of a row and a column, twice. */
    double *elimination;
    double *correction;
};

/* Currents of the columns; false if the iteration did not settle. */
bool crossbar_circuit_solve(const struct crossbar_circuit *circuit, const double *voltage_v, double *current_a);

#endif
