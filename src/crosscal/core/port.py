"""Port to a crossbar: the interface that physical, simulated and Python boards share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

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
