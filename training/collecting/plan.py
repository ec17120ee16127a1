"""Plan of a collection, and its progress."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np

from crosscal.core.array_types import Matrix, Vectors
from crosscal.core.errors import InputError, RangeError, ShapeError, wanted
from crosscal.training.collecting.board_description import BoardDescription
from crosscal.training.collecting.draws import MatrixDraw
from crosscal.training.collecting.inputs import PAPER_VOLTAGE_RANGE_V, Segment, draw_vectors, parse_inputs


class PaperWindow(TypedDict):
    """Ranges of a `CollectionPlan` as keyword arguments."""

    conductance_range_s: tuple[float, float]
    voltage_range_v: tuple[float, float]


PAPER_WINDOW: PaperWindow = {
    "conductance_range_s": (16.6e-6, 100e-6),
    "voltage_range_v": PAPER_VOLTAGE_RANGE_V,
}
"""Ranges of the seed paper's protocol (Rezaeifar et al., MemSys 2025)."""

_ROUNDING = 1e-9
"""Relative excess over a limit that is rounding: converters and text keep more digits than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionPlan:
    """Matrices and inputs to measure; validated on construction.

    Attributes:
        matrices: number of matrices.
        vectors: vectors per matrix.
        inputs: kind of inputs, such as `random`, or parts with counts, such as `random:100,sine:50`.
        seed: seed of matrices and vectors.
        conductance_range_s: range that targets are drawn from [S]; the board's own limits if None.
        voltage_range_v: window of inputs [V]; 0 V to the board's protection if None.
        draw: distribution of a cell within the range, see `MatrixDraw.parse`.
        matrices_s: matrices to program instead of drawn ones, in turn [S], (K, N, M).
        vectors_v: inputs to measure instead of drawn ones [V], (V, N); `vectors` of them in turn.
        read_back: whether a board that can reads every cell back after programming.
        repeats: readings of one vector on the first matrix, after its others: training learns from them how
            noise averages; 0 for none, some hundred to see correlations of as many readings.
        repeats_after_s: time that this matrix stands before them [s]; cells settle after a write.
    """

    matrices: int
    vectors: int
    inputs: str = "random"
    seed: int
    conductance_range_s: tuple[float, float] | None = None
    voltage_range_v: tuple[float, float] | None = None
    draw: str = "uniform"
    matrices_s: np.ndarray | None = None
    vectors_v: np.ndarray | None = None
    read_back: bool = True
    repeats: int = 0
    repeats_after_s: float = 0.0

    def __post_init__(self) -> None:
        for name, value, least in (
            ("matrices", self.matrices, 1),
            ("vectors", self.vectors, 1),
            ("seed", self.seed, 0),
            ("repeats", self.repeats, 0),
        ):
            if value < least:
                raise InputError(
                    wanted(got=f"{name} = {value}", allowed=f"{least} or more", remedy=f"correct {name}")
                )
        if not (np.isfinite(self.repeats_after_s) and self.repeats_after_s >= 0.0):
            raise RangeError(
                f"got repeats {self.repeats_after_s} s later; allowed: a finite number, 0 or more"
            )
        _require_range("conductances", self.conductance_range_s, "S", least=0.0)
        _require_range("inputs", self.voltage_range_v, "V", least=-np.inf)
        for name, given, rank in (("matrices_s", self.matrices_s, 3), ("vectors_v", self.vectors_v, 2)):
            if given is not None and (given.ndim != rank or not given.size or not np.isfinite(given).all()):
                raise ShapeError(
                    wanted(
                        got=f"{name} of shape {given.shape}",
                        allowed=f"finite numbers of rank {rank}, one or more",
                        remedy="give (K, N, M) siemens or (V, N) volts",
                    )
                )
        MatrixDraw.parse(self.draw)
        self.segments()

    def segments(self) -> tuple[Segment, ...]:
        """Return the parts of `inputs`, in the order they are measured."""
        return parse_inputs(self.inputs, self.vectors)

    def resolved(self, board: BoardDescription) -> CollectionPlan:
        """Fill in all that was left to the board, and check the whole against its limits.

        Raises:
            RangeError: conductances or inputs that the board does not reach.
            ShapeError: given matrices or vectors of another size than the board.
        """
        limits_s = board.conductance_limits_s
        given_s, given_v = self.matrices_s, self.vectors_v
        rows, columns = board.shape
        if given_s is not None and given_s.shape[1:] != (rows, columns):
            raise _wrong_size("matrices", given_s.shape[1:], (rows, columns))
        if given_v is not None and given_v.shape[1:] != (rows,):
            raise _wrong_size("vectors", given_v.shape[1:], (rows,))
        protection_v = float(board.settings.get("SOUR:VOLT:PROT", np.inf))
        range_s = _extent(given_s) or self.conductance_range_s or limits_s
        range_v = _extent(given_v) or self.voltage_range_v or (min(0.0, protection_v), protection_v)
        if not np.isfinite(range_v).all():
            raise RangeError(
                wanted(
                    got="a board that tells no protection",
                    allowed="a window of inputs",
                    remedy="give --voltage LOW:HIGH",
                )
            )
        _require_reached("conductances", range_s, limits_s, "S", "ask for a range inside the board's limits")
        _require_reached(
            "inputs",
            range_v,
            (-protection_v, protection_v),
            "V",
            "ask for smaller inputs: the board's protection is what its cells are meant to bear",
        )
        if given_s is None:
            _require_reached(
                "conductances",
                MatrixDraw.parse(self.draw).within(*range_s),
                limits_s,
                "S",
                "draw cells that are off at a conductance that the board reaches; at 0 S only where its "
                "limits begin there",
            )
        return replace(self, conductance_range_s=range_s, voltage_range_v=range_v)

    def draw_matrix(self, shape: tuple[int, int], index: int) -> tuple[Matrix, Vectors]:
        """Draw target [S], (N, M), and inputs [V], (V, N), of matrix `index` of a resolved plan.

        The target comes first, so that runs of one seed share their targets whatever their inputs.
        """
        if self.conductance_range_s is None or self.voltage_range_v is None:
            raise InputError("a plan is resolved for its board before matrices are drawn")
        rng = np.random.default_rng([self.seed, index])
        if self.matrices_s is None:
            target_s = MatrixDraw.parse(self.draw).draw(*self.conductance_range_s, shape, rng)
        else:
            target_s = self.matrices_s[index % len(self.matrices_s)].astype(float)
        if self.vectors_v is None:
            return target_s, draw_vectors(
                self.segments(), shape[0], rng, voltage_range_v=self.voltage_range_v
            )
        # In turn through all of them: each matrix begins where the one before ended.
        places = (index * self.vectors + np.arange(self.vectors)) % len(self.vectors_v)
        return target_s, self.vectors_v[places].astype(float)

    @property
    def draw_text(self) -> str:
        """Name of the draw as a run.h5 holds it; given matrices by their digest."""
        return self.draw if self.matrices_s is None else f"given:{_digest(self.matrices_s)}"

    @property
    def inputs_text(self) -> str:
        """Name of the inputs as a run.h5 holds them; given vectors by their digest."""
        return self.inputs if self.vectors_v is None else f"given:{_digest(self.vectors_v)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionProgress:
    """How far a collection is, after each matrix and once at the start.

    Attributes:
        finished, total: matrices.
        readings: currents measured by this call so far.
        unusable: of these, saturated or missing.
        cells_failed: cells that write-verify gave up on.
    """

    finished: int
    total: int
    readings: int
    unusable: int
    cells_failed: int


def _require_range(name: str, given: tuple[float, float] | None, unit: str, *, least: float) -> None:
    if given is None:
        return
    low, high = given
    if not (np.isfinite([low, high]).all() and least <= low < high):
        allowed = "two finite numbers, low before high" + (
            f", {least:g} or more" if np.isfinite(least) else ""
        )
        raise RangeError(
            wanted(
                got=f"{name} from {low} to {high} {unit}", allowed=allowed, remedy=f"give LOW:HIGH in {unit}"
            )
        )


def _require_reached(
    name: str, asked: tuple[float, float], limits: tuple[float, float], unit: str, remedy: str
) -> None:
    slack = _ROUNDING * max(abs(limits[0]), abs(limits[1]))
    if asked[0] < limits[0] - slack or asked[1] > limits[1] + slack:
        raise RangeError(
            wanted(
                got=f"{name} from {asked[0]:.4g} to {asked[1]:.4g} {unit}",
                allowed=f"what the board reaches, {limits[0]:.4g} to {limits[1]:.4g} {unit}",
                remedy=remedy,
            )
        )


def _wrong_size(name: str, got: tuple[int, ...], allowed: tuple[int, ...]) -> ShapeError:
    return ShapeError(
        wanted(got=f"{name} of {got}", allowed=f"{allowed}, the board's", remedy="give them for this board")
    )


def _extent(given: np.ndarray | None) -> tuple[float, float] | None:
    return None if given is None else (float(given.min()), float(given.max()))


def _digest(given: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(given, dtype=float).tobytes()).hexdigest()[:16]
