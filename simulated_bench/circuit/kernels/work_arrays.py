"""Working arrays free of 4 KiB aliasing."""

from __future__ import annotations

import numpy as np

SPACING = 136
"""Elements between working arrays. Where arrays lie a multiple of 4 KiB apart, a processor takes a read from
one for a read of what was just written to another, and waits: that cost a third of the time."""


def spaced_arrays(count: int, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Return `count` uninitialised arrays of float64 that lie apart."""
    size = int(np.prod(shape))
    whole = np.empty(count * (size + SPACING))
    return [whole[k * (size + SPACING) :][:size].reshape(shape) for k in range(count)]
