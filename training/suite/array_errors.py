"""Files of a suite that hold errors over the array, by the label of their method."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.whole_file import whole_file


def write_weight_errors(errors_percent: Mapping[str, Matrix], path: Path) -> None:
    """Write errors over the array, by the label of their method, to an npz file."""
    labels = np.array(list(errors_percent), dtype=np.str_)
    stack = np.stack(list(errors_percent.values())) if errors_percent else np.empty((0, 0, 0))
    with whole_file(path) as part:
        np.savez_compressed(part, labels=labels, stack=stack)


def read_weight_errors(path: Path) -> dict[str, Matrix]:
    """Read a file of `write_weight_errors`."""
    with np.load(path) as arrays:
        return {str(label): error for label, error in zip(arrays["labels"], arrays["stack"], strict=True)}
