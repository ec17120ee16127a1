"""The runtime stays lean: what a machine beside a board must install, and no more, is imported."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from calibrator_models import Model, affine_model, concatsquash_model

import crosscal.runtime
from crosscal.runtime import write_calibrator

HEAVY = ("torch", "scipy", "pyvisa", "h5py", "matplotlib", "msgspec", "onnx")

# An entry of None makes an import fail as it does where the package is not installed.
READ = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[2:]))
import numpy as np
from crosscal.runtime import Calibrator
calibrator = Calibrator.load(sys.argv[1])
rows, columns = calibrator.shape
low, high = calibrator.metadata.current_range_a
calibrated = calibrator.program(np.full((rows, columns), 50e-6))(np.full((2, columns), (low + high) / 2))
assert calibrated.shape == (2, columns)
print(*(name for name, module in sys.modules.items() if module is not None))
"""


def modules_after(code: str, *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("make", [affine_model, concatsquash_model])
def test_calibrates_where_nothing_heavy_is_installed(tmp_path: Path, make: Callable[..., Model]):
    model = make(3, 5, np.random.default_rng(1))
    path = tmp_path / "b7.onnx"
    write_calibrator(path, model.content, model.metadata(np.random.default_rng(2)))
    loaded = modules_after(READ, str(path), *HEAVY)
    assert "onnxruntime" in loaded
    other_rooms = {name.split(".")[1] for name in loaded if name.startswith("crosscal.")} - {
        "core",
        "runtime",
    }
    assert other_rooms == set()


def test_importing_the_room_waits_for_no_compiler():
    loaded = modules_after("import sys, crosscal.runtime; print(*sys.modules)")
    assert loaded & {*HEAVY, "numba", "onnxruntime"} == set()


def test_the_public_names_are_those_of_the_room():
    assert dir(crosscal.runtime) == sorted(crosscal.runtime.__all__)
    for name in crosscal.runtime.__all__:
        value = getattr(crosscal.runtime, name)
        assert getattr(value, "__name__", name) == name
    with pytest.raises(AttributeError, match="no attribute 'Kalibrator'"):
        importlib.import_module("crosscal.runtime").Kalibrator  # noqa: B018  reading it is the point
