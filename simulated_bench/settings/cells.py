"""Tables of a `bench.toml` on cells in their array: heat of their currents, and tails of their errors."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from crosscal.simulated_bench.settings.table import Fraction, NonNegative, Table


class HeatingSettings(Table, frozen=True, kw_only=True):
    """`[heating]`: cells are warmed by their own power and by their neighbours'.

    A watt in a cell warms it by `resistance_k_per_w`, and a cell that is r rows and c columns away by the
    part `neighbour_part`^(r + c) of that. Warmth acts through the temperature keys of `[device]`.
    """

    resistance_k_per_w: NonNegative = 0.0
    neighbour_part: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.0


class TailSettings(Table, frozen=True, kw_only=True):
    """`[tails]`: part of the cells whose error after programming has a long tail.

    Each cell is one of them with the chance `share` at every write; its conductance is then multiplied by a
    log-normal number with the deviation `spread` of its logarithm.
    """

    share: Fraction = 0.0
    spread: NonNegative = 0.0
