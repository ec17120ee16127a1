"""Circuit of a board as one value: its form, its standardised parameters, the physical unknowns they mean.

Learned are: wire, driver and sense resistances (a driver each), a cell law of volts and conductance (a
polynomial, bent at zero volts), and gains and offsets of every input and output channel. Nothing of them is
given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch

from crosscal.training.calibrators.structured.backend import Array, Backend

Free = dict[str, torch.Tensor]
"""Standardised parameters by name, of the shapes of `CircuitForm.free_shapes`."""

WIRES = ("row", "column", "driver", "sense")
_WIRES_FIRST_OHM = (1.0, 1.0, 20.0, 5.0)
"""Where the fit begins. Five times as much ends the same; a fifth ends three times as far from the truth on a
board with more columns than rows (`python benchmarks/constants.py WIRES_FIRST`)."""


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Circuit:
    """Circuit of a board; made by `of`.

    Attributes:
        form: fixed properties.
        free: standardised parameters, as they are learned and stored.
        unknowns: the same in physical terms; arrays of torch, or of the backend of `on`.
    """

    form: CircuitForm
    free: Free
    unknowns: CircuitUnknowns

    @classmethod
    def of(cls, form: CircuitForm, free: Mapping[str, torch.Tensor]) -> Circuit:
        """Derive the physical unknowns of standardised parameters, in their precision."""
        return cls(form=form, free=dict(free), unknowns=_physical_unknowns(form, free))

    @classmethod
    def blank(cls, form: CircuitForm, dtype: torch.dtype = torch.float32) -> Circuit:
        """Return the first guess: every parameter 0."""
        return cls.of(
            form, {name: torch.zeros(size, dtype=dtype) for name, size in form.free_shapes().items()}
        )

    def changed(self, free: Mapping[str, torch.Tensor]) -> Circuit:
        """Return a circuit with some other parameters."""
        return Circuit.of(self.form, {**self.free, **free})

    def of_rounds(self, rounds: int) -> Circuit:
        """Return the same circuit, relaxed in so many rounds."""
        return replace(self, form=replace(self.form, rounds=rounds))

    def double(self) -> Circuit:
        """Return the same circuit in float64."""
        return Circuit.of(self.form, {name: value.double() for name, value in self.free.items()})

    def single(self) -> Circuit:
        """Return the same circuit in float32."""
        return Circuit.of(self.form, {name: value.float() for name, value in self.free.items()})

    def on(self, backend: Backend) -> Circuit:
        """Return the same circuit with its unknowns as constants of `backend`; the law as Python numbers."""
        law = {name: getattr(self.unknowns, name).tolist() for name in ("law", "kink")}
        names = (field.name for field in fields(CircuitUnknowns) if field.name not in law)
        arrays: dict[str, Any] = {
            name: backend.constant(getattr(self.unknowns, name).numpy()) for name in names
        }
        return replace(self, unknowns=CircuitUnknowns(**law, **arrays))

    def drive_v(self, voltage_v: torch.Tensor) -> torch.Tensor:
        """Voltages of the drivers [V], (B, N, 1), for inputs [V], (B, N)."""
        return (voltage_v * self.unknowns.input_gain + self.unknowns.input_offset)[:, :, None]


def _physical_unknowns(form: CircuitForm, free: Mapping[str, torch.Tensor]) -> CircuitUnknowns:
    """Turn standardised parameters into physical unknowns; differentiable."""
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


def legendre_powers(voltage_degree: int) -> torch.Tensor:
    """Power series of the Legendre polynomials on 0…1, unknowns that stay apart where powers look alike."""
    rows = np.zeros((voltage_degree, voltage_degree))
    for k in range(voltage_degree):
        series = np.polynomial.Legendre.basis(k, domain=[0, 1]).convert(kind=np.polynomial.Polynomial)
        rows[k, : k + 1] = series.coef
    return torch.from_numpy(rows)
