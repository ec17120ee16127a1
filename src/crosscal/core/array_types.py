"""Array aliases: shapes in annotations, checked by jaxtyping and beartype in the tests only.

The product does not depend on jaxtyping; where it is missing an alias is simply `numpy.ndarray`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, UInt8
else:
    try:
        from jaxtyping import Float, UInt8
    except ImportError:

        class _ShapeIgnored:
            def __class_getitem__(cls, _: Any) -> type[np.ndarray]:
                return np.ndarray

        Float = UInt8 = _ShapeIgnored

Matrix = Float[np.ndarray, "rows columns"]
"""One value per cell: conductances [S]."""

Vectors = Float[np.ndarray, "batch rows"]
"""Input voltages [V]."""

Currents = Float[np.ndarray, "batch columns"]
"""Column currents [A]."""

StatusBits = UInt8[np.ndarray, "batch columns"]
"""`crosscal.core.readout.Status` bits of each reading."""
