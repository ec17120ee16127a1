"""Finished steps of a long preparation, kept so that it goes on where it was cut off.

A preparation draws the same random numbers in the same order each time; what it keeps are results of the
steps that take long. A step that finds its result does not compute it again, so that the end is that of an
uninterrupted preparation, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

Kept = dict[str, Any]
"""Results of one step: arrays, and plain numbers or texts."""


class PreparationSteps:
    """Results of steps by name.

    Args:
        kept: results of an earlier preparation that was cut off.
        on_step: called with all results after each step; may raise to stop.
    """

    def __init__(
        self,
        kept: dict[str, Kept] | None = None,
        on_step: Callable[[dict[str, Kept]], None] | None = None,
    ) -> None:
        self._kept = {} if kept is None else dict(kept)
        self._on_step = on_step
        self._prefix = ""

    def under(self, name: str) -> PreparationSteps:
        """Return the steps of a part of the preparation, kept together with all others."""
        part = PreparationSteps(on_step=self._on_step)
        part._kept, part._prefix = self._kept, f"{self._prefix}{name}/"
        return part

    def kept(self, name: str) -> Kept | None:
        """Find the results of a step, arrays as numpy's; None if it was never kept."""
        found = self._kept.get(self._prefix + name)
        if found is None:
            return None
        return {
            key: value.numpy() if isinstance(value, torch.Tensor) else value for key, value in found.items()
        }

    def keep(self, name: str, **results: Any) -> None:
        """Keep the results of a step, in place of earlier ones of its name."""
        self._kept[self._prefix + name] = {
            key: torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value
            for key, value in results.items()
        }
        if self._on_step is not None:
            self._on_step(self._kept)
