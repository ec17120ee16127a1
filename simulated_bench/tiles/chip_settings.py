"""Settings of a simulated chip: cells, wires, converters' noise, parts, and the way that it is computed."""

from __future__ import annotations

from dataclasses import dataclass, field

from crosscal.core.errors import InputError, RangeError, wanted
from crosscal.core.network.cell_profile import CellProfile
from crosscal.simulated_bench.circuit.wires import Wires
from crosscal.simulated_bench.tiles.parts import Counts, Parts

MODES = ("exact", "converted", "merged")
"""The solver vector by vector; transfer matrices with every conversion; all folded into one matrix."""

CHORD_METHOD = 2
"""Number of the way that cells of a bent law become a matrix, raised when it changes, so that kept scores are
not mixed. 2: every column has the gain of the currents solved for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeReadout:
    """Charge amplifiers below memcapacitive columns.

    Attributes:
        column_line_f: stray capacitance of a column at every cell [F].
        gain: of the amplifiers, open loop.
        window_s: from the step of the rows to the conversion [s].
        temperature_c: of the reset switch, for its kT/C noise [°C]; None: none.
    """

    column_line_f: float = 0.1e-15
    gain: float = 1e4
    window_s: float = 100e-9
    temperature_c: float | None = 27.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipSettings:
    """Settings of a chip.

    Attributes:
        cells: levels and scatter.
        wires: of every tile.
        mode: one of `MODES`.
        age_s: time since the cells were written [s].
        charge: amplifiers of memcapacitive cells.
        parts, counts: for energy and area.
        device: torch's device.

    Raises:
        InputError, RangeError: a mode that there is not, or a negative age.
    """

    cells: CellProfile
    wires: Wires = field(default_factory=Wires)
    mode: str = "converted"
    age_s: float = 0.0
    charge: ChargeReadout = field(default_factory=ChargeReadout)
    parts: Parts = field(default_factory=Parts)
    counts: Counts = field(default_factory=Counts)
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            got = f"the mode {self.mode!r}"
            raise InputError(wanted(got=got, allowed=", ".join(MODES), remedy="choose one"))
        if not self.age_s >= 0:
            raise RangeError(
                wanted(got=f"an age of {self.age_s} s", allowed="0 or more", remedy="correct --age")
            )

    @property
    def methods(self) -> list[str]:
        """Numbered ways of computing that results depend on."""
        bent = self.cells.law != "ohmic" and self.mode != "exact"
        return [f"chords {CHORD_METHOD}"] if bent else []
