"""A client on a serial port, as plain as the transcripts need it."""

from __future__ import annotations

import os
import select
from types import TracebackType
from typing import Self

PATIENCE_S = 20.0


class SerialClient:
    """Sends bytes to a port and takes those that come.

    Args:
        resource: `ASRL<path>::INSTR`.
    """

    def __init__(self, resource: str) -> None:
        path = resource.removeprefix("ASRL").removesuffix("::INSTR")
        self._file = os.open(path, os.O_RDWR | os.O_NOCTTY)

    def send(self, data: bytes) -> None:
        """Send everything, however slowly the other end takes it."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view[:1024]) :]

    def receive(self) -> bytes:
        """Bytes that came; none if none come in reasonable time."""
        ready, _, _ = select.select([self._file], [], [], PATIENCE_S)
        return os.read(self._file, 4096) if ready else b""

    def read_line(self) -> bytes:
        """Everything up to the next newline, which is left out."""
        line = bytearray()
        while not line.endswith(b"\n"):
            came = self.receive()
            assert came, f"no more after {len(line)} bytes"
            line += came
        return bytes(line[:-1])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)
