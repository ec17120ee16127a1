"""Crossbar circuit with checked elements, the starting point of every solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.errors import InputError, RangeError, ShapeError, wanted
from crosscal.simulated_bench.circuit.checks import checked_array
from crosscal.simulated_bench.circuit.line_faults import LineFault
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.devices.law import CellLaw
from crosscal.simulated_bench.devices.law_probe import require_sound_once
from crosscal.simulated_bench.devices.one_transistor import OneTransistor


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """Arrays in the form that the kernels need, validated by `Circuit.of`.

    Attributes:
        conductance_s: nominal conductance of each cell [S], (N, M), C-contiguous.
        device: current–voltage law of the cells.
        row_ohm, column_ohm: one wire segment [Ω].
        source_ohm: driver of each row [Ω], (N,).
        sense_ohm: amplifier of each column [Ω], (M,).
        mean_path_ohm: voltage lost along a row and a column, on average, per ampere in each cell [Ω].
        longest_path_ohm: the same for the cell that loses most [Ω].
        faults: of the wires, all inside the array.
    """

    conductance_s: Matrix
    device: CellLaw
    row_ohm: float
    column_ohm: float
    source_ohm: np.ndarray
    sense_ohm: np.ndarray
    mean_path_ohm: float
    longest_path_ohm: float
    faults: tuple[LineFault, ...]

    @classmethod
    def of(cls, conductance_s: Matrix, wires: Wires, device: CellLaw) -> Circuit:
        """Check a matrix, wires and a device.

        Raises:
            ShapeError: the conductances are no matrix, or the wires' lists do not fit it.
            RangeError: a conductance is negative or not finite, or a fault of the wires lies outside the
                array; the message names the place.
            InputError: `wires` or `device` is something else, or a device of the user's own is not sound; see
                `require_sound_law`.
        """
        if not isinstance(wires, Wires):
            raise InputError(
                wanted(got=f"wires = {wires!r}", allowed="a Wires", remedy="pass wires=Wires(...)")
            )
        if not callable(getattr(device, "evaluate", None)) or isinstance(device, type):
            got, allowed = f"device = {device!r}", "Ohmic(), Sinh(), SmoothLaw(...) or another CellLaw"
            raise InputError(wanted(got=got, allowed=allowed, remedy="pass an instance"))
        checked_s = checked_array("conductance_s", conductance_s, ranks=(2,), axes="rows × columns")
        if checked_s.size == 0:
            got = f"conductance_s of shape {checked_s.shape}"
            raise ShapeError(
                wanted(got=got, allowed="at least one row and one column", remedy="pass a matrix")
            )
        if (checked_s < 0).any():
            i, j = np.argwhere(checked_s < 0)[0]
            got = f"conductance_s[{i}, {j}] = {checked_s[i, j]:g} S"
            raise RangeError(wanted(got=got, allowed="0 or more", remedy="correct that cell"))
        require_sound_once(device.cell if isinstance(device, OneTransistor) else device, checked_s)
        rows, columns = checked_s.shape
        for fault in wires.faults:
            fault.require_within(rows, columns)
        source_ohm, sense_ohm = wires.source_of_rows_ohm(rows), wires.sense_of_columns_ohm(columns)
        row_path_ohm, longest_row_path_ohm = path_resistances_ohm(columns, wires.row_ohm, source_ohm)
        column_path_ohm, longest_column_path_ohm = path_resistances_ohm(rows, wires.column_ohm, sense_ohm)
        return cls(
            conductance_s=checked_s,
            device=device,
            row_ohm=wires.row_ohm,
            column_ohm=wires.column_ohm,
            source_ohm=source_ohm,
            sense_ohm=sense_ohm,
            mean_path_ohm=row_path_ohm + column_path_ohm,
            longest_path_ohm=longest_row_path_ohm + longest_column_path_ohm,
            faults=tuple(wires.faults),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """`(N, M)`."""
        return self.conductance_s.shape  # pyright: ignore[reportReturnType]  (rank 2 was checked)

    @property
    def wires(self) -> tuple[float, float, np.ndarray, np.ndarray]:
        """Row and column segments, sources (N,) and senses (M,) [Ω], as kernels take them."""
        return self.row_ohm, self.column_ohm, self.source_ohm, self.sense_ohm

    def require_sound_wires(self, under: str) -> None:
        """Refuse faults of the wires where only the solver at rest knows them.

        Args:
            under: kind of drive, for the message.

        Raises:
            InputError: there is a fault; the message names it.
        """
        if self.faults:
            got, allowed = f"{self.faults[0]!r} under {under}", "wires without faults"
            remedy = "solve it at rest with solve_dc, or leave the faults out"
            raise InputError(wanted(got=got, allowed=allowed, remedy=remedy))

    def drives(self, voltage_v: np.ndarray) -> tuple[np.ndarray, bool]:
        """Check input vectors.

        Args:
            voltage_v: [V], (N,) or (B, N).

        Returns:
            The vectors as (B, N), and whether there was a batch axis.

        Raises:
            ShapeError: not one value per row.
            RangeError: a voltage is not finite; the message names it.
        """
        vectors_v = checked_array("voltage_v", voltage_v, ranks=(1, 2), axes="(batch ×) rows")
        rows = self.shape[0]
        if vectors_v.shape[-1] != rows:
            got = f"voltage_v of shape {vectors_v.shape} for {rows} rows"
            remedy = "give one voltage per row of the conductance matrix"
            raise ShapeError(wanted(got=got, allowed=f"({rows},) or (batch, {rows})", remedy=remedy))
        return np.atleast_2d(vectors_v), vectors_v.ndim == 2


def path_resistances_ohm(count: int, segment_ohm: float, end_ohm: np.ndarray) -> tuple[float, float]:
    """Return the voltage lost on a wire per ampere in each of `count` cells, mean and at the open end [Ω]."""
    average_ohm = count * end_ohm.mean() + segment_ohm * (count + 1) * (2 * count + 1) / 6
    open_end_ohm = count * end_ohm.max() + segment_ohm * count * (count + 1) / 2
    return float(average_ohm), float(open_end_ohm)
