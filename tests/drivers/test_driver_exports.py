"""What the room offers, and what importing it costs."""

from __future__ import annotations

import doctest
import subprocess
import sys

import crosscal.drivers
from crosscal.core.port import CrossbarPort
from crosscal.drivers import expected_protocol


def test_all_that_is_offered_is_there_and_nothing_else() -> None:
    public = {
        name
        for name, value in vars(crosscal.drivers).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("crosscal.drivers.")
    }
    assert set(crosscal.drivers.__all__) == public
    assert crosscal.drivers.__all__ == sorted(crosscal.drivers.__all__)


def test_a_board_has_all_of_the_port() -> None:
    wanted = {name for name in vars(CrossbarPort) if not name.startswith("_")}
    with expected_protocol([]) as board:
        assert not {name for name in wanted if not hasattr(type(board), name)}


def test_the_examples_in_the_docstrings_work() -> None:
    found = doctest.testmod(sys.modules[expected_protocol.__module__])
    assert found.attempted > 0
    assert found.failed == 0


def test_importing_the_drivers_loads_nothing_heavy() -> None:
    heavy = "torch scipy matplotlib numba onnxruntime h5py pyvisa_py pyvisa_sim"
    code = f"import sys, crosscal.drivers; print([name for name in '{heavy}'.split() if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
