"""Parasitics of a memcapacitive crossbar: wires, stray capacitances and leakage."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from crosscal.core.errors import InputError, RangeError, wanted
from crosscal.simulated_bench.circuit.wires import Wires


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeParasitics:
    """Wires, stray capacitances and leakage; the defaults are none at all.

    Attributes:
        wires: resistances of wires, of drivers, and before the amplifiers.
        row_line_f: from the row wire to ground, at every cell [F].
        column_line_f: from the column wire to ground, at every cell [F].
        input_f: at the input of each amplifier [F].
        leakage_s: conductance through every cell, in parallel with its capacitance [S].

    Raises:
        RangeError: a value that is negative or not finite.
        InputError: `wires` is something else.
    """

    wires: Wires = field(default_factory=Wires)
    row_line_f: float = 0.0
    column_line_f: float = 0.0
    input_f: float = 0.0
    leakage_s: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.wires, Wires):
            got = f"ChargeParasitics.wires = {self.wires!r}"
            raise InputError(wanted(got=got, allowed="a Wires", remedy="pass wires=Wires(...)"))
        for name in ("row_line_f", "column_line_f", "input_f", "leakage_s"):
            value = getattr(self, name)
            if not 0.0 <= value < math.inf:
                got = f"ChargeParasitics.{name} = {value!r}"
                raise RangeError(wanted(got=got, allowed="finite, 0 or more", remedy="correct it"))
