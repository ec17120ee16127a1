"""An emulated processor that runs a board's firmware, its serial line joined to a pseudo-terminal."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Self

from crosscal.core.errors import BoardConnectionError, wanted
from crosscal.firmware_models.emulator.firmware import EMULATOR, find_tool
from crosscal.firmware_models.serving.pty_port import PtyPort

_MACHINE = ("-machine", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "stdio")
_AT_ONCE = 4096  # bytes: what a pipe takes without waiting
_IDLE_S = 0.2  # between two looks whether to end; nobody else waits for it
_PATIENCE_S = 5.0  # for an emulator that was told to end; it takes milliseconds


class EmulatedBoard:
    """A board in the emulator, reached as a serial port.

    As a context manager it is switched on for the block; `wait` in the block lasts until the program is told
    to end.

    Args:
        elf: firmware to run.
        link: name for the serial port; None: the terminal's own.

    Raises:
        InputError: no emulator on this machine, or no pseudo-terminals.
        BoardConnectionError: `link` exists already, or cannot be made.
    """

    def __init__(self, elf: Path, link: str | os.PathLike[str] | None = None) -> None:
        self._command = [find_tool(EMULATOR), *_MACHINE, "-kernel", str(elf)]
        self._port = PtyPort(link)
        self.resources = [self._port.resource]
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._failure: BoardConnectionError | None = None

    @property
    def resource(self) -> str:
        """VISA resource name of the serial port."""
        return self._port.resource

    def wait(self) -> None:
        """Serve until Ctrl-C, SIGTERM or the emulator's end; for the main thread, inside the block.

        Raises:
            BoardConnectionError: the emulator ended by itself.
        """

        def on_signal(number: int, frame: FrameType | None) -> None:
            del number, frame
            self._stopping.set()

        before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._stopping.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        # A session of its own: Ctrl-C is for us to act on.
        process = self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._thread = threading.Thread(target=self._join, args=(process,), name="crosscal-emulator")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        process, thread = self._process, self._thread
        if process is not None and thread is not None:
            thread.join()
            process.terminate()
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    # What is left unsent goes with the board.
                    with suppress(OSError):
                        pipe.close()
        self._port.close()

    def _join(self, process: subprocess.Popen[bytes]) -> None:
        """Carry bytes between the terminal and the emulated serial line."""
        lines = (_pipe(process.stdin), _pipe(process.stdout))
        for line in lines:
            os.set_blocking(line, False)
        to_board, to_client = bytearray(), bytearray()
        with selectors.DefaultSelector() as selector:
            while not self._stopping.is_set():
                self._watch(selector, lines, to_board, to_client)
                selector.select(_IDLE_S)
                _carry(self._port.receive(_AT_ONCE) if len(to_board) < _AT_ONCE else None, to_board)
                if len(to_client) < _AT_ONCE and not _carry(_read(lines[1]), to_client):
                    self._note_end(process)
                    return
                with suppress(BlockingIOError, BrokenPipeError):
                    del to_board[: os.write(lines[0], to_board)]
                del to_client[: self._port.send(bytes(to_client))]

    def _watch(
        self,
        selector: selectors.BaseSelector,
        lines: tuple[int, int],
        to_board: bytearray,
        to_client: bytearray,
    ) -> None:
        """Wait for what can be carried, and no more: what waits for room must not keep the loop awake."""
        events = {
            self._port.fileno(): (selectors.EVENT_READ if len(to_board) < _AT_ONCE else 0)
            | (selectors.EVENT_WRITE if to_client else 0),
            lines[0]: selectors.EVENT_WRITE if to_board else 0,
            lines[1]: selectors.EVENT_READ if len(to_client) < _AT_ONCE else 0,
        }
        for file, wanted_events in events.items():
            if file in selector.get_map():
                selector.unregister(file)
            if wanted_events:
                selector.register(file, wanted_events)

    def _note_end(self, process: subprocess.Popen[bytes]) -> None:
        said = os.read(_pipe(process.stderr), _AT_ONCE).decode(errors="replace").strip()
        self._failure = BoardConnectionError(
            wanted(
                got=f"the end of the emulator ({said or 'it said nothing'})",
                allowed="firmware that runs until it is told to end",
                remedy=f"look at {EMULATOR} with the same firmware by hand",
            )
        )
        self._stopping.set()


def _pipe(file: IO[bytes] | None) -> int:
    """File descriptor of a pipe to the emulator."""
    if file is None:
        raise RuntimeError("the emulator was started without its pipes")
    return file.fileno()


def _read(line: int) -> bytes | None:
    """Bytes that came; none of them at the end, None if there are none yet."""
    try:
        return os.read(line, _AT_ONCE)
    except BlockingIOError:
        return None


def _carry(data: bytes | None, buffer: bytearray) -> bool:
    """Keep bytes for the other side; False at the end of the stream."""
    if data is None:
        return True
    buffer += data
    return bool(data)
