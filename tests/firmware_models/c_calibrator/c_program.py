"""Exported headers compiled on this machine: as a library that Python calls, or for warnings alone."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from crosscal.core.array_types import Currents
from crosscal.firmware_models.c_calibrator import library_source

STRICT = ("-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
COMPILER = shutil.which("cc") or shutil.which("gcc")

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler (cc) on this machine")


class Exported:
    """A header's functions, called from Python."""

    def __init__(self, header: str, name: str, folder: Path, options: tuple[str, ...] = ("-O1",)) -> None:
        source, library = folder / f"{name}.c", folder / f"{name}.so"
        source.write_text(library_source(header, name))
        # Linked in a step of its own: with -ffast-math there, gcc adds start-up code that makes the whole
        # process, every other test in it too, take subnormal numbers for 0.
        part = source.with_suffix(".o")
        compile_c(source, "-std=c99", *STRICT, *options, "-c", "-fPIC", "-o", str(part))
        compile_c(part, "-shared", "-o", str(library), "-lm")
        self._functions, self._name = ctypes.CDLL(str(library)), name

    def calibrate(self, current_a: Currents) -> tuple[int, Currents]:
        """One reading (M,): the status, and what stands in an output that held 7 before."""
        given = np.ascontiguousarray(current_a, dtype=np.float32)
        answer = np.full_like(given, 7.0)
        return self.call("calibrate", given, answer), answer

    def batch(self, current_a: Currents) -> Currents:
        """Good readings (B, M)."""
        given = np.ascontiguousarray(current_a, dtype=np.float32)
        answer, status = np.empty_like(given), np.full(len(given), 9, dtype=np.uint8)
        function = getattr(self._functions, f"{self._name}_calibrate_batch")
        good = function(len(given), _floats(given), _floats(answer), status.ctypes.data_as(ctypes.c_char_p))
        assert (good, status.max(initial=0)) == (len(given), 0)
        return answer

    def call(self, function: str, *arrays: np.ndarray) -> int:
        return getattr(self._functions, f"{self._name}_{function}")(*map(_floats, arrays))


def compile_c(source: Path, *options: str, compiler: str | None = None) -> None:
    done = subprocess.run(
        [compiler or COMPILER or "cc", str(source), *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def _floats(array: np.ndarray) -> ctypes._Pointer:
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
