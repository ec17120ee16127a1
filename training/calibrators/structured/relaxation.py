"""Crossbar as a network: its layers are rounds of relaxation, its weights the board's unknowns.

The unknown state is the voltage across every cell. One round adds up the losses of the cells' currents in the
wires of their row and of their column, and moves every cell towards Kirchhoff's law; the rounds are a
Chebyshev iteration, so that half a dozen suffice.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from crosscal.training.calibrators.structured.backend import Array, Backend
from crosscal.training.calibrators.structured.circuit import Circuit

# Insensitive between 2 and 8; 0 and 0.5, 1.1 and 3, 1 and 1.5 (`python benchmarks/constants.py relaxation`).
_POWER_ITERATIONS = 4
_FIRST_SLOPE_AT, _FIRST_SAFETY, _SAFETY = 0.25, 1.5, 1.1


class Relaxation:
    """Rounds of relaxation of a circuit for given targets [S], (…, N, M), on any backend."""

    def __init__(self, backend: Backend, circuit: Circuit, conductance_s: Array) -> None:
        self._backend, self._form, self._unknowns = backend, circuit.form, circuit.unknowns
        form, terms = circuit.form, _cell_terms(circuit, conductance_s)
        self._powers, self._kink_terms = terms[: form.voltage_degree], terms[form.voltage_degree :]
        # The law is learned where cells work, and means nothing beyond: slopes are taken where it is known,
        # first from a guess, then where the cells stand with every input at its largest.
        start = terms[0] * 0.0 + _FIRST_SLOPE_AT * form.largest_v
        self._steps = self._chebyshev(self._strongest_loss(self.cell_slopes(start)) * _FIRST_SAFETY)
        standing = self.cell_voltages(terms[0] * 0.0 + form.largest_v)
        self._steps = self._chebyshev(self._strongest_loss(self.cell_slopes(standing)) * _SAFETY)

    def currents(self, drive_v: Array) -> Array:
        """Compute column currents [unit_a], (B, 1, M), for drives [V], (B, N, 1)."""
        cells = self.cell_currents(self.cell_voltages(drive_v))
        return self._backend.sum(cells, -2) * (1.0 / self._form.unit_a)

    def cell_voltages(self, drive_v: Array) -> Array:
        """Voltage across every cell after all rounds [V], (B, N, M)."""
        return self._relaxed(drive_v, self.cell_currents)

    def changes(self, slopes_s: Array, cause_v: Array) -> Array:
        """Change of every cell's voltage [V] when `cause_v`, (…, N, M), is put in series with it.

        Args:
            slopes_s: derivative of every cell's current by its voltage [S], from `cell_slopes`.
            cause_v: [V].
        """
        return self._relaxed(cause_v, lambda voltage: voltage * slopes_s)

    def _relaxed(self, drive_v: Array, cells_of: Callable[[Array], Array]) -> Array:
        (scale, first), *steps = self._steps
        voltage = drive_v * scale
        move = (drive_v - voltage - self.lost(cells_of(voltage))) * first
        voltage = voltage + move
        for momentum, push in steps:
            move = move * momentum + (drive_v - voltage - self.lost(cells_of(voltage))) * push
            voltage = voltage + move
        return voltage

    def lost(self, cells: Array) -> Array:
        """Compute the loss of cells' currents [A] in wires, driver and sense end, at each cell [V]."""
        unknowns = self._unknowns
        along_row = cells @ unknowns.row_loss + self._backend.sum(cells, -1) * unknowns.driver
        return along_row + unknowns.column_loss @ cells

    def cell_currents(self, voltage: Array) -> Array:
        """Current of every cell [A] at its voltage [V]."""
        scaled = voltage * (1.0 / self._form.largest_v)
        total = self._powers[-1]
        for term in self._powers[-2::-1]:
            total = total * scaled + term
        total = total * voltage
        if self._kink_terms:
            below = self._backend.clipped(voltage, -math.inf, 0.0)
            bent = self._kink_terms[-1]
            for term in self._kink_terms[-2::-1]:
                bent = bent * scaled + term
            total = total + bent * below
        return total

    def cell_slopes(self, voltage: Array) -> Array:
        """Derivative of `cell_currents` [S]."""
        scaled = voltage * (1.0 / self._form.largest_v)
        total = self._powers[-1] * float(len(self._powers))
        for p in range(len(self._powers) - 2, -1, -1):
            total = total * scaled + self._powers[p] * float(p + 1)
        if self._kink_terms:
            below = self._backend.beyond(voltage, 0.0, math.inf)
            bent = self._kink_terms[-1] * float(len(self._kink_terms))
            for p in range(len(self._kink_terms) - 2, -1, -1):
                bent = bent * scaled + self._kink_terms[p] * float(p + 1)
            total = total + bent * below
        return total

    def _strongest_loss(self, slope: Array) -> Array:
        """Largest eigenvalue of losses times slopes [S]: the iteration's spectrum is 1 … 1 + this."""
        lost = self.lost(slope)
        for _ in range(_POWER_ITERATIONS - 1):
            lost = self.lost(slope * lost / self._backend.largest(lost))
        return self._backend.largest(lost)

    def _chebyshev(self, loss: Array) -> list[tuple[Array, Array]]:
        """Momentum and push of every round; the first pair is the scale of the first guess and its push."""
        middle, ratio = 1.0 + 0.5 * loss, 1.0 + 2.0 / loss
        damping = 1.0 / ratio
        steps = [(1.0 / middle, 1.0 / middle)]
        for _ in range(self._form.rounds - 1):
            following = 1.0 / (2.0 * ratio - damping)
            steps.append((following * damping, following * 4.0 / loss))
            damping = following
        return steps


def _cell_terms(circuit: Circuit, conductance_s: Array) -> list[Array]:
    """Coefficients of every cell's law for given targets [S], (…, N, M): powers first, then the kink's."""
    form, unknowns = circuit.form, circuit.unknowns
    scaled = (conductance_s - form.middle_s) * (1.0 / form.half_s)
    terms = []
    for p in range(form.voltage_degree):
        total = unknowns.law[form.conductance_degree][p]
        for q in range(form.conductance_degree - 1, -1, -1):
            total = total * scaled + unknowns.law[q][p]
        terms.append(total * conductance_s)
    return terms + [unknowns.kink[p] * conductance_s for p in range(form.kink_degree)]
