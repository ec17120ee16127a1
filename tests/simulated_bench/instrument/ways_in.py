"""The ways into a bench, each as a pair of functions that send and receive bytes."""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvisa

from crosscal.simulated_bench import Bench, BenchServer, PoweredBoard, add_to_sim

REFERENCE_TOML = Path(__file__).parents[2] / "firmware_models" / "reference_board.toml"
EVERY_GROUP = ("PROG", "READBACK", "SEQ", "TEMP", "SIM")
ENOUGH_S = 10.0
"""Long past any reply; spent only where a test fails."""

BRIEFLY_S = 0.03

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One client of a board.

    Attributes:
        send: takes the bytes of one message.
        receive: gives what came next; nothing if nothing comes in reasonable time.
        read_nothing: reads though nothing was asked, and finds nothing.
        settle: returns when the board has begun to answer what was sent.
    """

    send: Callable[[bytes], object]
    receive: Callable[[], bytes]
    read_nothing: Callable[[], object]
    settle: Callable[[], object]


class WayIn:
    """Opens clients of fresh boards.

    Attributes:
        name: for test ids.
        message_based: whether its messages have an end of their own.
        notices_reads: whether the board learns of a read as such.
    """

    notices_reads = True

    def __init__(self, name: str, *, message_based: bool) -> None:
        self.name = name
        self.message_based = message_based

    @contextmanager
    def open(
        self, folder: Path, *, groups: tuple[str, ...] | None = None, clock: Clock = time.monotonic
    ) -> Iterator[Way]:
        """Connect to a fresh reference board with these optional groups, on this clock."""
        capabilities = list(EVERY_GROUP if groups is None else groups)
        bench = Bench.from_toml(REFERENCE_TOML, board={"capabilities": capabilities})
        with ExitStack() as stack:
            yield self.connect(PoweredBoard(bench, clock=clock), folder, stack)

    def connect(self, board: PoweredBoard, folder: Path, stack: ExitStack) -> Way:
        raise AssertionError(f"{self.name} cannot connect {board} in {folder} by {stack}")


class CrosscalBackend(WayIn):
    """`pyvisa.ResourceManager("bench.toml@crosscal")`."""

    def __init__(self, name: str, resource: str, *, message_based: bool) -> None:
        super().__init__(name, message_based=message_based)
        self._resource = resource

    def connect(self, board: PoweredBoard, folder: Path, stack: ExitStack) -> Way:
        path = folder / "bench.toml"
        path.write_text(f'profile = "{REFERENCE_TOML}"\n')
        manager = stack.enter_context(closing(pyvisa.ResourceManager(f"{path}@crosscal")))
        manager.visalib.board = board  # pyright: ignore[reportAttributeAccessIssue]  (for its clock and groups)
        return _through(manager.open_resource(self._resource, read_termination="\n"))


class PlainSim(CrosscalBackend):
    """`pyvisa.ResourceManager("@sim")`, which asks a device for bytes again and again."""

    notices_reads = False

    def connect(self, board: PoweredBoard, folder: Path, stack: ExitStack) -> Way:
        del folder
        manager = stack.enter_context(closing(pyvisa.ResourceManager("@sim")))
        add_to_sim(manager, board, self._resource)
        return _through(manager.open_resource(self._resource, read_termination="\n"))


class Tcp(WayIn):
    """A bare socket; with `chunks`, messages leave in packets of random size."""

    def __init__(self, name: str, *, chunks: np.random.Generator | None = None) -> None:
        super().__init__(name, message_based=False)
        self._chunks = chunks

    def connect(self, board: PoweredBoard, folder: Path, stack: ExitStack) -> Way:
        del folder
        server = BenchServer(board)
        server.listen_tcp("127.0.0.1", 0)
        stack.enter_context(server)
        port = int(server.resource.split("::")[2])
        client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _over(client.fileno(), lambda data: self._send(client, data))

    def _send(self, client: socket.socket, data: bytes) -> None:
        while data:
            size = len(data) if self._chunks is None else int(self._chunks.integers(1, 12))
            client.sendall(data[:size])
            data = data[size:]


class Pty(WayIn):
    """A pseudo-terminal, opened as any program opens a serial port."""

    def connect(self, board: PoweredBoard, folder: Path, stack: ExitStack) -> Way:
        server = BenchServer(board)
        server.open_pty(folder / "board")
        stack.enter_context(server)
        descriptor = os.open(folder / "board", os.O_RDWR | os.O_NOCTTY)
        stack.callback(os.close, descriptor)

        def send(data: bytes) -> None:
            while data:
                data = data[os.write(descriptor, data) :]

        return _over(descriptor, send)


def _through(instrument: pyvisa.resources.MessageBasedResource) -> Way:
    instrument.timeout = 1000 * ENOUGH_S

    def receive() -> bytes:
        try:
            return instrument.read_raw()
        except pyvisa.VisaIOError:
            return b""

    def read_nothing() -> None:
        instrument.timeout = 1000 * BRIEFLY_S
        assert receive() == b""
        instrument.timeout = 1000 * ENOUGH_S

    # In the same process: when a write returns, the board has had it.
    return Way(send=instrument.write_raw, receive=receive, read_nothing=read_nothing, settle=lambda: None)


def _over(descriptor: int, send: Callable[[bytes], object]) -> Way:
    def readable(timeout_s: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            return bool(selector.select(timeout_s))

    def receive() -> bytes:
        return os.read(descriptor, 1 << 16) if readable(ENOUGH_S) else b""

    def read_nothing() -> None:
        assert not readable(BRIEFLY_S)

    def settle() -> None:
        assert readable(ENOUGH_S)

    return Way(send=send, receive=receive, read_nothing=read_nothing, settle=settle)


WAYS_IN = (
    CrosscalBackend("crosscal-tcpip", "TCPIP0::localhost::inst0::INSTR", message_based=True),
    CrosscalBackend("crosscal-gpib", "GPIB0::9::INSTR", message_based=True),
    CrosscalBackend("crosscal-usb", "USB0::0x1209::0x0001::REF32::0::INSTR", message_based=True),
    CrosscalBackend("crosscal-socket", "TCPIP0::localhost::5025::SOCKET", message_based=False),
    CrosscalBackend("crosscal-serial", "ASRL1::INSTR", message_based=False),
    PlainSim("sim-gpib", "GPIB0::3::INSTR", message_based=True),
    PlainSim("sim-serial", "ASRL7::INSTR", message_based=False),
    Tcp("tcp"),
    Tcp("tcp-in-random-chunks", chunks=np.random.default_rng(7)),
    Pty("pty", message_based=False),
)
