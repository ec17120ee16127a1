"""HTTP of the daemon: status, metrics, health, page; looked at by a real browser where there is one."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosscal.daemon.settings import Http
from crosscal.daemon.states import State
from crosscal.daemon.status import Snapshot, StatusBoard
from crosscal.runtime.store import SentinelRecord, Store

pytest.importorskip("starlette")
from crosscal.daemon.web.serving import HttpServer

CHROMIUM = shutil.which("chromium")


def snapshot(state: State = State.IDLE, **changed: Any) -> Snapshot:
    document = {
        "state": str(state),
        "fault": "",
        "board": "TCPIP::192.168.1.7::5025::SOCKET",
        "proxy": "TCPIP0::127.0.0.1::5026::SOCKET",
        "calibrator": "b7.onnx",
        "version": 3,
        "in_doubt": False,
        "doubt": "",
        "age_s": 42.0,
        "drift": {"statistic": 0.25, "nmse": 1e-4, "kind": "", "temperature_c": 31.5, "next_in_s": 9.0},
        "alarms": [{"time": "2026-11-30T08:00:00Z", "kind": "board", "text": "<b>no markup</b>"}],
        "clients": 2,
        "board_share": 0.004,
    }
    return Snapshot(
        document={**document, **changed},
        metrics={"reads": 7.0, "alarms": 1.0, "clients": 2.0, "board_seconds": 1.5},
        drift_map=np.array([0.9, 1.1, np.nan]),
        cell_map=np.array([[0.01, -0.02, 0.0], [0.0, 0.03, -0.01]]),
        last_read_a=np.array([1e-5, 9.91e37, -2e-5]),
    )


@pytest.fixture
def status() -> StatusBoard:
    board = StatusBoard()
    board.beat(0.0)
    board.show(snapshot())
    return board


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with Store.open(tmp_path / "store") as opened:
        opened.commit_calibration(b"content", {}, time_s=1e9)
        for index in range(5):
            opened.record_sentinel(
                SentinelRecord(
                    time_s=1e9 + 60.0 * index, version=1, residual=np.ones((8, 3)), statistic=0.1, nmse=1e-4
                )
            )
        opened.record_event("recalibration", "drift", {}, time_s=1e9 + 90.0)
    return tmp_path / "store"


@pytest.fixture
def server(status: StatusBoard, store: Path) -> Iterator[HttpServer]:
    now = {"s": 0.0}
    with HttpServer(Http(listen="127.0.0.1:0"), status, store, monotonic=lambda: now["s"]) as server:
        server.now = now  # type: ignore[attr-defined]
        yield server


def get(server: HttpServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"{server.url}{path}", timeout=60.0) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_status_has_the_promised_keys(server: HttpServer) -> None:
    code, text = get(server, "status")
    assert code == 200
    promised = {"state", "calibrator", "version", "in_doubt", "age_s", "drift", "alarms"}
    assert promised <= set(json.loads(text))


def test_metrics_follow_the_conventions_of_prometheus(server: HttpServer) -> None:
    _, text = get(server, "metrics")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = {line.split("{")[0].split(" ")[0] for line in lines}
    assert all(re.fullmatch(r"crosscal_[a-z_]+", name) for name in found)
    assert {"crosscal_reads_total", "crosscal_calibration_age_seconds", "crosscal_state"} <= found
    assert 'crosscal_state{state="IDLE"} 1.0' in lines
    for family in found:
        base = family.removesuffix("_total")
        assert f"# HELP {family}" in text or f"# HELP {base}" in text


@pytest.mark.parametrize(
    ("state", "code"),
    [(State.IDLE, 200), (State.DRIFTED, 200), (State.FAULT, 503), (State.DISCONNECTED, 503)],
)
def test_health_is_that_of_the_board(
    server: HttpServer, status: StatusBoard, state: State, code: int
) -> None:
    status.show(snapshot(state))
    assert get(server, "healthz")[0] == code


def test_silent_board_thread_is_unwell(server: HttpServer) -> None:
    server.now["s"] = 61.0  # type: ignore[attr-defined]
    assert get(server, "healthz")[0] == 503


def test_series_has_errors_events_and_no_number_that_json_lacks(server: HttpServer) -> None:
    found = json.loads(get(server, "series")[1])
    assert len(found["error"]) == 5
    assert [event["kind"] for event in found["events"]] == ["recalibration"]
    assert found["drift_map"] == [0.9, 1.1, None]
    assert found["last_read_a"] == [1e-5, None, -2e-5]


def test_page_loads_nothing_from_elsewhere(server: HttpServer) -> None:
    code, text = get(server, "")
    assert code == 200
    assert not re.search(r"(?:src|href)\s*=|url\(|@import", text)
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize(
    "message",
    [
        b"POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123456789",
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
        b"\x00\xff\x16\x03\x01" * 50 + b"\r\n\r\n",
    ],
)
def test_whatever_is_no_request_of_ours_is_refused(server: HttpServer, message: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60.0) as wire:
        wire.sendall(message)
        answer = wire.recv(100)
    assert not answer or answer.split(b" ")[1].startswith(b"4")
    assert get(server, "status")[0] == 200


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed on this machine")
def test_page_is_drawn_by_a_browser(server: HttpServer, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--window-size=400,1600"),
            *(f"--user-data-dir={tmp_path}", "--virtual-time-budget=5000", "--dump-dom", server.url),
        ],
        capture_output=True,
        text=True,
        timeout=240.0,
        check=True,
    )
    page = done.stdout
    assert "✓ IDLE" in page
    assert "<polyline" in page
    assert page.count("<circle") == 5
    assert 'class="renewal"' in page
    assert "&lt;b&gt;no markup&lt;/b&gt;" in page
    assert "row 2, column 2: 3.00 %" in page
