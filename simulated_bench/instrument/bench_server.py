"""Servers of simulated boards: over TCP, on a pseudo-terminal, or both at once."""

from __future__ import annotations

import os

from crosscal.firmware_models import serving
from crosscal.simulated_bench.bench import Bench
from crosscal.simulated_bench.instrument.powered_bench import PoweredBoard


class BenchServer(serving.BoardServer[PoweredBoard]):
    """A server of one bench; hold `board.lock` to look at `board.bench` meanwhile."""


def serve_tcp(bench: Bench, *, host: str = "127.0.0.1", port: int = 0) -> BenchServer:
    """Put a bench on a TCP port: `with serve_tcp(bench) as server: ... server.resource ...`.

    Raises:
        BoardConnectionError: the port cannot be had.
    """
    return serving.serve_tcp(BenchServer(PoweredBoard(bench)), host=host, port=port)


def serve_pty(bench: Bench, *, link: str | os.PathLike[str] | None = None) -> BenchServer:
    """Put a bench on a serial port of its own: `with serve_pty(bench, link="/tmp/board") as server: ...`.

    Raises:
        InputError: this operating system has no pseudo-terminals.
        BoardConnectionError: `link` exists already, or cannot be made.
    """
    return serving.serve_pty(BenchServer(PoweredBoard(bench)), link=link)
