"""Step response of a network of resistors and capacitors, from its Laplace transform."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

POINTS = 24
"""Points of the contour; every one leaves an error 3.89 times smaller, some 1e-12 are left."""


def settled(transform: Callable[[complex], np.ndarray], time_s: float) -> np.ndarray:
    """Invert a Laplace transform at one time, by the midpoint rule on Talbot's contour.

    Exact to rounding where all poles of the transform are real and not above 0, as those of resistors and
    capacitors are; no step in time is taken, so nothing has to be said about stiffness.

    Args:
        transform: of a real function of time, at a complex frequency [1/s]; returns an array.
        time_s: when the function is asked for [s].

    Returns:
        The function at that time, of the shape that `transform` returns.

    Reference:
        L. N. Trefethen, J. A. C. Weideman and T. Schmelzer, BIT 46 (2006) 653, modified Talbot contour.
    """
    # Conjugate points give conjugate values: the upper half stands for both.
    angle = (np.arange(POINTS // 2) + 0.5) * 2 * np.pi / POINTS
    turned = 0.6407 * angle
    contour = POINTS * (0.5017 * angle / np.tan(turned) - 0.6122 + 0.2645j * angle)
    slope = POINTS * (0.5017 / np.tan(turned) - 0.5017 * turned / np.sin(turned) ** 2 + 0.2645j)
    weights = 2.0 / (POINTS * time_s) * np.exp(contour) * slope / 1j
    parts = (weight * transform(point / time_s) for weight, point in zip(weights, contour, strict=True))
    return sum((part.real for part in parts), start=np.zeros(()))
