"""Fluctuations of a cell's conductance while it is read: white, 1/f and telegraph noise, published laws."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.simulated_bench.settings.table import Fraction, NonNegative, Number, Positive, Table

LEAST_PART = 1e-9
"""Of full scale: keeps a power of the conductance finite."""


class NoFlicker(Table, frozen=True, kw_only=True, tag_field="law", tag="none"):
    """`[flicker] law = "none"`: cells have no 1/f noise."""


class PcmFlicker(Table, frozen=True, kw_only=True, tag_field="law", tag="pcm"):
    """`[flicker] law = "pcm"`: 1/f noise of phase-change memory, 0–25 µS.

    Relative deviation of a reading that takes t_r, of a cell that was written the time t ago:
    q·sqrt(ln((t + t_r)/(2·t_r))), q = min(amplitude·g^−exponent, most), g = G / full_scale_s. The publication
    read for 250 ns; this board reads for aperture × averages.

    Attributes:
        amplitude, exponent, most: of q.
        full_scale_s: [S].
        start_s: the youngest age [s]; until time passes after a write, a cell has none.
        scale: multiplies the deviation.

    Reference:
        Joshi et al. (2020) and Nandakumar et al. (2019), as `PcmDrift`.
    """

    amplitude: NonNegative = 0.0088
    exponent: Number = 0.65
    most: NonNegative = 0.2
    full_scale_s: Positive = 25e-6
    start_s: Positive = 20.0
    scale: NonNegative = 1.0

    def strength(self, conductance_s: Matrix, written_s: Matrix) -> Matrix:
        """Return the q of cells, relative deviation per square root of an e-fold of frequency.

        Joshi et al. give it by what was written, so it does not grow as the cell drifts.
        """
        del conductance_s
        part = np.maximum(written_s / self.full_scale_s, LEAST_PART)
        return self.scale * np.minimum(self.amplitude * part**-self.exponent, self.most)


class CmoHfoxFlicker(Table, frozen=True, kw_only=True, tag_field="law", tag="cmo-hfox"):
    """`[flicker] law = "cmo-hfox"`: 1/f noise of CMO/HfOx RRAM, about 9–90 µS.

    As `PcmFlicker`, with q = amplitude_s·log10(G/µS)/G, and 0 below 1 µS.

    Attributes:
        amplitude_s: [S].
        start_s: the youngest age [s]; until time passes after a write, a cell has none.
        scale: multiplies the deviation.

    Reference:
        Lombardo et al., Device Research Conference (2024); 0.02773 µS as in IBM's analog hardware
        acceleration kit.
    """

    amplitude_s: NonNegative = 0.0277316483e-6
    start_s: Positive = 1.0
    scale: NonNegative = 1.0

    def strength(self, conductance_s: Matrix, written_s: Matrix) -> Matrix:
        """Return the q of cells as they are now, relative deviation per square root of an e-fold."""
        del written_s
        micro = np.maximum(conductance_s * 1e6, 1.0)
        return self.scale * self.amplitude_s * 1e6 * np.log10(micro) / micro


class FilamentFlicker(Table, frozen=True, kw_only=True, tag_field="law", tag="filamentary"):
    """`[flicker] law = "filamentary"`: 1/f noise of filamentary RRAM.

    As `PcmFlicker`, with a q of all conductances alike, such that a reading of `aperture_s` of a cell of
    `age_s` deviates by `change`. In its place, `noise.cell_relative` is white: ten times as large in a
    hundredth of the time, where 1/f noise hardly changes.

    Attributes:
        change: relative deviation.
        aperture_s, age_s: where it holds [s].
        start_s: the youngest age [s]; until time passes after a write, a cell has none.
        scale: multiplies the deviation.

    Reference:
        IBM's analog hardware acceleration kit, presets of RRAM: about 1 % of short-term read noise, bandwidth
        not given; that it is 1/f noise, and 1 ms at one second, are this project's.
    """

    change: NonNegative = 0.01
    aperture_s: Positive = 1e-3
    age_s: Positive = 1.0
    start_s: Positive = 1.0
    scale: NonNegative = 1.0

    def __post_init__(self) -> None:
        if self.age_s <= self.aperture_s:
            got = f"age_s: got {self.age_s:g} s"
            raise ValueError(f"{got}; allowed: above aperture_s ({self.aperture_s:g} s)")

    def strength(self, conductance_s: Matrix, written_s: Matrix) -> Matrix:
        """Return the q of cells, relative deviation per square root of an e-fold of frequency."""
        del written_s
        folds = math.log((self.age_s + self.aperture_s) / (2.0 * self.aperture_s))
        return np.full(np.shape(conductance_s), self.scale * self.change / math.sqrt(folds))


class NoTelegraph(Table, frozen=True, kw_only=True, tag_field="law", tag="none"):
    """`[telegraph] law = "none"`: no cell switches between two levels."""


class FilamentTelegraph(Table, frozen=True, kw_only=True, tag_field="law", tag="filamentary"):
    """`[telegraph] law = "filamentary"`: a trap beside the filament raises R by ΔR while it is charged.

    ΔR/R goes from `low_change` at `low_ohm` to `high_change` at `high_ohm` as a power of R, and stays there
    beyond: a thin filament is blocked more. With `growth = "linear"` it is proportional to R from `low_ohm`
    on until it reaches `high_change`, as Ielmini et al. find, and `high_ohm` is not used. A trap is charged
    for the share `charged_share` of the time and forgets its state after a time that is exponential with a
    mean of its own, spread evenly in its logarithm
    between `fastest_s` and `slowest_s`; so charging and discharging are a Markov process.

    Attributes:
        low_change, high_change: ΔR/R.
        low_ohm, high_ohm: where these hold [Ω].
        cell_share: part of the cells that have a trap.
        charged_share: part of the time that a trap is charged.
        fastest_s, slowest_s: [s].
        growth: of ΔR/R with R.

    Reference:
        Ielmini et al., "Resistance-dependent amplitude of random telegraph-signal noise in resistive
        switching memories", Applied Physics Letters 96 (2010) 053503: the growth with R. The ends, 2.8 % and
        50 %, are published figures of low and high resistance; 10 kΩ and 1 MΩ, and the times, are this
        project's.
    """

    low_change: NonNegative = 0.028
    high_change: NonNegative = 0.5
    low_ohm: Positive = 10e3
    high_ohm: Positive = 1e6
    cell_share: Fraction = 1.0
    charged_share: Fraction = 0.5
    fastest_s: Positive = 1e-2
    slowest_s: Positive = 1e3
    growth: Literal["power", "linear"] = "power"

    def __post_init__(self) -> None:
        if not 0 < self.low_change <= self.high_change:
            raise ValueError(
                f"low_change: got {self.low_change:g}; allowed: above 0, at most high_change "
                f"({self.high_change:g})"
            )
        for low, high in (("low_ohm", "high_ohm"), ("fastest_s", "slowest_s")):
            if getattr(self, low) >= getattr(self, high):
                raise ValueError(f"{low}: got {getattr(self, low):g}; allowed: below {high}")

    def change(self, conductance_s: Matrix) -> Matrix:
        """Return ΔR/R of cells, of their shape."""
        if self.growth == "linear":
            power, most_ohm = 1.0, self.low_ohm * self.high_change / self.low_change
        else:
            power = math.log(self.high_change / self.low_change) / math.log(self.high_ohm / self.low_ohm)
            most_ohm = self.high_ohm
        resistance_ohm = 1.0 / np.maximum(conductance_s, 1.0 / most_ohm)
        change = self.low_change * (resistance_ohm / self.low_ohm) ** power
        return np.clip(change, self.low_change, self.high_change)


FlickerSettings = NoFlicker | PcmFlicker | CmoHfoxFlicker | FilamentFlicker
TelegraphSettings = NoTelegraph | FilamentTelegraph
