"""Random inputs that stand in for data where there are none: spots on a dark ground, and noise."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from crosscal.core.errors import ShapeError, wanted

COUNT = 128  # half noise, half smooth; as many as data inputs that ranges are taken from


def random_inputs(shape: tuple[int | None, ...], seed: int = 0) -> Tensor:
    """Draw inputs of a shape, half of them smooth from 0 to 1, half of them normal.

    Raises:
        ShapeError: an axis of the network's input is free, or its file does not say the shape.
    """
    if not shape:
        got = "a network whose file does not say the shape of its inputs"
        allowed = "a shape in the file, or data to take ranges from"
        raise ShapeError(wanted(got=got, allowed=allowed, remedy="give --ranges-from DATA.npz"))
    if any(size is None for size in shape):
        raise ShapeError(
            wanted(
                got=f"a network for inputs of shape {shape}, where an axis is free",
                allowed="fixed sizes, or data to take ranges from",
                remedy="give --ranges-from DATA.npz",
            )
        )
    generator = torch.Generator().manual_seed(seed)
    sizes = tuple(int(size or 1) for size in shape)
    noise = torch.randn((COUNT, *sizes), generator=generator)
    half = COUNT // 2
    smooth = noise[:half]
    if len(sizes) == 3 and min(sizes[1:]) >= 8:
        coarse = torch.randn(
            (half, sizes[0], *(max(2, size // 4) for size in sizes[1:])), generator=generator
        )
        smooth = F.interpolate(coarse, size=sizes[1:], mode="bilinear")
    return torch.cat([smooth.clamp(0, 2) / 2, noise[half:]])
