"""Measurement of everything that a check judges, test by test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from crosscal.core.array_types import Matrix, Vectors
from crosscal.core.errors import ImplausibleCurrentError, IncompatibleBoardError
from crosscal.core.port import CrossbarPort
from crosscal.core.readout import Readout
from crosscal.runtime.board_check.behaviour import (
    converter_step,
    linearity_finding,
    range_finding,
    read_back_finding,
    repeatability_finding,
    rest_finding,
    settling_finding,
)
from crosscal.runtime.board_check.findings import Finding, fault, good, unknown
from crosscal.runtime.board_check.transfer import fit_transfer
from crosscal.runtime.board_check.wiring import unit_name, wiring_findings

REPEATS = 32  # readings of one vector: their deviation is known to 13 %, √(1/(2·31))
LEVELS = np.array([0.25, 0.5, 0.75, 1.0])  # of the swing: enough to tell a bend, and currents that fall
AT_ONCE = 64  # vectors between two steps of the progress bar: 0.1 s of a board with 1 ms of aperture

Rest = Callable[[], "np.ndarray | None"]
"""Switches the outputs off and returns the currents that still flow [A], (M,); None if nobody can tell."""


class Examination:
    """Tests of one board in turn; made anew for each check.

    Args:
        port: the board.
        voltage_range_v: lowest and highest input [V].
        rng: draws the vectors.
        progress: told the step, and how many of how many vectors are read.
    """

    def __init__(
        self,
        port: CrossbarPort,
        voltage_range_v: tuple[float, float],
        rng: np.random.Generator,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self._port, self._rng, self._progress = port, rng, progress
        self._low_v, self._high_v = voltage_range_v
        self._rows, self._columns = port.shape
        self._step = 0.0

    def findings(self, target_s: Matrix | None, rest: Rest | None) -> Iterator[Finding]:
        """Run the tests in turn; readings that are refused end them with that finding.

        Args:
            target_s: the matrix on the board [S], (N, M); None if nobody knows it.
            rest: switches the outputs off; None leaves that test out.
        """
        try:
            yield from self._tests(target_s, rest)
        except ImplausibleCurrentError as error:
            yield self._implausible(error)
        except IncompatibleBoardError as error:
            yield fault("readings", f"{error}; nothing else was tested")

    def _tests(self, target_s: Matrix | None, rest: Rest | None) -> Iterator[Finding]:
        vector_v = self._rng.uniform(self._low_v, self._high_v, self._rows)
        repeats = self._read("repeating one vector", np.repeat(vector_v[None], REPEATS, axis=0))
        yield _readable(repeats)
        current_a = np.where(repeats.usable, repeats.current_a, 0.0)
        repeatability, noise_a = repeatability_finding(current_a, repeats.range_a)
        # Two levels: however bent a cell's law is, its current is linear in an input of two levels.
        levels_v = np.array([self._low_v, self._high_v])
        transfer_v = levels_v[self._rng.integers(2, size=(3 * self._rows + 20, self._rows))]
        parts = list(self._parts("transfer matrix", transfer_v))
        # Of the first part: the last may be too short to show a step.
        self._step = converter_step(parts[0].current_a) / parts[0].range_a
        answers = _joined(parts)
        transfer = fit_transfer(transfer_v, answers.current_a, answers.usable)
        if target_s is None:
            yield unknown("wiring", "no matrix is known to be programmed; --program writes one")
        else:
            yield from wiring_findings(transfer, target_s)
        yield self._linearity(noise_a)
        yield repeatability
        yield self._settling(vector_v, noise_a)
        yield self._ranges(noise_a)
        if target_s is not None and "READBACK" in self._port.capabilities:
            yield self._read_back(target_s, transfer.slope_s)
        if rest is not None:
            yield self._rest(rest, noise_a)

    def _rest(self, rest: Rest, noise_a: np.ndarray) -> Finding:
        # In one range throughout, as every range has offsets of its own.
        with self._one_range():
            readout = self._read("rest", self._undriven_and_driven(8))
            rested_a = rest()
        if rested_a is None:
            return unknown(
                "rest",
                "no reading shows the outputs at rest (a class may have read_resting); put a voltmeter on a "
                "row",
            )
        current_a = np.nan_to_num(readout.current_a)
        return rest_finding(
            current_a[:8].mean(axis=0),
            current_a[8:].mean(axis=0),
            np.nan_to_num(rested_a),
            noise_a,
            self._step * readout.range_a,
        )

    def _undriven_and_driven(self, repeats: int) -> Vectors:
        """Vectors of 0 V, at which outputs rest, then as many of the highest input."""
        return np.repeat([[0.0], [self._high_v]], repeats, axis=0) * np.ones(self._rows)

    @contextmanager
    def _one_range(self) -> Iterator[None]:
        """Stay in the range that suits the largest currents, on boards that have several."""
        port: Any = self._port
        if len(getattr(port, "ranges_a", ())) < 2:
            yield
            return
        was_auto, was_a = port.range_auto, port.range_a
        try:
            port.range_a = self._read("rest", self._undriven_and_driven(1)).range_a
            yield
        finally:
            port.range_a = was_a
            port.range_auto = was_auto

    def _read_back(self, target_s: Matrix, slope_s: Matrix) -> Finding:
        self._tell("read-back", 0, 1)
        try:
            read_back_s = self._port.read_conductance()
        except IncompatibleBoardError as error:
            return fault("read-back", str(error))
        return read_back_finding(read_back_s, target_s, slope_s)

    def _implausible(self, error: ImplausibleCurrentError) -> Finding:
        possible_a = (
            self._port.conductance_limits_s[1] * max(abs(self._low_v), abs(self._high_v)) * self._rows
        )
        name = unit_name(error.largest_a / possible_a)
        looks = f"they look like {name}; give amperes" if name else "give amperes"
        return fault(
            "unit",
            f"currents up to {error.largest_a:.3g} A, beyond every range ({error.most_a:.3g} A) and "
            f"{error.largest_a / possible_a:.2g} times the most that cells can pass: {looks}; nothing else "
            "was tested",
        )

    def _linearity(self, noise_a: np.ndarray) -> Finding:
        # Levels count from 0 V where the window holds it, else from its lower end.
        base_v = 0.0 if self._low_v <= 0.0 else self._low_v
        full_v = np.full(self._rows, self._high_v)
        vectors_v = np.concatenate(
            [[np.full(self._rows, base_v)], base_v + LEVELS[:, None] * (full_v - base_v)]
        )
        readout = self._read("linearity", np.repeat(vectors_v, 4, axis=0))
        mean_a = np.nan_to_num(readout.current_a).reshape(len(vectors_v), 4, -1).mean(axis=1)
        return linearity_finding(LEVELS, mean_a[1:] - mean_a[0], noise_a)

    def _settling(self, vector_v: np.ndarray, noise_a: np.ndarray) -> Finding:
        full_v = np.full(self._rows, self._high_v)
        low_v = self._low_v + 0.1 * (vector_v - self._low_v)
        readout = self._read("settling", np.tile(np.stack([full_v, low_v, low_v]), (16, 1)))
        current_a = np.nan_to_num(readout.current_a).reshape(16, 3, -1)
        return settling_finding(current_a[:, 1], current_a[:, 2], noise_a, self._step * readout.range_a)

    def _ranges(self, noise_a: np.ndarray) -> Finding:
        port: Any = self._port
        ranges_a = getattr(port, "ranges_a", ())
        if len(ranges_a) < 2:
            return unknown("range changes", "the board has one range")
        was_auto, was_a = port.range_auto, port.range_a
        readings: dict[float, np.ndarray] = {}
        try:
            for range_a in ranges_a:
                port.range_a = range_a
                readout = self._read(f"range {range_a:.3g} A", self._undriven_and_driven(8))
                if readout.usable.all() and len(readings) < 2:
                    current_a = readout.current_a
                    readings[readout.range_a] = current_a[8:] - current_a[:8].mean(axis=0)
        finally:
            port.range_a = was_a
            port.range_auto = was_auto
        return range_finding(readings, noise_a, self._step)

    def _read(self, step: str, voltage_v: Vectors) -> Readout:
        return _joined(list(self._parts(step, voltage_v)))

    def _parts(self, step: str, voltage_v: Vectors) -> Iterator[Readout]:
        for start in range(0, len(voltage_v), AT_ONCE):
            self._tell(step, start, len(voltage_v))
            yield self._port.read(voltage_v[start : start + AT_ONCE])
        self._tell(step, len(voltage_v), len(voltage_v))

    def _tell(self, step: str, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(step, done, total)


def _joined(parts: list[Readout]) -> Readout:
    return Readout(
        current_a=np.concatenate([part.current_a for part in parts]),
        status=np.concatenate([part.status for part in parts]),
        range_a=max(part.range_a for part in parts),
    )


def _readable(readout: Readout) -> Finding:
    """Judge the status bits of ordinary readings."""
    test = "readings"
    bad = ~readout.usable
    if not bad.any():
        return good(test, "every reading is inside its range")
    columns = ", ".join(str(column + 1) for column in np.flatnonzero(bad.any(axis=0))[:8])
    return fault(
        test,
        f"{bad.mean():.0%} of the readings are over range or missing (columns {columns}, counted from 1); "
        "use a higher range or smaller inputs, and check those amplifiers",
    )
