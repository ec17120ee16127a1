"""Scripts of PyVISA, PyMeasure and QCoDeS against board and daemon: they change the resource name alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import pyvisa
from daemon.daemon_rig import Rig, matrix, nmse, running, vectors

import crosscal

pytestmark = pytest.mark.filterwarnings("ignore")  # of the packages that the scripts are written for

TARGET_S, VOLTAGE_V = matrix(6), vectors(6)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running(tmp_path_factory.mktemp("clients")) as rig:
        rig.program(TARGET_S)
        yield rig


def visa_script(resource: str) -> np.ndarray:
    """Read vectors as a script of plain PyVISA does."""
    manager = pyvisa.ResourceManager("@py")
    with manager.open_resource(resource) as board:
        board.read_termination = board.write_termination = "\n"
        board.timeout = 30_000
        assert len(board.query("*IDN?").split(",")) == 4
        board.write("*RST;:OUTP ON")
        found = []
        for vector in VOLTAGE_V:
            board.write_ascii_values("SOUR:VOLT:LIST ", vector.tolist(), converter="r", separator=",")
            found.append(board.query_ascii_values("READ?"))
        assert board.query("SYST:ERR?").startswith(("0", "+0"))
        board.write("OUTP OFF")
    return np.array(found)


def pymeasure_script(resource: str) -> np.ndarray:
    """Read vectors as an instrument of PyMeasure does."""
    instruments = pytest.importorskip("pymeasure.instruments", reason="PyMeasure is not installed")

    class Crossbar(instruments.Instrument):
        output = instruments.Instrument.control("OUTP?", "OUTP %d", "Output.", cast=int)
        temperature_c = instruments.Instrument.measurement("SENS:TEMP?", "Temperature [°C].")
        currents_a = instruments.Instrument.measurement("READ?", "Currents of the columns [A].")

        def __init__(self, adapter: Any) -> None:
            super().__init__(
                adapter,
                "Crossbar",
                includeSCPI=True,
                visa_library="@py",
                read_termination="\n",
                write_termination="\n",
                timeout=30_000,
            )

    board = Crossbar(resource)
    try:
        board.reset()
        board.output = 1
        assert board.output == 1
        found = []
        for vector in VOLTAGE_V:
            board.write("SOUR:VOLT:LIST " + ",".join(map(repr, vector.tolist())))
            found.append(board.currents_a)
        assert board.temperature_c == pytest.approx(25.0, abs=5.0)
        assert board.check_errors() == []
        board.output = 0
    finally:
        board.adapter.close()
    return np.array(found)


def qcodes_script(resource: str) -> np.ndarray:
    """Read vectors as an instrument of QCoDeS does."""
    qcodes = pytest.importorskip("qcodes.instrument", reason="QCoDeS is not installed")

    class Crossbar(qcodes.VisaInstrument):
        def __init__(self, name: str, address: str) -> None:
            super().__init__(name, address, terminator="\n", timeout=30, visalib="@py")
            self.add_parameter(
                "output", get_cmd="OUTP?", set_cmd="OUTP {}", val_mapping={"on": "1", "off": "0"}
            )
            self.add_parameter("currents_a", get_cmd="READ?", get_parser=self._numbers, snapshot_get=False)
            self.add_parameter("voltage_v", set_cmd="SOUR:VOLT:LIST {}", set_parser=self._text)

        @staticmethod
        def _numbers(text: str) -> np.ndarray:
            return np.array(text.split(","), dtype=float)

        @staticmethod
        def _text(values: Any) -> str:
            return ",".join(map(repr, np.asarray(values).tolist()))

    board = Crossbar("crossbar", resource)
    try:
        assert board.get_idn()["model"]
        board.write("*RST")
        board.output("on")
        found = []
        for vector in VOLTAGE_V:
            board.voltage_v(vector)
            found.append(board.currents_a())
        assert board.output() == "on"
        board.output("off")
    finally:
        board.close()
    return np.array(found)


SCRIPTS: tuple[Callable[[str], np.ndarray], ...] = (visa_script, pymeasure_script, qcodes_script)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_script_gets_calibrated_currents_by_another_resource_name(
    rig: Rig, script: Callable[[str], np.ndarray]
) -> None:
    from_board = nmse(script(f"TCPIP::127.0.0.1::{rig.port}::SOCKET"), TARGET_S, VOLTAGE_V)
    from_daemon = nmse(script(rig.resource), TARGET_S, VOLTAGE_V)
    assert from_board > 0.1
    assert from_daemon < 5e-3


def test_a_vector_that_nobody_reads_is_driven_all_the_same(rig: Rig) -> None:
    with (
        rig.client() as board,
        crosscal.open_board(f"TCPIP::127.0.0.1::{rig.port}::SOCKET", backend="@py") as itself,
    ):
        board.send("OUTP ON")
        for vector in vectors(12, 5):
            board.send("SOUR:VOLT:LIST " + ",".join(map(repr, vector.tolist())))
        rounded = board.query("SOUR:VOLT:LIST?")
        # Once this is answered, the turn before it is over.
        assert board.query("*OPC?") == "1"
        # The daemon talks to its board in blocks.
        itself.send("FORM ASC")
        assert itself.query("SOUR:VOLT:LIST?") == rounded
        board.send("OUTP OFF")


def test_a_vector_sent_while_another_program_holds_the_board_is_driven_once_it_is_free(rig: Rig) -> None:
    with (
        rig.client() as board,
        pyvisa.ResourceManager("@py").open_resource(f"TCPIP::127.0.0.1::{rig.port}::SOCKET") as itself,
    ):
        itself.read_termination = itself.write_termination = "\n"
        board.send("OUTP ON")
        # The first ones are rounded by the board, those that follow by the daemon.
        *before, last = ("SOUR:VOLT:LIST " + ",".join(map(repr, each.tolist())) for each in vectors(13, 7))
        for message in before:
            board.send(message)
        assert board.query("*OPC?") == "1"
        assert itself.query("SYST:LOCK:REQ?") == "1"
        board.send(last)
        rounded = board.query("SOUR:VOLT:LIST?")
        assert board.query("*OPC?") == "1"
        snapshot = rig.daemon.status.snapshot
        assert snapshot is not None
        assert snapshot.document["state"] != "DISCONNECTED"
        itself.write("SYST:LOCK:REL")
        rig.wait(lambda _: itself.query("FORM ASC;:SOUR:VOLT:LIST?") == rounded)
        board.send("OUTP OFF")


def test_each_of_several_clients_gets_the_replies_to_its_own_vectors(rig: Rig) -> None:
    """`benchmarks/daemon/load.py` has sixteen of them at it for ten minutes."""

    def client(seed: int) -> float:
        voltage_v = vectors(12, seed)
        with crosscal.open_board(rig.resource, backend="@py") as board:
            current_a = np.array([board.measure(vector) for vector in voltage_v])
        return nmse(current_a, TARGET_S, voltage_v)

    with ThreadPoolExecutor(4) as pool:
        errors = list(pool.map(client, range(4)))
    assert max(errors) < 5e-3
