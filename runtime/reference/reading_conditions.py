"""Conditions of readings: their averages, and the time since known vectors were read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from crosscal.core.errors import InputError, RangeError, wanted
from crosscal.core.port import CrossbarPort
from crosscal.runtime.inverse.tensors import InverseTensors
from crosscal.runtime.recalibration.cell_law import CellLaw
from crosscal.runtime.recalibration.posterior import CELLS, ColumnPosterior
from crosscal.runtime.reference.reading_noise import Averaging, ReadingNoise


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingConditions:
    """Conditions of readings; checked on construction.

    Attributes:
        averages: readings as trained on whose mean is one reading: twice the aperture counts as two.
        later_s: time from the last known vectors to the reads [s]; None: as long as these took.
    """

    averages: float = 1.0
    later_s: float | None = None

    def __post_init__(self) -> None:
        if not (np.isfinite(self.averages) and self.averages > 0.0):
            raise RangeError(f"got {self.averages} averages; allowed: a finite number above 0")
        if self.later_s is not None and not (np.isfinite(self.later_s) and self.later_s >= 0.0):
            raise RangeError(f"got reads {self.later_s} s later; allowed: a finite number, 0 or more")

    def averaging(self, law: CellLaw | None, kind: str) -> Averaging | None:
        """Change of a reading's noise; None where it is as trained on.

        Raises:
            InputError: a calibrator that does not know its noise.
        """
        if self.averages == 1.0:
            return None
        if law is None:
            raise InputError(
                wanted(
                    got=f"averages for a calibrator of kind {kind!r} that does not know its noise",
                    allowed="structured and whitebox, which do",
                    remedy="train one of these (crosscal train --calibrator structured)",
                )
            )
        return Averaging(noise=noise_of(law), averages=self.averages)

    def learned(self, posterior: ColumnPosterior, law: CellLaw | None, vectors: int) -> ColumnPosterior:
        """Note the conditions that known vectors were read under."""
        if law is None or not posterior.cells_known:
            return posterior
        took_s = 0.0 if law.reading_noise is None else vectors * law.reading_noise.spaced_s(self.averages)
        return replace(posterior, averages=self.averages, learned_s=took_s)

    def served(
        self, posterior: ColumnPosterior, law: CellLaw | None, tensors: InverseTensors
    ) -> ColumnPosterior:
        """Knowledge as reads find it: noise of their averages, and cells that have fluctuated since."""
        if law is None or not posterior.cells_known:
            return posterior
        noise, changed = noise_of(law), posterior
        if self.averages != posterior.averages:
            averaging = Averaging(noise=noise, averages=self.averages)
            left = averaging.left(posterior.noise**2, tensors, before=posterior.averages)
            changed = replace(posterior, noise=float(np.sqrt(left.mean())), averages=self.averages)
        later_s = posterior.learned_s if self.later_s is None else self.later_s
        if not (noise.cell_per_fold and posterior.learned_s and later_s):
            return changed
        covariance, here = posterior.covariance.copy(), np.arange(CELLS, posterior.mean.shape[1])
        covariance[:, here, here] += noise.cell_change(posterior.learned_s, later_s)
        return replace(changed, covariance=covariance)


AS_TRAINED = ReadingConditions()


def averages_of(port: CrossbarPort, law: CellLaw | None) -> float | None:
    """Averages of a board's readings as it is set, relative to one as trained on; None if not known."""
    noise = None if law is None else law.reading_noise
    if noise is None:
        return None
    settings = port.settings()
    aperture_s = settings.get("SENS:CURR:APER")
    if aperture_s is None:
        return None
    return float(aperture_s) * float(settings.get("SENS:AVER:COUN", 1)) / noise.reading_s


def noise_of(law: CellLaw) -> ReadingNoise:
    """Law of a board's noise; that of white noise where training repeated no vector."""
    return ReadingNoise.of_white(law.noise) if law.reading_noise is None else law.reading_noise
