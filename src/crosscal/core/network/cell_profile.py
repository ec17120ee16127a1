"""Cell profile: levels that a cell can be written to, and how far single cells lie from them."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, Struct

from crosscal.core.errors import SettingsError, wanted
from crosscal.core.settings import decode, load_toml

Level = Annotated[float, Meta(ge=0.0, le=1e3)]
Levels = Annotated[tuple[Level, ...], Meta(min_length=2, max_length=256)]
Part = Annotated[float, Meta(ge=0.0, le=1.0)]
Relative = Annotated[float, Meta(ge=0.0, le=10.0)]

MEMRISTIVE, MEMCAPACITIVE = "memristive", "memcapacitive"


class CellProfile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Levels of a cell by code, and the scatter of cells about them.

    Conductances are those that a read at `read_v` gives: chords, where cells are not ohmic.

    Attributes:
        levels_s, levels_f: conductances [S] or capacitances of memcapacitive cells [F], rising with the code.
        deviation_s, deviation_f: standard deviation about each level; none by default.
        device_relative: scatter between cells as a log-normal factor (d2d), relative.
        cycle_relative: scatter between reads of one cell, white (read noise), relative.
        write_relative: scatter of a cell from write to write by pulses, in parts of its range (c2c of
            DNN+NeuroSim); of training on a chip alone.
        programming_error: a published law that cells are drawn by; `deviation_s` then serves planning alone.
        error_scale: multiplies `deviation_s`, `deviation_f` or the law.
        samples: measured cells as a CSV file of `code,value` lines, drawn from in place of `deviation_s`.
        drift: a published law of drift after writing.
        stuck_low, stuck_high: part of the cells that stay at the first and at the last level.
        law: current–voltage law of the cells.
        read_v: voltage of a driven row [V].
        potentiation, depression: nonlinearity of an update by pulses, as DNN+NeuroSim labels it.
        reference: origin of the figures.
    """

    levels_s: Levels | None = None
    levels_f: Levels | None = None
    deviation_s: tuple[Level, ...] | None = None
    deviation_f: tuple[Level, ...] | None = None
    device_relative: Relative = 0.0
    cycle_relative: Relative = 0.0
    write_relative: Part = 0.0
    programming_error: Literal["none", "wan-2022-1s", "wan-2022-1day", "joshi-2020", "falcone-2025"] = "none"
    error_scale: Annotated[float, Meta(ge=0.0, le=1e3)] = 1.0
    samples: str = ""
    drift: Literal["none", "pcm", "cmo-hfox", "filamentary"] = "none"
    stuck_low: Part = 0.0
    stuck_high: Part = 0.0
    law: Literal["ohmic", "sinh"] = "ohmic"
    read_v: Annotated[float, Meta(gt=0.0, le=5.0)] = 0.2
    potentiation: Annotated[float, Meta(ge=0.0, le=9.0)] = 0.0
    depression: Annotated[float, Meta(ge=0.0, le=9.0)] = 0.0
    reference: str = ""

    def __post_init__(self) -> None:
        if (self.levels_s is None) == (self.levels_f is None):
            raise ValueError("levels_s and levels_f: allowed: one of them, with one value per code")
        name = "levels_s" if self.levels_f is None else "levels_f"
        levels = self.levels
        count = len(levels)
        if count & (count - 1):
            raise ValueError(
                f"{name}: got {count} levels; allowed: 2, 4, 8 … one per code of the cell; "
                "a level is missing or one too many"
            )
        for code, step in enumerate(np.diff(levels)):
            if not step > 0:
                raise ValueError(
                    f"{name}: got {levels[code + 1]:g} for code {code + 1} after {levels[code]:g}; "
                    "allowed: levels that rise with the code and do not overlap"
                )
        if (self.levels_s and self.deviation_f) or (self.levels_f and self.deviation_s):
            raise ValueError("deviation_s goes with levels_s, deviation_f with levels_f")
        given = self.deviation_s or self.deviation_f
        if given is not None and len(given) != count:
            raise ValueError(f"deviation: got {len(given)} values; allowed: {count}, one per level")
        if self.levels_f is not None and (self.programming_error, self.drift) != ("none", "none"):
            raise ValueError("programming_error and drift: these laws are of memristive cells")
        if self.stuck_low + self.stuck_high > 1.0:
            raise ValueError("stuck_low and stuck_high: allowed: 1 or less together")

    @property
    def unused_by_pulses(self) -> tuple[str, ...]:
        """Keys that are set, but not used in training on a chip, as its cells are moved by pulses alone."""
        plain = {"cycle_relative": 0.0, "programming_error": "none", "samples": "", "drift": "none"}
        plain |= {"stuck_low": 0.0, "stuck_high": 0.0, "deviation_s": None, "deviation_f": None}
        return tuple(name for name, value in plain.items() if getattr(self, name) != value)

    @property
    def kind(self) -> str:
        """`memristive` or `memcapacitive`."""
        return MEMRISTIVE if self.levels_f is None else MEMCAPACITIVE

    @property
    def levels(self) -> np.ndarray:
        """Levels by code [S or F], (L,)."""
        return np.array(self.levels_f if self.levels_s is None else self.levels_s, dtype=np.float64)

    @property
    def unit(self) -> float:
        """Mean distance of neighbouring levels [S or F], the unit of sums in converters."""
        levels = self.levels
        return float((levels[-1] - levels[0]) / (len(levels) - 1))

    @property
    def bits(self) -> int:
        """Bits that one cell holds."""
        return int(np.log2(len(self.levels)))

    @property
    def deviation(self) -> np.ndarray:
        """Stated standard deviation by code [S or F], (L,); scatter between cells included, laws are not."""
        given = self.deviation_f if self.levels_s is None else self.deviation_s
        own = self.error_scale * np.array(given or (0.0,) * len(self.levels))
        return np.hypot(own, self.device_relative * self.levels)


def cell_profile_names() -> list[str]:
    """List the profiles that come along."""
    folder = files("crosscal") / "shipped" / "cells"
    return sorted(each.name.removesuffix(".toml") for each in folder.iterdir() if each.name.endswith(".toml"))


def load_cell_profile(name: str) -> CellProfile:
    """Read a profile that comes along, by name, or a TOML file.

    Raises:
        SettingsError: no such profile or file, an unknown key, or levels that overlap or are missing.
    """
    path = Path(name)
    if path.suffix == ".toml" or path.is_file():
        profile = decode(load_toml(path), CellProfile, origin=name)
        if profile.samples and not Path(profile.samples).is_absolute():
            import msgspec

            return msgspec.structs.replace(profile, samples=str((path.parent / profile.samples).resolve()))
        return profile
    known = cell_profile_names()
    if name not in known:
        raise SettingsError(
            wanted(
                got=f"the cells {name!r}",
                allowed=f"{', '.join(known)}, or a TOML file",
                remedy="correct the name",
            )
        )
    with as_file(files("crosscal") / "shipped" / "cells" / f"{name}.toml") as shipped:
        return decode(load_toml(shipped), CellProfile, origin=name)
