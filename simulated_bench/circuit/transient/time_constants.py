"""Time constants of an array, from its wires alone."""

from __future__ import annotations

import math

from crosscal.simulated_bench.circuit.circuit import Circuit, path_resistances_ohm


def slowest_time_constant_s(circuit: Circuit, capacitance_f: float, inductance_h: float) -> float:
    """Bound the slowest time constant of an array from above [s], whatever its cells.

    Conductance between the nodes only speeds settling up, so the wires without the cells decide. With
    capacitors alone, an eigenvalue of a wire's inverse matrix is at most its largest sum of a row, that is,
    the Elmore delay to the open end. With inductors, a mode either swings, and then dies with at most 2 L/r
    of a segment, or it does not, and then it dies as fast as without them or faster than L/r.

    Returns:
        The bound; infinite where inductors meet wires without resistance.

    Reference:
        Elmore, J. Appl. Phys. 19 (1948) 55, for the delay.
    """
    rows, columns = circuit.shape
    _, row_ohm = path_resistances_ohm(columns, circuit.row_ohm, circuit.source_ohm)
    _, column_ohm = path_resistances_ohm(rows, circuit.column_ohm, circuit.sense_ohm)
    without_s = capacitance_f * max(row_ohm, column_ohm)
    if inductance_h == 0:
        return without_s
    least_ohm = min(circuit.row_ohm, circuit.column_ohm)
    return max(without_s, 2 * inductance_h / least_ohm if least_ohm > 0 else math.inf)


def characteristic_time_s(circuit: Circuit, capacitance_f: float, inductance_h: float) -> float:
    """Return a time scale of the array's movement, finite and above 0 wherever it moves [s]."""
    swing_s = math.sqrt(inductance_h * capacitance_f)
    through_s = inductance_h * float(circuit.conductance_s.max())
    return max(slowest_time_constant_s(circuit, capacitance_f, 0.0), swing_s, through_s)
