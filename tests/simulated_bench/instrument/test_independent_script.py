"""A script that knows PyVISA and the board's interface, and nothing of this product, runs a board."""

import subprocess
import sys
from pathlib import Path

import pytest

from crosscal.simulated_bench import Bench, serve_pty, serve_tcp

SCRIPT = Path(__file__).parent / "plain_visa_script.py"
BENCH = """
profile = "memsys2025"
array = { rows = 5, columns = 9 }
wires = { row_ohm = 0, column_ohm = 0, source_ohm = 0, sense_ohm = 0 }
device.law = "ohmic"
noise.read_relative = 0
"""


def run_script(resource, library):
    command = [sys.executable, "-W", "error", str(SCRIPT), resource, library]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "all as it should be"


@pytest.fixture
def bench_toml(tmp_path):
    path = tmp_path / "bench.toml"
    path.write_text(BENCH)
    return path


@pytest.mark.parametrize("resource", ["GPIB0::9::INSTR", "TCPIP0::localhost::5025::SOCKET", "ASRL1::INSTR"])
def test_runs_on_the_crosscal_backend(bench_toml, resource):
    run_script(resource, f"{bench_toml}@crosscal")


def test_runs_on_pyvisa_py_over_tcp(bench_toml):
    with serve_tcp(Bench.from_toml(bench_toml)) as server:
        run_script(server.resource, "@py")


def test_runs_on_pyvisa_py_over_a_pty(bench_toml, tmp_path):
    with serve_pty(Bench.from_toml(bench_toml), link=tmp_path / "board") as server:
        run_script(server.resource, "@py")
