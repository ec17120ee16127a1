"""Port to an array that is trained in place: products both ways, and updates by pulses."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class PulsedArray(Protocol):
    """Weights of −1 to 1, (K, O), as cells against a reference. Arrays are torch tensors."""

    @property
    def levels(self) -> int:
        """Pulses from one end of the range to the other."""
        ...

    def multiply(self, inputs: Any) -> Any:
        """Drive the rows with (B, K), within ±1, and convert the columns: (B, O)."""
        ...

    def multiply_back(self, errors: Any) -> Any:
        """Drive the columns with (B, O), within ±1, and convert the rows: (B, K)."""
        ...

    def pulse(self, pulses: Any) -> None:
        """Give each cell whole numbers of pulses, (K, O): above 0 to raise it, below to lower it."""
        ...

    def settle(self) -> None:
        """Take account of what has changed: wires lose more the higher cells are."""
        ...

    def state(self) -> Any:
        """Return everything that a training needs to go on, as plain values and tensors."""
        ...

    def restore(self, state: Any) -> None:
        """Go on from a state."""
        ...


@runtime_checkable
class PulsedTiles(Protocol):
    """Tiles that arrays are laid out in."""

    def array(self, weights: Any) -> PulsedArray:
        """Write weights of −1 to 1, (K, O), into an array of its own."""
        ...
