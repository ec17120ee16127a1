"""Port to a crossbar: the interface that physical, simulated and Python boards share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import numpy as np

from crosscal.core.array_types import Currents, Matrix, Vectors
from crosscal.core.readout import Readout


@contextmanager
def undisturbed(port: CrossbarPort) -> Iterator[Callable[[], None]]:
    """Have a board for this program alone, where it can be shared at all.

    Args:
        port: the board; one without a method `undisturbed` has no other clients.

    Yields:
        A function that raises `DisturbedError` if another client changed the board since its last call.

    Raises:
        BoardConnectionError: another client goes on using the board; the message names it.
    """
    hold = getattr(port, "undisturbed", None)
    if hold is None:
        yield lambda: None
        return
    with hold() as check:
        yield check


def known_target(port: CrossbarPort) -> Matrix | None:
    """Ask for the matrix that a board was last programmed with [S], (N, M); None if nobody knows it."""
    if "PROG" not in port.capabilities:
        return None
    target_s = port.target_s
    return target_s if bool(np.isfinite(target_s).all()) and bool(np.any(target_s)) else None


@contextmanager
def target_restored(
    port: CrossbarPort,
    *,
    is_ours: Callable[[Matrix], bool] | None = None,
    told: Callable[[bool | None], object] | None = None,
) -> Iterator[None]:
    """Write the matrix found on a board again at the end, whatever happens meanwhile.

    Args:
        port: the board.
        is_ours: tells a target of the block from one that another client has programmed, for blocks during
            which others may use the board; theirs is left alone. None: all are ours.
        told: called at the end: True if the matrix was written again, False if another client's was left
            alone, None if no matrix was known.
    """
    found_s = known_target(port)
    try:
        yield
    finally:
        restored = None
        if found_s is not None:
            restored = is_ours is None or is_ours(port.target_s)
            if restored:
                port.program(found_s)
        if told is not None:
            told(restored)


@runtime_checkable
class CrossbarPort(Protocol):
    """A crossbar with `N` rows (inputs) and `M` columns (outputs) that can be programmed and read."""

    @property
    def shape(self) -> tuple[int, int]:
        """`(N, M)`."""
        ...

    @property
    def identity(self) -> str:
        """Maker, model, serial number and firmware, as the board gives them."""
        ...

    @property
    def capabilities(self) -> frozenset[str]:
        """Optional command groups present, such as `READBACK`, `SEQ`, `TEMP`, `SIM`."""
        ...

    @property
    def conductance_limits_s(self) -> tuple[float, float]:
        """Smallest and largest conductance that a cell can be programmed to [S]."""
        ...

    @property
    def target_s(self) -> Matrix:
        """The matrix last asked for [S], (N, M)."""
        ...

    @property
    def temperature_c(self) -> float | None:
        """The board's temperature [°C]; None if it has no thermometer."""
        ...

    def program(self, conductance_s: Matrix) -> Any:
        """Program a target matrix [S], (N, M), and return the board's report of the run."""
        ...

    def read_conductance(self) -> Matrix:
        """Measure the conductance of every cell [S], (N, M)."""
        ...

    def read(self, voltage_v: Vectors) -> Readout:
        """Apply input vectors [V], (N,) or (B, N), and return currents with their status bits, (B, M)."""
        ...

    def measure(self, voltage_v: Vectors) -> Currents:
        """Apply input vectors [V], (N,) or (B, N), and return currents [A], (M,) or (B, M)."""
        ...

    def settings(self) -> dict[str, Any]:
        """Read every setting the board answers to, by its SCPI header."""
        ...
