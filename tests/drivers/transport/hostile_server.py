"""A TCP server that treats its client badly: silent, half, garbled, closed, or no board at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

IDENTITY = b"crosscal,HOSTILE,1,1.0"
QUIET = b'0,"No error"'

Act = Callable[[socket.socket], None]


def say(data: bytes) -> Act:
    """Send bytes."""
    return lambda client: client.sendall(data)


def close(client: socket.socket) -> None:
    """Close the connection in an orderly way."""
    client.shutdown(socket.SHUT_RDWR)


def reset(client: socket.socket) -> None:
    """Close the connection with a reset, as a board that loses power does."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()


class HostileServer:
    """Listens on a port of its own; a context manager.

    As long as `answers` says nothing else it is a board of 3 x 2 with group SEQ that measures 1 A everywhere.

    Attributes:
        answers: part of a message → what to do instead of answering, once or always.
        received: every message so far.
        port: where it listens.
    """

    def __init__(self) -> None:
        self.answers: list[tuple[bytes, Sequence[Act]]] = []
        self.received: list[bytes] = []
        self.greeting = b""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def resource(self) -> str:
        """Its VISA resource name."""
        return f"TCPIP::127.0.0.1::{self.port}::SOCKET"

    def when(self, part: bytes, *acts: Act) -> None:
        """Do something else, once, when a message contains `part`."""
        self.answers.append((part, acts))

    def __enter__(self) -> HostileServer:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Hang up on everyone and refuse whoever calls; stopping twice is no error."""
        # Closing alone does not wake a thread that waits in accept().
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for client in self._clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self._clients.append(client)
            thread = threading.Thread(target=self._serve, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        buffer = b""
        try:
            client.sendall(self.greeting)
            while data := client.recv(65536):
                buffer += data
                # The messages of these tests hold no newline inside their blocks.
                while b"\n" in buffer:
                    message, _, buffer = buffer.partition(b"\n")
                    self.received.append(message)
                    self._answer(client, message)
        except OSError:
            return

    def _answer(self, client: socket.socket, message: bytes) -> None:
        for index, (part, acts) in enumerate(self.answers):
            if part in message:
                del self.answers[index]
                for act in acts:
                    act(client)
                return
        client.sendall(board_answer(message))


def board_answer(message: bytes) -> bytes:
    """What a board answers to a message of the driver's."""
    fixed = {
        b":SYST:ERR:ALL?": QUIET,
        b":SYST:VERS?": b"1999.0",
        b"*IDN?": IDENTITY,
        b":ARR:SIZE?": b"3,2",
        b":SYST:CAP?": b"SEQ",
        b":ARR:COND:LIM?": b"1e-6,1e-3",
        b":SENS:CURR:RANG:LIST?": b"1",
        b":DIAG:DAC:INFO?": b"16,1,1e-6",
        b":SOUR:SEQ:POIN? MAX": b"100",
        b":SOUR:VOLT:PROT?": b"0.6",
        b":SOUR:SEQ:POIN?": b"1",
        b":SENS:CURR:APER?": b"1e-6",
        b":SENS:AVER:COUN?": b"1",
        b":SENS:CURR:RANG:AUTO?": b"0",
        b":SOUR:SEQ:DWEL?": b"1e-6",
        b":STAT:OPER:COND?": b"0",
        b":TRAC:POIN:ACT?": b"1",
        b":SENS:CURR:RANG?": b"1",
        b":TRAC:STAT? 1,1": b"0,0",
        b":TRAC:DATA? 1,1": b"#216" + 2 * b"\0\0\0\0\0\0\xf0\x3f",
        b":FORM?": b"REAL,64",
        b":FORM:BORD?": b"SWAP",
    }
    answers = [fixed[unit] for unit in message.split(b";") if unit in fixed]
    return b";".join(answers) + b"\n"
