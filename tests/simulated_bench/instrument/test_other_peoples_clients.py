"""Faults of the instrument layer, each met by a client that is not ours, over real TCP and a real terminal.

Fault, and the test that fails when its mend is undone (of this file where no other is named):

- output off, `*RST`, closing, the end of the server never reach the hardware: `test_the_hardware_comes_…`,
  `test_closing_our_driver_…`; of a bench: `test_visa_backend.py::test_closing_the_manager_…`
- a user's exception ends the server or loses class and text; tracebacks: `test_any_exception_is_…`
- a stream that waits in `*OPC?` for a trigger cannot be freed: `test_a_client_that_waits_…` (three);
  `clear()` and break of `@crosscal`: `test_visa_backend.py::test_clear_frees_…`, `…::test_a_break_on_…`
- an acquisition of a dead client makes our driver fail without a hint: `test_an_acquisition_of_a_dead_…`
- a failure is shown as -230, its reason lost: `test_our_driver_tells_…`
- a cell counted from 0 in a message: `test_messages_count_cells_from_1`
- CR alone ends no message: `test_a_terminal_ends_its_messages_…`
- half a block on a terminal swallows the messages of the next client: `test_server.py::test_what_a_client_…`
- resource names are case-sensitive: `test_visa_backend.py::test_every_resource_name_is_case_blind`
- handlers of service requests are refused: `test_visa_backend.py::test_a_handler_is_called_…`
- thousands of queries of one client keep others waiting: `test_others_are_answered_…`
- the first start is silent: `tests/core/test_kernel_cache.py::test_a_compilation_that_takes_a_while_…`
- the aperture at power-on is not rounded: `test_the_aperture_at_power_on_…`
- commas in `[board] model`: `test_a_comma_in_the_model_…`
- a port is believed, NaN with status 0, microamperes, mirrored columns:
  `tests/front_door/test_two_programs.py::test_readings_that_cannot_be_…`
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import pyvisa
import serial
from pyvisa.resources import MessageBasedResource
from reference_board import FACTS
from support.fake_hardware import FakeHardware

from crosscal.core.errors import ScpiError, SettingsError
from crosscal.firmware_models import serving
from crosscal.front_door import open_board
from crosscal.simulated_bench import Bench

WAYS = ("tcp", "pty")


class Rig:
    """A board behind a real port, and VISA clients of it.

    Args:
        way: `tcp` or `pty`.
        hardware: the analogue side.
    """

    def __init__(self, way: str, hardware: Any) -> None:
        self.hardware = hardware
        server = serving.BoardServer(serving.PoweredBoard(hardware))
        self.server = (serving.serve_tcp if way == "tcp" else serving.serve_pty)(server)
        self.manager = pyvisa.ResourceManager("@py")

    @property
    def path(self) -> str:
        """The terminal."""
        return self.server.resource.removeprefix("ASRL").removesuffix("::INSTR")

    def visa(self) -> MessageBasedResource:
        """Open the board as PyVISA-py does."""
        opened = self.manager.open_resource(self.server.resource, timeout=10_000)
        assert isinstance(opened, MessageBasedResource)
        opened.read_termination = opened.write_termination = "\n"
        return opened


@pytest.fixture(params=WAYS)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    made = Rig(request.param, FakeHardware(replace(FACTS, capabilities=(*FACTS.capabilities, "LOCK"))))
    with made.server:
        yield made
        made.manager.close()


def rests_after(rig: Rig, act: Callable[[], object]) -> bool:
    """Tell whether the hardware came to rest by an act, of which nobody hears at once."""
    before = rig.hardware.rests
    act()
    end_s = time.monotonic() + 5.0
    while rig.hardware.rests == before and time.monotonic() < end_s:
        time.sleep(0.01)
    return rig.hardware.rests > before


@pytest.mark.parametrize("command", ["OUTP OFF", "OUTPUT:STATE 0", "*RST"])
def test_the_hardware_comes_to_rest(rig: Rig, command: str) -> None:
    client = rig.visa()
    client.write("OUTP ON;:SOUR:VOLT:LIST 0.1,0.1,0.1;:INIT;*WAI")
    assert rests_after(rig, lambda: client.write(command))


def test_closing_our_driver_and_the_servers_end_bring_the_hardware_to_rest(rig: Rig) -> None:
    board = open_board(rig.server.resource, backend="@py")
    board.measure([0.1, 0.1, 0.1])
    assert rests_after(rig, board.close)
    rig.visa().query("OUTP ON;*OPC?")
    assert rests_after(rig, lambda: rig.server.__exit__(None, None, None))


class PanicException(BaseException):
    """As a Rust extension raises it."""


@pytest.mark.parametrize("failure", [LookupError("pin 7"), PanicException("index out of bounds")])
def test_any_exception_is_an_error_with_class_and_text_and_the_rows_rest(
    rig: Rig, failure: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    client = rig.visa()
    rig.hardware.failures = {"measure": failure}
    assert rests_after(rig, lambda: client.query("*CLS;:OUTP ON;:INIT;*OPC?"))
    assert client.query("SYST:ERR?") == f'-240,"Hardware error;{type(failure).__name__}: {failure}"'
    rig.hardware.failures = {}
    assert rig.visa().query("READ?").count(",") == 1
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("message", ["ABOR", "*TRG", "OUTP OFF"])
def test_a_client_that_waits_for_a_trigger_is_freed_over_its_own_link(rig: Rig, message: str) -> None:
    client = rig.visa()
    client.write("*CLS;:OUTP ON;:TRIG:SOUR BUS;:INIT;*OPC?")
    client.write(message)
    assert client.read() == "1"
    assert client.query("SYST:ERR:COUN?") == "0"


def test_a_client_that_waits_is_freed_by_a_reset_and_its_query_stays_unanswered(rig: Rig) -> None:
    client = rig.visa()
    client.write("*CLS;:OUTP ON;:TRIG:SOUR BUS;:INIT;*OPC?")
    client.write("*RST")
    assert client.query("ARR:SIZE?") == "3,2"


def test_a_client_that_waits_is_freed_by_closing_and_opening_the_link(rig: Rig) -> None:
    client = rig.visa()
    client.write("*CLS;:OUTP ON;:TRIG:SOUR BUS;:INIT;*OPC?")
    client.close()
    time.sleep(0.2)
    again = rig.visa()
    assert again.query("ARR:SIZE?") == "3,2"
    assert again.query("ABOR;*OPC?") == "1"


def test_an_acquisition_of_a_dead_client_is_told_with_what_ends_it(rig: Rig) -> None:
    dead = rig.visa()
    dead.query("TRIG:SOUR BUS;:INIT;:ARR:SIZE?")
    dead.close()
    time.sleep(0.2)
    with open_board(rig.server.resource, backend="@py") as board:
        with pytest.raises(ScpiError) as raised:
            board.measure([0.1, 0.1, 0.1])
        assert any("board.abort()" in note for note in getattr(raised.value, "__notes__", []))
        board.abort()
        assert board.measure([0.1, 0.1, 0.1]).shape == (2,)


def test_our_driver_tells_the_reason_of_a_failure(rig: Rig) -> None:
    with open_board(rig.server.resource, backend="@py") as board:
        rig.hardware.failures = {"measure": RuntimeError("relay 3 does not open")}
        with pytest.raises(ScpiError, match=r"-240.*RuntimeError: relay 3 does not open"):
            board.measure([0.1, 0.1, 0.1])
        rig.hardware.failures = {}


def test_messages_count_cells_from_1() -> None:
    bench = Bench.from_profile(
        "lab-12x16",
        array={"rows": 3, "columns": 2, "conductance_min_s": 0.0},
        faults={"lines": [{"line": "ROW", "number": 3, "cell": 1, "kind": "OPEN"}]},
    )
    made = Rig("tcp", bench)
    with made.server:
        client = made.visa()
        client.write("ARR:COND:TARG 1e-5,1e-5,1e-5,1e-5,0,0;:ARR:PROG;*WAI;*CLS;:OUTP ON;:READ?")
        assert "row 3, column 1" in client.query("SYST:ERR?")
        made.manager.close()


def test_a_terminal_ends_its_messages_with_a_carriage_return() -> None:
    made = Rig("pty", FakeHardware(FACTS))
    with made.server, serial.Serial(made.path, timeout=10.0) as port:
        for ending in (b"\r", b"\r\n", b"\n"):
            port.write(b"ARR:SIZE?" + ending)
            assert port.readline() == b"3,2\n"
        port.write(b"SYST:ERR:COUN?\r")
        assert port.readline() == b"0\n"


def test_others_are_answered_among_thousands_of_queries() -> None:
    made = Rig("tcp", FakeHardware(FACTS))
    with made.server:
        host, port = made.server.resource.split("::")[1:3]
        with socket.create_connection((host, int(port)), timeout=20.0) as busy:
            began_s = time.monotonic()
            busy.sendall(b"*IDN?\n" * 5000)
            assert made.visa().query("ARR:SIZE?") == "3,2"
            waited_s = time.monotonic() - began_s
            lines = busy.makefile("rb")
            for _ in range(5000):
                lines.readline()
            assert waited_s < 0.5 * (time.monotonic() - began_s)
        made.manager.close()


class CoarseHardware(FakeHardware):
    """Integration times are multiples of 0.3 ms."""

    def round_aperture(self, aperture_s: float) -> float:
        return max(1, round(aperture_s / 0.3e-3)) * 0.3e-3


@pytest.mark.parametrize("way", WAYS)
def test_the_aperture_at_power_on_is_one_that_the_hardware_has(way: str) -> None:
    made = Rig(way, CoarseHardware(FACTS))
    with made.server:
        assert float(made.visa().query("SENS:CURR:APER?")) == 3 * 0.3e-3
        made.manager.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_comma_in_the_model_is_refused_in_a_bench_and_never_sent(way: str) -> None:
    with pytest.raises(SettingsError, match="model"):
        Bench.from_profile("lab-12x16", board={"model": "CB,64"})
    made = Rig(way, FakeHardware(replace(FACTS, model="CB,64")))
    with made.server:
        assert made.visa().query("*IDN?").count(",") == 3
        made.manager.close()
