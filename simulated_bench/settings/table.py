"""Base of the tables of a `bench.toml`, and the numbers that they hold."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from crosscal.core.physical_constants import ZERO_CELSIUS_K

# Upper bounds are there to refuse infinities and slips of the unit, not to judge what is sensible.
Positive = Annotated[float, Meta(gt=0.0, le=1e9)]
NonNegative = Annotated[float, Meta(ge=0.0, le=1e9)]
Number = Annotated[float, Meta(ge=-1e9, le=1e9)]
Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
Celsius = Annotated[float, Meta(gt=-ZERO_CELSIUS_K, le=1000.0)]
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Lines = Annotated[int, Meta(ge=1, le=4096)]
Bits = Annotated[int, Meta(ge=4, le=48)]


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, repr_omit_defaults=True):
    """A table of the file: unknown keys are refused."""
