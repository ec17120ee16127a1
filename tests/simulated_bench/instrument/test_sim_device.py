"""The bench in plain pyvisa-sim, where a script names `@sim` itself."""

from contextlib import closing

import numpy as np
import pytest
import pyvisa

from crosscal.core.errors import InputError
from crosscal.simulated_bench import Bench, PoweredBoard, add_to_sim

BLOCK_BYTES = 45 * 8


@pytest.fixture
def manager():
    manager = pyvisa.ResourceManager("@sim")
    with closing(manager):
        yield manager


def bench():
    return Bench.from_profile("memsys2025", array={"rows": 5, "columns": 9}, board={"serial": "T59"})


def opened(manager, resource):
    return manager.open_resource(resource, read_termination="\n", write_termination="\n", timeout=10_000)


@pytest.mark.parametrize(
    "resource",
    [
        "GPIB0::9::INSTR",
        "USB0::0x1209::0x0001::T59::0::INSTR",
        "TCPIP0::localhost::inst0::INSTR",
        "TCPIP0::localhost::5025::SOCKET",
        "ASRL12::INSTR",
    ],
)
def test_a_block_with_every_byte_passes_over_every_kind_of_resource(manager, resource):
    add_to_sim(manager, bench(), resource)
    instrument = opened(manager, resource)
    instrument.write("FORM REAL,64")
    bits = np.frombuffer(np.full(45, 50e-6).tobytes(), dtype=np.uint8).reshape(45, 8).copy()
    bits[:, :6] = np.arange(270, dtype=np.uint16).reshape(45, 6) % 256
    target_s = bits.view(np.float64).ravel()
    instrument.write_binary_values("ARR:COND:TARG ", target_s, datatype="d", is_big_endian=True)
    answered = instrument.query_binary_values("ARR:COND:TARG?", datatype="d", is_big_endian=True)
    assert answered == target_s.tolist()
    assert instrument.query("SYST:ERR?") == '0,"No error"'


def test_a_measurement_is_waited_for(manager):
    add_to_sim(manager, bench(), "GPIB0::9::INSTR")
    instrument = opened(manager, "GPIB0::9::INSTR")
    instrument.write("SOUR:VOLT:LIST 0.1,0.2,0.3,0.4,0.5;:OUTP ON;:INIT;*OPC?")
    assert instrument.read() == "1"
    assert len(instrument.query_ascii_values("FETC?")) == 9


def test_two_names_can_reach_one_board(manager):
    board = PoweredBoard(bench())
    for resource in ("GPIB0::9::INSTR", "ASRL12::INSTR"):
        add_to_sim(manager, board, resource)
    opened(manager, "GPIB0::9::INSTR").write("SENS:AVER:COUN 7")
    assert opened(manager, "ASRL12::INSTR").query("SENS:AVER:COUN?") == "7"


def test_names_are_completed_as_visa_does(manager):
    add_to_sim(manager, bench(), "gpib::9")
    assert opened(manager, "GPIB0::9::INSTR").query("ARR:SIZE?") == "5,9"


def test_pyvisa_sims_own_devices_stay(manager):
    before = set(manager.list_resources("?*"))
    add_to_sim(manager, bench(), "GPIB0::30::INSTR")
    assert set(manager.list_resources("?*")) == before | {"GPIB0::30::INSTR"}


def test_reading_unasked_is_query_unterminated_once_until_something_is_written(manager):
    add_to_sim(manager, bench(), "GPIB0::9::INSTR")
    instrument = opened(manager, "GPIB0::9::INSTR")
    instrument.timeout = 60
    with pytest.raises(pyvisa.VisaIOError):
        instrument.read()
    instrument.timeout = 10_000
    assert instrument.query("SYST:ERR:COUN?") == "1"
    assert instrument.query("SYST:ERR?").startswith("-420")


def test_a_manager_of_another_backend_is_refused():
    with closing(pyvisa.ResourceManager("@py")) as other, pytest.raises(InputError, match="@sim"):
        add_to_sim(other, bench())
    with closing(pyvisa.ResourceManager("@crosscal")) as other, pytest.raises(InputError, match="@sim"):
        add_to_sim(other, bench())


def test_what_is_no_resource_name_is_refused(manager):
    with pytest.raises(InputError, match="nowhere"):
        add_to_sim(manager, bench(), "nowhere")
