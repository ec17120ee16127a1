"""Values of written cells: levels, their scatter by a table or a published law, stuck cells, and drift."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from crosscal.core.errors import InputError, SettingsError, wanted
from crosscal.core.network.cell_profile import CellProfile
from crosscal.simulated_bench.charge.variation import factors
from crosscal.simulated_bench.variability.drift import CmoHfoxDrift, FilamentDrift, PcmDrift
from crosscal.simulated_bench.variability.programming_error import (
    Falcone2025,
    Joshi2020,
    Wan2022OneDay,
    Wan2022OneSecond,
)

PROGRAMMING_ERRORS = {
    "wan-2022-1s": Wan2022OneSecond,
    "wan-2022-1day": Wan2022OneDay,
    "joshi-2020": Joshi2020,
    "falcone-2025": Falcone2025,
}
BLOCK = 1 << 18
"""Cells drawn at a time: a layer of VGG8 has 34 million, and a number drawn for each of them takes 270 MB."""

DRIFTS = {"pcm": PcmDrift, "cmo-hfox": CmoHfoxDrift, "filamentary": FilamentDrift}


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenCells:
    """Cells as they were written, and the number that each drew for its drift.

    Attributes:
        value: conductances [S] or capacitances [F], of the codes' shape, in single precision: a cell is known
            to seven digits, and VGG8 has 52 million.
        quantile: standard normal, of the same shape; None where nothing drifts.
        stuck: cells that do not drift, of the same shape.
        drift: name of the law.
    """

    value: np.ndarray
    quantile: np.ndarray | None
    stuck: np.ndarray
    drift: str

    def replaced(self, fresh: WrittenCells, changed: np.ndarray) -> WrittenCells:
        """Return the cells with some of them written afresh; those that are stuck stay as they are."""
        changed = changed & ~self.stuck
        quantile = self.quantile
        if quantile is not None and fresh.quantile is not None:
            quantile = np.where(changed, fresh.quantile, quantile)
        # A cell sticks from the start or never.
        value = np.where(changed & ~fresh.stuck, fresh.value, self.value)
        return replace(self, value=value, quantile=quantile)

    def aged(self, age_s: float) -> np.ndarray:
        """Return the values at an age [s]; 0 is the moment after writing."""
        if self.quantile is None or age_s <= 0:
            return self.value
        law = DRIFTS[self.drift]()
        flat, quantile = self.value.reshape(1, -1), self.quantile.reshape(1, -1)
        aged = law.aged_s(flat, np.full(flat.shape, age_s), quantile).reshape(self.value.shape)
        return np.where(self.stuck, self.value, aged)


def write_cells(codes: np.ndarray, profile: CellProfile, rng: np.random.Generator) -> WrittenCells:
    """Write codes into cells, and draw how far each is off.

    Args:
        codes: any shape, below the profile's number of levels.
        profile: levels and scatter.
        rng: draws everything, in the same order whatever is switched on.

    Raises:
        InputError: a code that the cell has no level for.
        SettingsError: the file of samples cannot be used.
    """
    levels = profile.levels
    if codes.max(initial=0) >= len(levels):
        got = f"code {int(codes.max())} for cells of {len(levels)} levels"
        raise InputError(wanted(got=got, allowed=f"0 to {len(levels) - 1}", remedy="map for these cells"))
    flat = codes.reshape(-1)
    parts = [slice(start, start + BLOCK) for start in range(0, flat.size, BLOCK)]
    value, stuck = np.empty(flat.size, dtype=np.float32), np.zeros(flat.size, dtype=bool)
    deviation = _deviation(profile)
    for part in parts:
        normal, some = rng.standard_normal(flat[part].size), flat[part]
        value[part] = 1.0 if profile.samples else levels[some] + normal * deviation[some]
    for part in parts:
        between = rng.standard_normal(flat[part].size)
        if profile.device_relative:
            value[part] *= factors(profile.device_relative, between)
    low = np.zeros_like(stuck)
    for part in parts:
        lot = rng.random(flat[part].size)
        low[part] = lot < profile.stuck_low
        stuck[part] = lot < profile.stuck_low + profile.stuck_high
    if profile.samples:
        value *= _sampled(flat, read_samples(profile), rng)
    value[stuck] = levels[-1]
    value[low] = levels[0]
    quantile = rng.standard_normal(codes.shape) if profile.drift != "none" else None
    return WrittenCells(
        value=np.maximum(value, 0.0, out=value).reshape(codes.shape),
        quantile=quantile,
        stuck=stuck.reshape(codes.shape),
        drift=profile.drift,
    )


def _deviation(profile: CellProfile) -> np.ndarray:
    """Return the deviation of writing by code, (L,)."""
    if profile.programming_error != "none":
        law = PROGRAMMING_ERRORS[profile.programming_error](scale=profile.error_scale)
        return law.deviation_s(profile.levels)
    given = profile.deviation_s if profile.levels_f is None else profile.deviation_f
    if given is None:
        return np.zeros(profile.levels.shape)
    return profile.error_scale * np.array(given)


def read_samples(profile: CellProfile) -> list[np.ndarray]:
    """Read the measured values of every level from the profile's CSV file.

    Raises:
        SettingsError: no such file, a line that is no `code,value`, or a level without any sample.
    """
    path = Path(profile.samples)
    found: list[list[float]] = [[] for _ in profile.levels]
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            for number, row in enumerate(csv.reader(lines), start=1):
                try:
                    found[int(row[0])].append(float(row[1]))
                except (ValueError, IndexError):
                    if number == 1:
                        continue  # a heading
                    raise SettingsError(
                        f"{path}: line {number}: "
                        + wanted(
                            got=",".join(row),
                            allowed=f"code,value with codes 0 to {len(found) - 1}",
                            remedy="correct that line",
                        )
                    ) from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); correct samples") from error
    for code, values in enumerate(found):
        if not values or not np.isfinite(values).all() or min(values) < 0:
            raise SettingsError(
                f"{path}: "
                + wanted(
                    got=f"{len(values)} usable samples of code {code}",
                    allowed="one or more finite values, 0 or more, of every code",
                    remedy="add them",
                )
            )
    return [np.array(values) for values in found]


def _sampled(codes: np.ndarray, samples: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    value = np.empty(codes.shape)
    for code, measured in enumerate(samples):
        here = codes == code
        value[here] = measured[rng.integers(len(measured), size=int(here.sum()))]
    return value
