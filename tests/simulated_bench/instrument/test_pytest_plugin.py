"""The fixture `crosscal_bench`, in test runs of their own as a user has them."""

import subprocess
import sys

import pytest

# A test run inside this process forgets again what it imported itself: let it find the kernels loaded.
import crosscal.simulated_bench.instrument.visa_backend  # noqa: F401

pytest_plugins = ["pytester"]

QUIET = ("-q", "-p", "no:cacheprovider", "-W", "error", "--strict-markers")

SCRIPT_OF_A_USER = """
import pyvisa

def main(resource, visa_library):
    manager = pyvisa.ResourceManager(visa_library)
    board = manager.open_resource(resource, read_termination="\\n", write_termination="\\n")
    count = int(board.query("SENS:AVER:COUN?"))
    board.write(f"SENS:AVER:COUN {count + 1}")
    size = board.query("ARR:SIZE?")
    manager.close()
    return count, size

if __name__ == "__main__":
    print(main("GPIB0::9::INSTR", ""))
"""

TESTS_OF_A_USER = """
import socket
import subprocess
import sys

import pytest
import user_script

@pytest.mark.parametrize("again", range(3))
def test_finds_a_fresh_board_every_time(crosscal_bench, again):
    assert user_script.main(crosscal_bench.resource, crosscal_bench.backend) == (1, "16,12")

def test_the_board_stays_on_within_a_test(crosscal_bench):
    for count in (1, 2, 3):
        assert user_script.main(crosscal_bench.resource, crosscal_bench.backend)[0] == count

def test_a_script_in_a_process_of_its_own(crosscal_bench, monkeypatch):
    monkeypatch.setenv("PYVISA_LIBRARY", crosscal_bench.backend)
    command = [sys.executable, "user_script.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(1, '16,12')"

def test_plain_visa(crosscal_bench):
    for resource in crosscal_bench.resources:
        assert crosscal_bench.open(resource).query("ARR:SIZE?") == "16,12"
    assert crosscal_bench.open(timeout=1234).timeout == 1234

def test_tcp_reaches_the_same_board(crosscal_bench):
    crosscal_bench.open().write("SENS:AVER:COUN 5")
    with crosscal_bench.serve_tcp() as server:
        address = ("127.0.0.1", int(server.resource.split("::")[2]))
        with socket.create_connection(address) as client, client.makefile("rwb") as stream:
            stream.write(b"SENS:AVER:COUN?\\n")
            stream.flush()
            assert stream.readline() == b"5\\n"

def test_crosscals_own_driver(crosscal_bench):
    for resource in (None, "ASRL1::INSTR"):
        with crosscal_bench.open_board(resource) as board:
            assert board.shape == (16, 12)
"""

CHOICES_OF_A_USER = """
import pytest

def size(bench):
    return bench.bench.facts.rows, bench.bench.facts.columns

def test_ini(crosscal_bench):
    assert size(crosscal_bench) == (3, 4)

@pytest.mark.crosscal_bench("other.toml")
def test_mark_with_a_file(crosscal_bench):
    assert size(crosscal_bench) == (6, 2)

@pytest.mark.crosscal_bench("memsys2025", seed=3, noise={"read_relative": 0}, board={"serial": 'q"x'})
def test_mark_with_keys(crosscal_bench):
    assert size(crosscal_bench) == (64, 64)
    assert crosscal_bench.bench.settings.seed == 3
    assert crosscal_bench.bench.noise_a(aperture_s=1e-3) == 0
    assert crosscal_bench.bench.facts.serial == 'q"x'

@pytest.mark.crosscal_bench(profile="lab-16x12")
def test_mark_with_the_profile_as_a_key(crosscal_bench):
    assert size(crosscal_bench) == (16, 12)

@pytest.mark.crosscal_bench(seed=8)
class TestMarksAddUp:
    @pytest.mark.crosscal_bench(temperature_c=31.5)
    def test_both(self, crosscal_bench):
        assert crosscal_bench.bench.settings.seed == 8
        assert crosscal_bench.bench.temperature_c() == 31.5
        assert size(crosscal_bench) == (3, 4)

@pytest.mark.parametrize("crosscal_bench", ["memsys2025", {"seed": 5}], indirect=True)
def test_parameter(crosscal_bench):
    assert (size(crosscal_bench), crosscal_bench.bench.settings.seed) in [((64, 64), 1), ((3, 4), 5)]

@pytest.mark.crosscal_bench(faults={"cells": [{"row": 1, "column": 2, "kind": "OPEN"}]})
def test_nested_keys(crosscal_bench):
    assert crosscal_bench.bench.true_conductance()[1] == 0

@pytest.mark.crosscal_bench(noize=1)
def test_never_runs(crosscal_bench):
    pass
"""


def test_a_script_that_knows_only_pyvisa_is_tested_without_a_board(pytester):
    pytester.makepyfile(user_script=SCRIPT_OF_A_USER, test_user_script=TESTS_OF_A_USER)
    pytester.runpytest_inprocess(*QUIET).assert_outcomes(passed=8)


def test_mark_parameter_and_ini_file_choose_the_board_and_a_wrong_key_is_named(pytester):
    pytester.makeini("[pytest]\ncrosscal_bench = rig.toml\n")
    pytester.makefile(
        ".toml",
        rig='profile = "memsys2025"\narray = { rows = 3, columns = 4 }\n',
        other='profile = "memsys2025"\narray = { rows = 6, columns = 2 }\n',
    )
    pytester.makepyfile(CHOICES_OF_A_USER)
    result = pytester.runpytest_inprocess(*QUIET)
    result.assert_outcomes(passed=8, errors=1)
    result.stdout.fnmatch_lines(["*SettingsError*noize*"])


def test_without_the_bench_extra_pytest_runs_and_the_fixture_says_what_to_install(pytester):
    pytester.makeconftest("import sys\nsys.modules['pyvisa_sim'] = None\n")
    pytester.makepyfile("def test_other(): pass\ndef test_board(crosscal_bench): pass\n")
    result = pytester.runpytest_subprocess(*QUIET)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*pip install 'crosscal?bench?'*"])


def test_loading_the_plugin_imports_nothing_of_weight():
    heavy = {"numpy", "numba", "pyvisa", "pyvisa_sim", "msgspec", "h5py", "scipy", "torch", "onnxruntime"}
    program = f"import sys, crosscal.pytest_plugin; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.crosscal_bench("memsys2025", array={"rows": 2, "columns": 3})
def test_the_fixture_is_there_for_this_suite_too(crosscal_bench):
    assert crosscal_bench.open().query("ARR:SIZE?") == "2,3"
