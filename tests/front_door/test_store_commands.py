"""history, rollback and report on a store, as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import crosscal
from crosscal.command_line import crosscal as program
from crosscal.runtime.store import SentinelRecord, Store

START_S = 1_796_000_000.0


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("daemon") / "store"
    content = (Path(crosscal.__file__).parent / "shipped" / "demo.onnx").read_bytes()
    with Store.open(folder) as opened:
        for version in (1, 2):
            time_s = START_S + 3600.0 * version
            errors = {"rms_error_before_a": 2e-6, "rms_error_after_a": 4e-7}
            opened.commit_calibration(content, {"reason": "drift", **errors}, time_s=time_s)
            for minute in range(3):
                reading = SentinelRecord(
                    time_s=time_s + 60.0 * minute,
                    version=version,
                    residual=np.full((4, 12), float(minute)),
                    statistic=0.4 * minute,
                    nmse=1e-3 * (1 + minute),
                )
                opened.record_sentinel(reading)
            opened.record_temperature(25.0, time_s=time_s)
        opened.record_event("alarm", "look at [it]", {"kind": "cell"}, time_s=time_s)
    return folder


def run(*words: object) -> Result:
    return CliRunner().invoke(program, [str(word) for word in words])


def test_history_shows_versions_the_one_in_use_and_alarms(store: Path) -> None:
    shown = run("history", store).output
    assert "2 (in use)" in shown
    assert "2026-11-30T" in shown
    assert "alarm: look at [it]" in shown
    document = json.loads(run("history", store, "--json").output)
    assert (document["current"], len(document["versions"]), len(document["activations"])) == (2, 2, 2)
    assert document["events"][0]["data"] == {"kind": "cell"}


def test_versions_are_compared_checked_and_copied_out(store: Path, tmp_path: Path) -> None:
    assert "neither was recalibrated" in run("history", store, "--compare", 1, 2).output
    assert "as it was written" in run("history", store, "--check").output
    copied = run("history", store, "--version", 1, "-o", tmp_path / "then.onnx")
    assert copied.exit_code == 0
    assert crosscal.load_calibrator(tmp_path / "then.onnx").kind
    assert run("history", store, "--version", 1).exit_code == 2


def test_report_draws_a_span_of_time_and_sums_it_up(store: Path, tmp_path: Path) -> None:
    assert run("report", store, "-o", tmp_path).exit_code == 0
    document = json.loads((tmp_path / "report.json").read_text())
    assert (document["readings"], document["alarms"], document["activations"]) == (6, 1, 2)
    assert document["nmse_worst"] == pytest.approx(3e-3)
    for name in ("report.png", "residuals.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    since = "2026-11-30T00:00:00"
    assert run("report", store, "--since", since, "--until", "2026-11-29", "-o", tmp_path).exit_code == 2
    assert "no reading of sentinels" in str(
        run("report", store, "--since", "2040-01-01", "-o", tmp_path).exception
    )
    assert "allowed: a moment" in run("report", store, "--since", "noon", "-o", tmp_path).output


def test_rollback_is_asked_for_and_shown_until_it_is_taken(store: Path) -> None:
    assert "allowed: 1 to 2" in str(run("rollback", store, 7).exception)
    assert run("rollback", store, 1).exit_code == 0
    assert json.loads(run("history", store, "--json").output)["requested"] == 1
    assert "not taken yet" in run("history", store).output
