"""Crossbar as a network: its layers are rounds of relaxation, its weights the board's unknowns.

The unknown state is the voltage across every cell. One round adds up the losses of the cells' currents in the
wires of their row and of their column, and moves every cell towards Kirchhoff's law; the rounds are a
Chebyshev iteration, so that half a dozen suffice. Learned are: wire, driver and sense resistances (a driver
each), a cell law of volts and conductance (a polynomial, bent at zero volts), and gains and offsets of
every input and output channel. Nothing of them is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from crosscal.training.calibrators.structured.backend import Array, Backend

WIRES = ("row", "column", "driver", "sense")
_WIRES_FIRST_OHM = (1.0, 1.0, 20.0, 5.0)
_POWER_ITERATIONS = 4
_FIRST_SLOPE_AT, _FIRST_SAFETY, _SAFETY = 0.25, 1.5, 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitForm:
    """Fixed properties of a board's network, before anything is learned.

    Attributes:
        rows, columns: N and M.
        largest_v: largest input [V].
        middle_s, half_s: conductances are scaled by these [S].
        voltage_degree, conductance_degree: degrees of the cell law. kink_degree: terms of the kink at 0 V.
        rounds: relaxation rounds.
    """

    rows: int
    columns: int
    largest_v: float
    middle_s: float
    half_s: float
    voltage_degree: int = 6
    conductance_degree: int = 2
    kink_degree: int = 2
    rounds: int = 7

    @property
    def unit_a(self) -> float:
        """Current that counts as 1: about that of a column when every input is at its largest."""
        return 0.6 * self.rows * self.middle_s * self.largest_v

    def free_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the unknowns, each standardised: 0 is the first guess, 1 a plausible deviation."""
        n, m = self.rows, self.columns
        return {
            "wires": (len(WIRES),),
            "law": (self.conductance_degree + 1, self.voltage_degree),
            "kink": (self.kink_degree,),
            "driver": (n,),
            "input_gain": (n,),
            "input_offset": (n,),
            "gain": (m,),
            "offset": (m,),
        }


SPREADS = {
    "law": 0.5,
    "kink": 0.3,
    "driver": 0.1,
    "input_gain": 0.01,
    "input_offset": 0.005,
    "gain": 0.02,
    "offset": 0.01,
}
"""Meaning of a deviation of 1, relative to the quantity, or to full scale where that is 0."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CircuitUnknowns:
    """The unknowns in physical terms, as arrays of one backend.

    Attributes:
        law: (conductance_degree + 1, voltage_degree): a cell's current per siemens is
            `u Σ_q γ^q Σ_p law[q,p] (u/largest_v)^p`.
        kink: (kink_degree,): plus `min(u, 0) Σ_p kink[p] (u/largest_v)^p`.
        row_loss: (M, M) [Ω]: loss of a cell by the current in another column of its row.
        column_loss: (N, N) [Ω]: the same along a column.
        driver: (N, 1) [Ω].
        input_gain, input_offset: (N,), (N,) [V]. gain, offset: (M,), (M,) in units of `CircuitForm.unit_a`.
        wires_ohm: (4,), in the order of `WIRES` [Ω].
    """

    law: Array
    kink: Array
    row_loss: Array
    column_loss: Array
    driver: Array
    input_gain: Array
    input_offset: Array
    gain: Array
    offset: Array
    wires_ohm: Array

    def losses(self, form: CircuitForm, cells: torch.Tensor) -> list[torch.Tensor]:
        """Compute cells' losses in each of `WIRES` [V], for their currents [A], (…, N, M); in torch only."""
        shared, below = _shared_segments(form, cells.dtype)
        row, column, _, sense = self.wires_ohm
        return [
            row * (cells @ shared),
            column * (below @ cells),
            (cells.sum(-1, keepdim=True) * self.driver).expand(cells.shape),
            (cells.sum(-2, keepdim=True) * sense).expand(cells.shape),
        ]


def physical_unknowns(form: CircuitForm, free: dict[str, torch.Tensor]) -> CircuitUnknowns:
    """Turn standardised unknowns into physical ones; differentiable."""
    kind = free["wires"].dtype
    first = torch.log(torch.tensor(_WIRES_FIRST_OHM, dtype=kind))
    wires_ohm = torch.exp(first + free["wires"])
    row, column, driver, sense = wires_ohm
    shared, below = _shared_segments(form, kind)
    law = torch.zeros(form.conductance_degree + 1, form.voltage_degree, dtype=kind)
    law[0, 0] = 1.0
    return CircuitUnknowns(
        law=(law + SPREADS["law"] * free["law"]) @ legendre_powers(form.voltage_degree).to(kind),
        kink=SPREADS["kink"] * free["kink"],
        row_loss=row * shared,
        column_loss=sense + column * below,
        driver=(driver * torch.exp(SPREADS["driver"] * free["driver"]))[:, None],
        input_gain=1.0 + SPREADS["input_gain"] * free["input_gain"],
        input_offset=SPREADS["input_offset"] * form.largest_v * free["input_offset"],
        gain=1.0 + SPREADS["gain"] * free["gain"],
        offset=SPREADS["offset"] * free["offset"],
        wires_ohm=wires_ohm,
    )


def _shared_segments(form: CircuitForm, kind: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Wire segments that the currents of two cells share, along a row (M, M) and along a column (N, N)."""
    from_left, from_top = torch.arange(form.columns) + 1, torch.arange(form.rows)
    along_row = torch.minimum(from_left[:, None], from_left[None])
    along_column = form.rows - torch.maximum(from_top[:, None], from_top[None])
    return along_row.to(kind), along_column.to(kind)


def cell_terms(form: CircuitForm, unknowns: CircuitUnknowns, conductance_s: Array) -> list[Array]:
    """Coefficients of every cell's law for given targets [S], (…, N, M): powers first, then the kink's."""
    scaled = (conductance_s - form.middle_s) * (1.0 / form.half_s)
    terms = []
    for p in range(form.voltage_degree):
        total = unknowns.law[form.conductance_degree][p]
        for q in range(form.conductance_degree - 1, -1, -1):
            total = total * scaled + unknowns.law[q][p]
        terms.append(total * conductance_s)
    return terms + [unknowns.kink[p] * conductance_s for p in range(form.kink_degree)]


class Relaxation:
    """Rounds of relaxation for the matrices of given `cell_terms`, on any backend."""

    def __init__(
        self, backend: Backend, form: CircuitForm, unknowns: CircuitUnknowns, terms: list[Array]
    ) -> None:
        self._backend, self._form, self._unknowns = backend, form, unknowns
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


def legendre_powers(voltage_degree: int) -> torch.Tensor:
    """Power series of the Legendre polynomials on 0…1, unknowns that stay apart where powers look alike."""
    rows = np.zeros((voltage_degree, voltage_degree))
    for k in range(voltage_degree):
        series = np.polynomial.Legendre.basis(k, domain=[0, 1]).convert(kind=np.polynomial.Polynomial)
        rows[k, : k + 1] = series.coef
    return torch.from_numpy(rows)
