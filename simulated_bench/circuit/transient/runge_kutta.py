"""Coefficients of the implicit Runge–Kutta formula of transients."""

from __future__ import annotations

import numpy as np

NODES = np.array([0.0, 1 / 2, 83 / 250, 31 / 50, 17 / 20, 1.0])
"""Where in the step the stages lie, (6,). The first is the beginning, known already; the last is the end."""

IMPLICIT = 1 / 4
"""Weight of each stage in itself: the same for all, so that all solve the same circuit."""

STAGES = np.array(
    [
        [0, 0, 0, 0, 0, 0],
        [1 / 4, 1 / 4, 0, 0, 0, 0],
        [8611 / 62500, -1743 / 31250, 1 / 4, 0, 0, 0],
        [5012029 / 34652500, -654441 / 2922500, 174375 / 388108, 1 / 4, 0, 0],
        [
            15267082809 / 155376265600,
            -71443401 / 120774400,
            730878875 / 902184768,
            2285395 / 8070912,
            1 / 4,
            0,
        ],
        [82889 / 524892, 0, 15625 / 83664, 69875 / 102672, -2260 / 8211, 1 / 4],
    ]
)
"""Weights of the stages' rates in each stage, (6, 6); the last row is the step itself.

The implicit part of ARK4(3)6L[2]SA: fourth order, stages of second order, L-stable, so that time constants of
the wires that are shorter than a step are damped and do not limit it; and stiffly accurate, so that nodes
without storage obey their equations at the end of every step.

Reference:
    Kennedy and Carpenter, Appl. Numer. Math. 44 (2003) 139, appendix C.
"""

ESTIMATE = np.array(
    [
        4586570599 / 29645900160,
        0,
        178811875 / 945068544,
        814220225 / 1159782912,
        -3700637 / 11593932,
        61727 / 225920,
    ]
)
"""Weights of the embedded formula of third order: the difference from it is the estimate of the error."""

ERROR_ORDER = 4
"""Order of that estimate in the step's length."""
