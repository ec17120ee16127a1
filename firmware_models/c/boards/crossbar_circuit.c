#include "boards/crossbar_circuit.h"

#include <math.h>

/* Far below a step of any converter; rounding is some 1e-16 V. */
#define SETTLED_V 1e-12
#define SWEEPS_MAX 400

static double cell_current(const struct cell_law *law, double conductance_s, double voltage_v) {
    if (law->sinh_b > 0.0) {
        return conductance_s * law->sinh_a * sinh(law->sinh_b * voltage_v);
    }
    return conductance_s * voltage_v;
}

static double cell_slope(const struct cell_law *law, double conductance_s, double voltage_v) {
    if (law->sinh_b > 0.0) {
        return conductance_s * law->sinh_a * law->sinh_b * cosh(law->sinh_b * voltage_v);
    }
    return conductance_s;
}

/* A wire with cells along it: its nodes are `stride` apart, and one end is held at a voltage. */
struct line {
    double *node_v;
    size_t count;
    size_t stride;
    double segment_s;
    double held_s;
    double held_v;
    bool held_at_start;
};

/* Conductance from node `index` to the node before it, or to the held end. */
static double before_s(const struct line *line, size_t index) {
    if (index > 0U) {
        return line->segment_s;
    }
    return line->held_at_start ? line->held_s : 0.0;
}

static double after_s(const struct line *line, size_t index) {
    if (index + 1U < line->count) {
        return line->segment_s;
    }
    return line->held_at_start ? 0.0 : line->held_s;
}

static double neighbour_v(const struct line *line, size_t index, bool before) {
    if (before && index > 0U) {
        return line->node_v[(index - 1U) * line->stride];
    }
    if (!before && index + 1U < line->count) {
        return line->node_v[(index + 1U) * line->stride];
    }
    return line->held_v;
}

/* One Newton step of all nodes of a line, the other ends of its cells held; answers the largest change. `sign` is 1
 * where cells take current out of the line, -1 where they feed it. */
static double relax(const struct crossbar_circuit *circuit, const struct line *line, size_t first_cell, double sign) {
    double largest_v = 0.0;
    size_t index;
    for (index = 0; index < line->count; index++) {
        size_t cell = first_cell + index * line->stride;
        double cell_v = circuit->word_v[cell] - circuit->bit_v[cell];
        double left_s = before_s(line, index);
        double right_s = after_s(line, index);
        double here_v = line->node_v[index * line->stride];
        double residual_a = left_s * (neighbour_v(line, index, true) - here_v) +
                            right_s * (neighbour_v(line, index, false) - here_v) -
                            sign * cell_current(&circuit->law, circuit->conductance_s[cell], cell_v);
        double diagonal_s = left_s + right_s + cell_slope(&circuit->law, circuit->conductance_s[cell], cell_v);
        if (index > 0U) {
            diagonal_s -= left_s * circuit->elimination[index - 1U];
            residual_a += left_s * circuit->correction[index - 1U];
        }
        circuit->elimination[index] = right_s / diagonal_s;
        circuit->correction[index] = residual_a / diagonal_s;
    }
    for (index = line->count; index > 0U; index--) {
        double change_v = circuit->correction[index - 1U];
        if (index < line->count) {
            change_v += circuit->elimination[index - 1U] * circuit->correction[index];
            circuit->correction[index - 1U] = change_v;
        }
        line->node_v[(index - 1U) * line->stride] += change_v;
        change_v = change_v < 0.0 ? -change_v : change_v;
        largest_v = change_v > largest_v ? change_v : largest_v;
    }
    return largest_v;
}

static double sweep(const struct crossbar_circuit *circuit, const double *voltage_v) {
    double largest_v = 0.0;
    struct line line;
    size_t index;
    line.count = circuit->columns;
    line.stride = 1;
    line.segment_s = 1.0 / circuit->row_ohm;
    line.held_s = 1.0 / (circuit->source_ohm + circuit->row_ohm);
    line.held_at_start = true;
    for (index = 0; index < circuit->rows; index++) {
        double change_v;
        line.node_v = circuit->word_v + index * circuit->columns;
        line.held_v = voltage_v[index];
        change_v = relax(circuit, &line, index * circuit->columns, 1.0);
        largest_v = change_v > largest_v ? change_v : largest_v;
    }
    line.count = circuit->rows;
    line.stride = circuit->columns;
    line.segment_s = 1.0 / circuit->column_ohm;
    line.held_s = 1.0 / (circuit->sense_ohm + circuit->column_ohm);
    line.held_at_start = false;
    line.held_v = 0.0;
    for (index = 0; index < circuit->columns; index++) {
        double change_v;
        line.node_v = circuit->bit_v + index;
        change_v = relax(circuit, &line, index, -1.0);
        largest_v = change_v > largest_v ? change_v : largest_v;
    }
    return largest_v;
}

static void solve_without_wires(const struct crossbar_circuit *circuit, const double *voltage_v, double *current_a) {
    size_t row, column;
    for (column = 0; column < circuit->columns; column++) {
        current_a[column] = 0.0;
        for (row = 0; row < circuit->rows; row++) {
            double conductance_s = circuit->conductance_s[row * circuit->columns + column];
            current_a[column] += cell_current(&circuit->law, conductance_s, voltage_v[row]);
        }
    }
}

bool crossbar_circuit_solve(const struct crossbar_circuit *circuit, const double *voltage_v, double *current_a) {
    const double *last_v = circuit->bit_v + (circuit->rows - 1U) * circuit->columns;
    bool settled = false;
    size_t column;
    int sweeps;
    if (!(circuit->row_ohm > 0.0)) {
        solve_without_wires(circuit, voltage_v, current_a);
        return true;
    }
    for (sweeps = 0; sweeps < SWEEPS_MAX && !settled; sweeps++) {
        settled = sweep(circuit, voltage_v) < SETTLED_V;
    }
    for (column = 0; column < circuit->columns; column++) {
        current_a[column] = last_v[column] / (circuit->sense_ohm + circuit->column_ohm);
    }
    return settled;
}
