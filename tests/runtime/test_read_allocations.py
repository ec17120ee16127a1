"""A read that is given its output allocates nothing that the garbage collector could stop for.

Of compiled kernels, as users run them: numpy, which stands for one that is not compiled, allocates.
"""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from calibrator_models import Model, affine_model, concatsquash_model

from crosscal.runtime import Calibrator, ProgrammedCalibrator
from crosscal.runtime.file_format.calibrator_file import seal_calibrator

ROWS, COLUMNS = 7, 5
MODELS = {
    "affine": affine_model(ROWS, COLUMNS, np.random.default_rng(1)),
    "sigmoid": concatsquash_model(ROWS, COLUMNS, np.random.default_rng(1)),
    "tanh": concatsquash_model(ROWS, COLUMNS, np.random.default_rng(1), activation="tanh"),
}


def programmed_of(model: Model, **changes: Any) -> ProgrammedCalibrator:
    content = seal_calibrator(model.content, model.metadata(np.random.default_rng(2), **changes))
    return Calibrator.from_bytes(content, origin="test").program(model.matrix(np.random.default_rng(3)))


@pytest.mark.parametrize(
    ("name", "changes"), [*((name, {}) for name in sorted(MODELS)), ("sigmoid", {"fold": None})]
)
def test_a_call_with_out_allocates_no_arrays(name: str, changes: dict[str, Any]) -> None:
    model = MODELS[name]
    programmed = programmed_of(model, **changes)
    current_a = model.currents(np.random.default_rng(4), 200)
    for given in (current_a, current_a[0]):
        out = np.empty_like(given)
        programmed(given, out)  # the first call of a thread makes its scratch
        tracemalloc.start()
        try:
            for _ in range(3):
                programmed(given, out)
            left, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        # Frames, views and boxed numbers; one array of the batch would be 8,000 bytes.
        assert peak < 4_000
        assert left < 2_000
