"""Lock of a daemon's client: recalibrations and sentinels are kept away, the temperature is followed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from daemon.test_daemon_upkeep import HOUR_S, Kept

from crosscal.daemon.hardware.calibrated_hardware import CalibratedHardware
from crosscal.daemon.keeping import Keeping
from crosscal.daemon.proxy import Proxy
from crosscal.daemon.settings import Proxy as ProxySettings

READ = "OUTP ON;:SOUR:VOLT:LIST " + ",".join(["0.3"] * 12) + ";:READ?"
LEARNED_VECTORS = 2 * 12 + 16  # at least, of a recalibration and its verification


class Served:
    """A kept board behind its proxy, with one client on a plain socket, in one thread."""

    def __init__(self, kept: Kept) -> None:
        self.kept, facts = kept, kept.board.facts
        hardware = CalibratedHardware(
            replace(facts, capabilities=(*facts.capabilities, "LOCK", "CAL")), kept.upkeep, feed=lambda: None
        )
        hardware.attach(kept.board)
        self.proxy = Proxy(ProxySettings(listen="127.0.0.1:0"), hardware, monotonic=kept.clock)
        connection = cast(Any, SimpleNamespace(attached=kept.board, lose=pytest.fail))
        self.keeping = Keeping(connection, kept.upkeep, kept.journal, kept.time)
        host, port = self.proxy.resource.split("::")[1:3]
        self.wire = socket.create_connection((host, int(port)))
        self.wire.settimeout(0.0)

    def ask(self, message: str) -> str:
        """Send a query, and serve until it is answered."""
        self.wire.sendall(message.encode() + b"\n")
        answer = b""
        for _ in range(1000):
            self.proxy.serve(0.01)
            try:
                answer += self.wire.recv(65536)
            except BlockingIOError:
                continue
            if answer.endswith(b"\n"):
                return answer.decode().strip()
        raise AssertionError(f"{message} was not answered")

    def vectors_of(self, message: str) -> int:
        """Ask, and count the vectors that the board was read with."""
        before = self.kept.board.vectors
        self.ask(message)
        return self.kept.board.vectors - before


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    kept = Kept(tmp_path / "store")
    kept.let_pass(60.0, turns=5)
    served = Served(kept)
    assert served.ask("SYST:LOCK:REQ?") == "1"
    assert served.ask("SYST:LOCK:TIM 86400;TIM?") in ("86400", "86400.0")
    yield served
    served.wire.close()
    served.proxy.close()
    kept.store.close()


def test_a_stale_calibration_is_learned_before_the_first_read_under_a_lock_alone(served: Served) -> None:
    served.kept.clock.advance(2 * HOUR_S)
    assert served.vectors_of(READ) > LEARNED_VECTORS
    served.kept.clock.advance(2 * HOUR_S)
    assert served.ask("SYST:LOCK:REQ?") == "1"
    assert served.vectors_of("READ?") == 1
    served.ask("SYST:LOCK:REL;:SYST:LOCK:REQ?")
    assert served.vectors_of("READ?") > LEARNED_VECTORS


def test_the_temperature_is_followed_while_a_client_holds_the_lock(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(served.kept.upkeep, "feel", lambda: asked.append(served.kept.clock()))
    before = served.kept.board.vectors
    for _ in range(20):
        served.kept.clock.advance(1.0)
        served.keeping.keep_up(served.proxy)
    assert 3 <= len(asked) <= 5
    assert served.kept.board.vectors == before


def test_a_job_does_not_join_readings_from_before_and_after_a_long_lock(served: Served) -> None:
    kept = served.kept
    served.ask("SYST:LOCK:REL;:SYST:LOCK:OWN?")
    kept.clock.advance(2 * HOUR_S)
    served.keeping.keep_up(served.proxy)
    assert kept.upkeep.busy == "sentinels"
    assert served.ask("SYST:LOCK:REQ?") == "1"
    kept.clock.advance(1.0)
    served.keeping.keep_up(served.proxy)
    assert kept.upkeep.busy == "sentinels"
    kept.clock.advance(30.0)
    served.keeping.keep_up(served.proxy)
    assert kept.upkeep.busy == ""
    served.ask("SYST:LOCK:REL;:SYST:LOCK:OWN?")
    served.keeping.keep_up(served.proxy)
    assert kept.upkeep.busy == "sentinels"
