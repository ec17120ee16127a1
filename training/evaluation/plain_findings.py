"""Findings about a board that need no model of its wires: bend of the cells' law, gains and offsets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosscal.core.array_types import Float
from crosscal.training.measurements import Measurements


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlainFindings:
    """Fit of `I = gain · Σ G (v + b v² + c v³) + offset`, wires left out.

    Attributes:
        half_share: current at half of the largest input relative to that at the largest; 0.5 is ohmic.
        gain: apparent gain of each column, wires included, (M,).
        offset_a: of each column [A], (M,).
    """

    half_share: float
    gain: Float[np.ndarray, " columns"]
    offset_a: Float[np.ndarray, " columns"]

    def __str__(self) -> str:
        spread = float(self.gain.std() / np.abs(self.gain).mean())
        return (
            f"Law: at half of the largest input {self.half_share:.3g} of the current flows. "
            f"Channels: apparent gain {self.gain.mean():.3g} ± {spread:.1%} from column to column, wires "
            f"included, offsets up to {np.abs(self.offset_a).max():.2g} A."
        )


def plain_findings(data: Measurements) -> PlainFindings:
    """Fit law, gains and offsets by two linear regressions: the law to all columns, then each column."""
    usable = data.usable
    powers = [((data.voltage_v**power) @ data.conductance_s)[usable] for power in (1, 2, 3)]
    current_a = data.current_a[usable]
    design = np.stack([power - power.mean(axis=0) for power in powers], axis=2).reshape(-1, 3)
    scale = np.sqrt(np.mean(design**2, axis=0))
    scale[scale == 0.0] = 1.0
    # Directions that the inputs hardly tell apart, as with two levels, get the smallest coefficients.
    bend, *_ = np.linalg.lstsq(design / scale, (current_a - current_a.mean(axis=0)).ravel(), rcond=1e-6)
    bend = bend / scale
    top_v = float(np.abs(data.voltage_v).max())
    half, full = (bend @ np.array([v, v**2, v**3]) for v in (top_v / 2, top_v))
    drive_a = np.tensordot(bend, np.stack(powers), axes=1)
    mean_a, target_a = drive_a.mean(axis=0), current_a.mean(axis=0)
    variance = np.sum((drive_a - mean_a) ** 2, axis=0)
    gain = np.sum((drive_a - mean_a) * (current_a - target_a), axis=0) / np.maximum(
        variance, np.finfo(float).tiny
    )
    # In units of the ohmic response, so that 1 is a column that passes what its cells' targets say.
    ohmic = full / top_v if top_v else 1.0
    return PlainFindings(
        half_share=float(half / full) if full else float("nan"),
        gain=gain * ohmic,
        offset_a=target_a - gain * mean_a,
    )
