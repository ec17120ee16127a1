"""Firmware of the Cortex-M4 board: it follows the transcripts over its serial line, and is small."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import pyvisa
from engine_rig import EngineRig
from serial_client import SerialClient

from crosscal.core.errors import InputError
from crosscal.firmware_models.conformance.transcript_format import Transcript, load_transcripts
from crosscal.firmware_models.conformance.transcript_replay import Receiver, Sender, replay
from crosscal.firmware_models.emulator import EmulatedBoard, Firmware, missing_tools

pytestmark = pytest.mark.skipif(
    bool(missing_tools()), reason=f"{' and '.join(missing_tools()) or 'nothing'} missing on this machine"
)

OVER_THE_LINE = [
    transcript
    for transcript in load_transcripts()
    if transcript.fits(message_based=False) and not transcript.engine_only
]
# Beside the arrays: the engine with its buffers, the stack, the C library.
RAM_BYTES_MOST = 64 * 1024
FLASH_BYTES_MOST = 64 * 1024
ARRAYS = re.compile(r"^(arrays|crossbar)_")


@pytest.fixture(scope="module")
def reference_elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    elf = tmp_path_factory.mktemp("firmware") / "reference.elf"
    Firmware(reference=True).build(elf)
    return elf


@pytest.fixture
def client(reference_elf: Path, tmp_path: Path) -> Iterator[SerialClient]:
    """A client of a board that was just switched on."""
    with EmulatedBoard(reference_elf, tmp_path / "port") as board, SerialClient(board.resource) as client:
        yield client


class Recorded:
    """A way to a board that is sent in pieces, and that notes what came."""

    def __init__(self, name: str, send: Sender, receive: Receiver) -> None:
        self.came = bytearray()
        self._cuts = random.Random(name)
        self._send, self._receive = send, receive

    def send(self, data: bytes) -> None:
        """Send a message in up to five pieces."""
        places = (self._cuts.randrange(len(data)) for _ in range(self._cuts.randrange(5)))
        for start, end in pairwise(sorted({0, len(data), *places})):
            self._send(data[start:end])

    def receive(self) -> bytes:
        """Bytes that came next."""
        came = self._receive()
        self.came += came
        return came


@pytest.mark.parametrize("transcript", OVER_THE_LINE, ids=lambda t: t.name)
def test_transcript_in_pieces_is_answered_over_the_serial_line_with_the_bytes_of_the_host(
    transcript: Transcript, client: SerialClient
) -> None:
    line = Recorded(transcript.name, client.send, client.receive)
    replay(transcript, line.send, line.receive)
    link = EngineRig().open_link()
    host = Recorded(transcript.name, link.send, link.receive)
    replay(transcript, host.send, host.receive)
    assert line.came == host.came


def test_pyvisa_drives_it_as_any_serial_instrument(reference_elf: Path, tmp_path: Path) -> None:
    manager = pyvisa.ResourceManager("@py")
    with EmulatedBoard(reference_elf, tmp_path / "port") as board:
        instrument = manager.open_resource(board.resource, read_termination="\n", write_termination="\n")
        assert instrument.query("*IDN?") == "crosscal,REFERENCE,REF32,1.0"
        instrument.write("FORM REAL,64;:OUTP ON")
        sent = [0.5, 0.25, -0.125]
        instrument.write_binary_values("SOUR:VOLT:LIST ", sent, datatype="d", is_big_endian=True)
        answered = instrument.query_binary_values("SOUR:VOLT:LIST?", datatype="d", is_big_endian=True)
        assert answered == sent
        assert instrument.query("SYST:ERR?") == '0,"No error"'
        instrument.close()
    manager.close()


def test_a_sequence_and_its_trace_are_longer_than_every_buffer(client: SerialClient) -> None:
    vectors = ",".join(f"{n / 8000:.5f},0,0" for n in range(3000))
    client.send(f"*CLS;:OUTP ON;:SENS:CURR:RANG 1e-5;:SOUR:SEQ:DATA {vectors};:INIT\n".encode())
    client.send(b"*OPC?;:TRAC:POIN:ACT?;:TRAC:DATA? 1,3000;:SYST:ERR?\n")
    line = client.read_line()
    done, points, data, error = line.decode().split(";")
    assert (done, points, error) == ("1", "3000", '0,"No error"')
    currents = [float(value) for value in data.split(",")]
    assert len(currents) == 6000
    assert currents[-1] == pytest.approx(2999 / 8000 * 1e-6, abs=2e-10)


@pytest.fixture(scope="module")
def largest_elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    elf = tmp_path_factory.mktemp("firmware") / "largest.elf"
    Firmware(rows=64, columns=64).build(elf)
    return elf


def symbol_bytes(elf: Path, kinds: str) -> dict[str, int]:
    """Size of each symbol of these kinds."""
    listed = subprocess.run(
        ["arm-none-eabi-nm", "-S", str(elf)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    fields = [line.split() for line in listed]
    return {line[3]: int(line[1], 16) for line in fields if len(line) == 4 and line[2] in kinds}


def section_bytes(elf: Path, name: str) -> int:
    """Size of one section."""
    listed = subprocess.run(
        ["arm-none-eabi-size", "-A", str(elf)], capture_output=True, text=True, check=True
    )
    return next(int(line.split()[1]) for line in listed.stdout.splitlines() if line.startswith(name + " "))


def test_a_board_of_64_by_64_takes_less_than_64_kib_beside_its_arrays(largest_elf: Path) -> None:
    arrays = sum(size for name, size in symbol_bytes(largest_elf, "bB").items() if ARRAYS.match(name))
    assert arrays > 6 * 64 * 64 * 8
    ram = sum(section_bytes(largest_elf, name) for name in (".data", ".bss", ".stack"))
    assert ram - arrays <= RAM_BYTES_MOST


def test_its_code_and_constants_take_less_than_64_kib(largest_elf: Path) -> None:
    assert section_bytes(largest_elf, ".text") + section_bytes(largest_elf, ".data") <= FLASH_BYTES_MOST


def test_nothing_is_allocated_and_nothing_printed_by_the_c_library(largest_elf: Path) -> None:
    names = set(symbol_bytes(largest_elf, "tTwW"))
    assert {"link_receive", "instrument_poll"} <= names
    assert not [name for name in names if re.search(r"alloc|_sbrk|printf|strtod|dtoa", name)]


def test_header_of_another_array_is_refused(tmp_path: Path) -> None:
    header = tmp_path / "small.h"
    header.write_text("#define small_ROWS 3\n#define small_COLUMNS 2\n")
    with pytest.raises(InputError, match="another array"):
        Firmware(header=header, name="small").build(tmp_path / "none.elf")


def test_name_that_the_header_does_not_have_is_refused(tmp_path: Path) -> None:
    header = tmp_path / "small.h"
    header.write_text("#define small_ROWS 16\n#define small_COLUMNS 12\n")
    with pytest.raises(InputError, match=r"--name|exported with"):
        Firmware(header=header, name="other").build(tmp_path / "none.elf")
