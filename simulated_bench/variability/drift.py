"""Drift of cells after they were written: published laws of conductance, age and a cell's own quantile.

A law is a function of the cell's age and of one standard normal number that the cell drew when it was
written. So a conductance depends on the time that has passed, and not on the steps of time. Ages
below the first that a publication measured count as that one; a cell of age 0 stands where it was written.

Publications give the spread of many cells at an age, not the path of one cell. `path = "walk"`: a random
walk, each change independent of those before. `path = "line"`: the number that a cell drew holds for life.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from crosscal.simulated_bench.settings.table import NonNegative, Number, Positive, Table
from crosscal.simulated_bench.temperature import arrhenius_factor
from crosscal.simulated_bench.variability.programming_error import Wan2022OneDay, Wan2022OneSecond
from crosscal.simulated_bench.variability.random_walk import walking_quantile

LEAST_PART = 1e-9
"""Of full scale: keeps the logarithm of a cell without conductance finite."""

E_FOLDS = 40.0
"""Of time after `start_s` in which a cell walks: 7 thousand million years after one second."""

Path = Literal["walk", "line"]


class NoDrift(Table, frozen=True, kw_only=True, tag_field="law", tag="none"):
    """`[drift] law = "none"`: cells stay as they were written."""

    def pace(self, temperature_c: float) -> float:
        """Return 1: cells that do not age do so at any temperature."""
        del temperature_c
        return 1.0


class DriftTable(Table, frozen=True, kw_only=True, tag_field="law"):
    """Keys of every `[drift]` law: what a temperature other than 25 °C does to the pace of ageing.

    Attributes:
        activation_energy_ev: E; a second at T ages a cell as exp(−E/k·(1/T − 1/298.15 K)) seconds at 25 °C.
    """

    activation_energy_ev: Annotated[float, Meta(ge=0.0, le=3.0)] = 0.0

    def pace(self, temperature_c: float) -> float:
        """Return how many times as fast as at 25 °C cells age."""
        return float(arrhenius_factor(self.activation_energy_ev, temperature_c))


class PcmDrift(DriftTable, frozen=True, kw_only=True, tag="pcm"):
    """`[drift] law = "pcm"`: amorphous phase-change material relaxes, G = G0·(t/t0)^−ν, 0–25 µS.

    Every cell has its own ν, normal with mean clip(a·ln g + b) and deviation clip(c·ln g + d); g = G0 /
    full_scale_s. A ν below 0 counts as 0 (`below_zero = "cut"`) or as its magnitude (`"mirrored"`, as in
    IBM's analog hardware acceleration kit).

    Attributes:
        start_s: t0 [s].
        full_scale_s: [S].
        mean_slope, mean_offset, mean_least, mean_most: a, b and the limits of the mean.
        spread_slope, spread_offset, spread_least, spread_most: c, d and the limits of the deviation.
        scale: multiplies ν.
        below_zero: what a ν below 0 counts as.

    Reference:
        Joshi et al., Nature Communications 11 (2020) 2473; Nandakumar et al., "Phase-change memory models for
        deep learning training and inference", IEEE ICECS (2019) 727.
    """

    start_s: Positive = 20.0
    full_scale_s: Positive = 25e-6
    mean_slope: Number = -0.0155
    mean_offset: Number = 0.0244
    mean_least: NonNegative = 0.049
    mean_most: NonNegative = 0.1
    spread_slope: Number = -0.0125
    spread_offset: Number = -0.0059
    spread_least: NonNegative = 0.008
    spread_most: NonNegative = 0.045
    scale: NonNegative = 1.0
    below_zero: Literal["cut", "mirrored"] = "cut"

    def __post_init__(self) -> None:
        for name in ("mean", "spread"):
            least, most = getattr(self, f"{name}_least"), getattr(self, f"{name}_most")
            if least > most:
                raise ValueError(f"{name}_least: got {least:g}; allowed: at most {name}_most ({most:g})")

    def exponent(self, written_s: np.ndarray, quantile: np.ndarray) -> np.ndarray:
        """Return the ν of cells from their written conductance [S] and their quantile, of one shape."""
        log_part = np.log(np.maximum(written_s / self.full_scale_s, LEAST_PART))
        mean = np.clip(self.mean_slope * log_part + self.mean_offset, self.mean_least, self.mean_most)
        spread = self.spread_slope * log_part + self.spread_offset
        spread = np.clip(spread, self.spread_least, self.spread_most)
        exponent = mean + spread * quantile
        return self.scale * (np.abs(exponent) if self.below_zero == "mirrored" else np.maximum(exponent, 0.0))

    def aged_s(self, written_s: np.ndarray, age_s: np.ndarray, quantile: np.ndarray) -> np.ndarray:
        """Return the conductance of cells of an age [S]; all arrays of one shape."""
        age = np.maximum(age_s / self.start_s, 1.0)
        return written_s * age ** -self.exponent(written_s, quantile)


class CmoHfoxDrift(DriftTable, frozen=True, kw_only=True, tag="cmo-hfox"):
    """`[drift] law = "cmo-hfox"`: all cells sink alike with ln t and spread, about 9–90 µS.

    G = G0 + shift_s·ln t + z·(spread_s + spread_growth_s·ln t), t in seconds from `start_s` on, z the cell's
    quantile; never below 0.

    Attributes:
        start_s: the youngest age [s].
        shift_s, spread_growth_s: change per e-fold of time [S].
        spread_s: deviation at one second [S].
        scale: multiplies all of it.
        path: what z is between two ages.

    Reference:
        Falcone et al., arXiv:2502.04524 (2025): mean −0.089 ln t µS, σ = 0.412 + 0.042 ln t µS; the path of
        a single cell is not published.
    """

    start_s: Annotated[float, Meta(ge=1.0, le=1e9)] = 1.0
    shift_s: Number = -0.089e-6
    spread_s: NonNegative = 0.412e-6
    spread_growth_s: NonNegative = 0.042e-6
    scale: NonNegative = 1.0
    path: Path = "walk"

    def aged_s(self, written_s: np.ndarray, age_s: np.ndarray, quantile: np.ndarray) -> np.ndarray:
        """Return the conductance of cells of an age [S]; all arrays of one shape."""
        log_age = np.log(np.maximum(age_s, self.start_s))
        deviation_s = self.spread_s + self.spread_growth_s * log_age
        if self.path == "walk":
            last_s = self.spread_s + self.spread_growth_s * (math.log(self.start_s) + E_FOLDS)
            quantile = walking_quantile(quantile, (deviation_s / max(last_s, np.finfo(float).tiny)) ** 2)
        change_s = self.shift_s * log_age + quantile * deviation_s
        return np.maximum(written_s + self.scale * change_s, 0.0)


class FilamentDrift(DriftTable, frozen=True, kw_only=True, tag="filamentary"):
    """`[drift] law = "filamentary"`: every RRAM filament wanders by itself, nothing in common, 0–40 µS.

    After `start_s`, the variance grows with ln t by the difference of the published deviations after one
    second and after one day, and on beyond `end_s`: together with `programming_error.law = "wan-2022-1s"` a
    cell has the published deviation at both ages. The first second belongs to that law.

    Attributes:
        start_s, end_s: ages of the two publications [s].
        early_s, late_s: coefficients of the deviations then, as `PolynomialError.coefficients_s` [S].
        full_scale_s: [S].
        scale: multiplies the deviation.
        path: what a cell does between two ages; as a walk it is Brownian motion in ln t.

    Reference:
        Wan et al. (2022), as `Wan2022OneSecond`; the path of a single cell is not published.
    """

    start_s: Positive = 1.0
    end_s: Positive = 86_400.0
    early_s: tuple[Number, ...] = Wan2022OneSecond().coefficients_s
    late_s: tuple[Number, ...] = Wan2022OneDay().coefficients_s
    full_scale_s: Positive = 40e-6
    scale: NonNegative = 1.0
    path: Path = "walk"

    def __post_init__(self) -> None:
        if self.start_s >= self.end_s:
            raise ValueError(f"start_s: got {self.start_s:g} s; allowed: below end_s ({self.end_s:g} s)")
        early_s, late_s = self._deviations_s(np.linspace(0.0, self.full_scale_s, 1001))
        if (early_s > late_s).any() or (early_s < 0).any():
            raise ValueError(
                "early_s and late_s: allowed: deviations of 0 or more that do not shrink with time"
            )

    def aged_s(self, written_s: np.ndarray, age_s: np.ndarray, quantile: np.ndarray) -> np.ndarray:
        """Return the conductance of cells of an age [S]; all arrays of one shape."""
        early_s, late_s = self._deviations_s(written_s)
        e_folds = np.log(np.maximum(age_s / self.start_s, 1.0))
        way = e_folds / math.log(self.end_s / self.start_s)
        if self.path == "walk":
            quantile = walking_quantile(quantile, e_folds / E_FOLDS)
        deviation_s = self.scale * np.sqrt(np.maximum(late_s**2 - early_s**2, 0.0) * way)
        return np.maximum(written_s + deviation_s * quantile, 0.0)

    def _deviations_s(self, conductance_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        part = np.clip(conductance_s / self.full_scale_s, 0.0, 1.0)
        early_s = np.polynomial.polynomial.polyval(part, self.early_s)
        return early_s, np.polynomial.polynomial.polyval(part, self.late_s)


DriftSettings = NoDrift | PcmDrift | CmoHfoxDrift | FilamentDrift
