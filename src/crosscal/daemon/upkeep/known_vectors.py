"""Measurement of known vectors on a board, with the time that it took from it."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from crosscal.core.array_types import Currents, Vectors
from crosscal.core.readout import UNUSABLE
from crosscal.firmware_models import Hardware
from crosscal.firmware_models.acquisition import Acquisition
from crosscal.firmware_models.board_settings import BoardSettings

AT_ONCE = 16
"""Vectors between two looks at clients: some 20 ms with an aperture of 1 ms."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownReadings:
    """Readings of known vectors.

    Attributes:
        voltage_v: the vectors [V], (K, N).
        measured_a: measured [A], (K, M); NaN where not usable.
        current_a: the same, referred to the conditions that the calibration has learned in.
        present_a: the same, referred to the range and the temperature, but not to the age of the matrix: what
            a calibration learns from.
        range_index: their range; None where they were read in several.
        temperature_c: of the board; None where it is not known.
        board_s: time that it took from the board [s].
        over_temperature: the board was too hot, or a driver at its limit: nothing of it counts.
    """

    voltage_v: Vectors
    measured_a: Currents
    current_a: Currents
    present_a: Currents
    board_s: float
    over_temperature: bool
    range_index: int | None = None
    temperature_c: float | None = None

    @property
    def usable(self) -> np.ndarray:
        """Where there is a reading, (K, M)."""
        return np.isfinite(self.current_a)

    def referred(
        self, refer: Callable[[Currents], Currents], factor: float, temperature_c: float | None
    ) -> Self:
        """Return them with their currents referred to other conditions.

        Args:
            refer: to the range and temperature. factor: by which ageing has changed currents.
            temperature_c: of the board.
        """
        present_a = refer(self.measured_a)
        return replace(self, current_a=present_a / factor, present_a=present_a, temperature_c=temperature_c)


@dataclass(slots=True)
class VectorReader:
    """Reads known vectors with the board's settings of power-on, whatever clients have set.

    Attributes:
        hardware: the board.
        monotonic: evenly running time [s].
        board_s: time taken from the board so far [s].
    """

    hardware: Hardware
    monotonic: Callable[[], float]
    board_s: float = 0.0
    _settings: BoardSettings = field(init=False)
    _range_index: int = field(init=False)

    def __post_init__(self) -> None:
        self._settings = BoardSettings(self.hardware)
        self._range_index = self._settings.range_index

    @property
    def vector_s(self) -> float:
        """Time of one vector [s]."""
        return self._settings.dwell_s + self._settings.aperture_s

    @property
    def range_index(self) -> int:
        """Range of the latest slice."""
        return self._range_index

    def slices(self, voltage_v: Vectors) -> Iterator[KnownReadings]:
        """Read vectors a few at a time; the board may be used by others in between."""
        for first in range(0, len(voltage_v), AT_ONCE):
            yield self._read(voltage_v[first : first + AT_ONCE])

    def read(self, voltage_v: Vectors) -> KnownReadings:
        """Read vectors at once."""
        return joined(list(self.slices(voltage_v)))

    def read_in(self, range_index: int, voltage_v: Vectors) -> KnownReadings:
        """Read vectors in one range, whatever saturates."""
        return self._read(voltage_v, range_index)

    def _read(self, voltage_v: Vectors, held_index: int | None = None) -> KnownReadings:
        settings, columns = self._settings, self.hardware.facts.columns
        began_s = self.monotonic()
        run = Acquisition(
            hardware=self.hardware,
            voltage_v=array("d", np.ascontiguousarray(voltage_v, dtype=float).tobytes()),
            range_index=self._range_index if held_index is None else held_index,
            auto_range=held_index is None,
            aperture_s=settings.aperture_s,
            averages=1,
            dwell_s=settings.dwell_s,
        )
        vectors = len(voltage_v)
        while run.step():
            # Another pass over the same vectors in another range, or more of them.
            vectors += len(voltage_v) if not run.trace.points else 0
        if held_index is None:
            self._range_index = run.range_index
        took_s = max(self.monotonic() - began_s, vectors * self.vector_s)
        self.board_s += took_s
        current_a = np.array(run.trace.current_a).reshape(-1, columns)
        status = np.frombuffer(bytes(run.trace.status), np.uint8).reshape(-1, columns)
        measured_a = np.where((status & int(UNUSABLE)) != 0, np.nan, current_a)
        return KnownReadings(
            voltage_v=voltage_v,
            measured_a=measured_a,
            current_a=measured_a,
            present_a=measured_a,
            board_s=took_s,
            over_temperature=run.over_temperature or run.compliance,
            range_index=run.range_index,
        )


def joined(parts: list[KnownReadings]) -> KnownReadings:
    """Join readings that were made one after the other."""
    ranges = {part.range_index for part in parts}
    return KnownReadings(
        voltage_v=np.concatenate([part.voltage_v for part in parts]),
        measured_a=np.concatenate([part.measured_a for part in parts]),
        current_a=np.concatenate([part.current_a for part in parts]),
        present_a=np.concatenate([part.present_a for part in parts]),
        board_s=sum(part.board_s for part in parts),
        over_temperature=any(part.over_temperature for part in parts),
        range_index=ranges.pop() if len(ranges) == 1 else None,
        temperature_c=parts[-1].temperature_c,
    )
