"""Parts of a tile with their power and area: ISAAC's figures as the default."""

from __future__ import annotations

from dataclasses import dataclass

UM2 = 1e-12  # [m²]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part.

    Attributes:
        power_w: while it works [W].
        area_m2: [m²].
    """

    power_w: float
    area_m2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Parts of a 128×128 crossbar's surroundings, in 32 nm.

    Attributes:
        crossbar: 128×128 cells of 2 bits.
        converters_in: 128 one-bit digital-to-analogue converters.
        sample_and_hold: of 128 columns.
        converter_out: one 8-bit analogue-to-digital converter at `conversions_per_s`.
        shift_and_add: one unit.
        input_register: 2 KB.
        output_register: 256 B.
        cycle_s: one application of a digit [s].
        conversions_per_s: of an analogue-to-digital converter [1/s].

    Reference:
        Shafiee et al., "ISAAC", ISCA 2016, Table I; registers as in the constants of PUMA (ASPLOS 2019).
    """

    crossbar: Part = Part(power_w=0.3e-3, area_m2=25 * UM2)
    converters_in: Part = Part(power_w=0.5e-3, area_m2=21.25 * UM2)
    sample_and_hold: Part = Part(power_w=1.25e-6, area_m2=5 * UM2)
    converter_out: Part = Part(power_w=2e-3, area_m2=1200 * UM2)
    shift_and_add: Part = Part(power_w=0.05e-3, area_m2=60 * UM2)
    input_register: Part = Part(power_w=1.24e-3, area_m2=2100 * UM2)
    output_register: Part = Part(power_w=0.23e-3, area_m2=770 * UM2)
    cycle_s: float = 100e-9
    conversions_per_s: float = 1.28e9


NAMES = (
    "crossbar",
    "converters_in",
    "sample_and_hold",
    "converter_out",
    "shift_and_add",
    "input_register",
    "output_register",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Parts of one crossbar; the defaults are ISAAC's unit of eight crossbars, divided by eight."""

    crossbar: float = 1.0
    converters_in: float = 1.0
    sample_and_hold: float = 1.0
    converter_out: float = 1.0
    shift_and_add: float = 0.5
    input_register: float = 0.125
    output_register: float = 0.125

    def area_m2(self, parts: Parts) -> float:
        """Add up the areas [m²]."""
        return sum(getattr(self, name) * getattr(parts, name).area_m2 for name in NAMES)

    def power_w(self, parts: Parts) -> float:
        """Add up the powers of all parts at work [W]."""
        return sum(getattr(self, name) * getattr(parts, name).power_w for name in NAMES)


UNIT_OF_AREA = Counts(converter_out=2, shift_and_add=2, input_register=1, output_register=1)
"""The one regular unit whose area, times four slices, is Diware et al.'s 21765 µm² to the digit."""

UNIT_OF_ENERGY = Counts(crossbar=2, sample_and_hold=2, shift_and_add=2, input_register=1, output_register=1)
"""A unit whose power, for 800 ns, is their 3738 pJ to the digit; two others fit as well."""
