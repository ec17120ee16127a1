"""The store: append-only, whole at any kill, one writer, many readers, one clear error for damage."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from crosscal.core.errors import InputError, StoreBusyError, StoreError, StoreFullError
from crosscal.runtime.store import SentinelRecord, Store, queries
from crosscal.runtime.store.schema import SCHEMA_VERSION

DAY_S = 86_400.0


def reading(time_s: float, *, alarm: str | None = None) -> SentinelRecord:
    residual = np.array([[0.5, -1.25], [np.nan, 3.0]])
    return SentinelRecord(
        time_s=time_s,
        version=1,
        residual=residual,
        statistic=0.25,
        nmse=1e-3,
        temperature_c=25.5,
        alarm=alarm,
        data={"gain_change": 0.01},
    )


def test_a_commit_is_the_current_calibration_and_none_before_it_is_lost(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s") as store:
        assert store.current() is None
        assert store.commit_calibration(b"one", {"reason": "start"}, time_s=10.0) == 1
        assert store.commit_calibration(b"two", {"reason": "drift"}, time_s=20.0) == 2
    with Store.open(tmp_path / "s", create=False) as store:
        current = store.current()
        assert current is not None
        assert (current.version, current.meta) == (2, {"reason": "drift"})
        assert [store.calibration(version) for version in (1, 2)] == [b"one", b"two"]
        assert [each.time_s for each in store.versions()] == [10.0, 20.0]
        assert store.integrity() == []


def test_records_come_back_as_they_were_written(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.record_sentinel(reading(5.0, alarm="gain"))
        store.record_event("alarm", "look at it", {"n": 1}, time_s=6.0)
        store.record_temperature(20.0, time_s=7.0)
        (found,) = store.sentinels()
        np.testing.assert_array_equal(found.residual, reading(5.0).residual)
        assert (found.alarm, found.nmse, found.data) == ("gain", 1e-3, {"gain_change": 0.01})
        assert store.sentinels(since_s=5.5) == []
        assert len(store.events(kind="alarm")) == 1
        assert store.events(kind="state") == []
        assert store.temperatures(until_s=7.0)[0].temperature_c == 20.0


def test_a_second_writer_is_refused_and_readers_are_not(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        with pytest.raises(StoreBusyError, match=f"process {os.getpid()}"):
            Store.open(tmp_path)
        with Store.read_only(tmp_path) as reader:
            store.commit_calibration(b"seen", {}, time_s=0.0)
            assert reader.calibration(1) == b"seen"
            with pytest.raises(StoreError, match="open to look at"):
                reader.record_event("alarm", "", time_s=0.0)
    Store.open(tmp_path).close()


def test_a_rollback_is_asked_for_by_others_and_taken_once(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        for content in (b"one", b"two"):
            store.commit_calibration(content, {}, time_s=0.0)
        with pytest.raises(InputError, match="allowed: 1 to 2"):
            Store.request_rollback(tmp_path, 3, time_s=1.0)
        Store.request_rollback(tmp_path, 1, time_s=1.0)
        request = store.pending_rollback()
        assert request is not None
        assert request.version == 1
        store.take_rollback(request, time_s=2.0)
        current = store.current()
        assert current is not None
        assert current.version == 1
        assert store.pending_rollback() is None
        assert [each.reason for each in store.activations()] == ["commit", "commit", "rollback"]


def test_nothing_committed_can_be_changed_or_removed(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.commit_calibration(b"one", {}, time_s=0.0)
    database = sqlite3.connect(tmp_path / "history.sqlite")
    for attempt in ("DELETE FROM calibrations", "UPDATE activations SET version = 2"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            database.execute(attempt)
    database.close()


def test_old_readings_thin_out_and_alarms_stay(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        for minute in range(0, 3 * 60):
            store.record_sentinel(reading(60.0 * minute, alarm="gain" if minute == 61 else None))
        store.record_sentinel(reading(9 * DAY_S))
        assert store.thin(9 * DAY_S) == 3 * 60 - 3 - 1
        assert [each.alarm for each in store.sentinels()].count("gain") == 1
        # A clock that has jumped ahead removes nothing more.
        assert store.thin(900 * DAY_S) == 0


def test_the_limit_on_size_holds_back_calibrations_and_readings_but_no_alarm(tmp_path: Path) -> None:
    with Store.open(tmp_path, limit_bytes=200_000) as store:
        store.commit_calibration(b"small", {}, time_s=0.0)
        with pytest.raises(StoreFullError, match="would exceed its limit"):
            store.commit_calibration(bytes(200_000), {}, time_s=1.0)
        store.record_event("alarm", "the store is full", time_s=2.0)
        current = store.current()
        assert current is not None
        assert current.version == 1
        assert len(store.events()) == 1


def _overwrite(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


@pytest.mark.parametrize(
    "damage", ["database", "not a database", "newer", "another program's", "file", "row"]
)
def test_damage_is_one_clear_error(tmp_path: Path, damage: str) -> None:
    with Store.open(tmp_path) as store:
        store.commit_calibration(bytes(5000), {"reason": "start"}, time_s=0.0)
        for second in range(200):
            store.record_sentinel(reading(float(second)))
    path = tmp_path / "history.sqlite"
    if damage == "database":
        _overwrite(path, 4096, os.urandom(path.stat().st_size - 4096))
    elif damage == "not a database":
        path.write_bytes(b"something else" * 1000)
    elif damage == "file":
        _overwrite(next((tmp_path / "calibrations").iterdir()), 100, b"x")
    else:
        database = sqlite3.connect(path)
        if damage == "newer":
            database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        elif damage == "row":
            database.execute("DROP TRIGGER calibrations_never_update")
            database.execute("UPDATE calibrations SET meta = '{}'")
        else:
            database.execute("PRAGMA application_id = 7")
        database.commit()
        database.close()

    def use() -> None:
        with Store.open(tmp_path) as store:
            store.calibration(1)

    with pytest.raises(StoreError) as caught:
        use()
    assert "allowed: " in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_store_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    for look in (Store.read_only, lambda path: Store.open(path, create=False)):
        with pytest.raises(StoreError, match="there is no store"):
            look(tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_in_a_folder_that_cannot_be_written_can_be_looked_at(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.commit_calibration(b"one", {}, time_s=0.0)
    tmp_path.chmod(0o555)
    with Store.read_only(tmp_path) as reader:
        assert reader.calibration(1) == b"one"
    tmp_path.chmod(0o755)


WRITER = """
import os, sys
from crosscal.runtime.store import Store, SentinelRecord
import numpy as np
with Store.open(sys.argv[1]) as store:
    n = len(store.versions())
    while True:
        n += 1
        version = store.commit_calibration(os.urandom(300_000), {"n": n}, time_s=float(n))
        print(version, flush=True)
        store.record_event("commit", str(version), time_s=float(n))
"""


def start_writer(path: Path, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, **options
    )  # type: ignore[call-overload]


def test_no_commit_is_lost_or_half_there_when_the_writer_is_killed(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for _ in range(4):
        writer = start_writer(tmp_path)
        assert writer.stdout is not None
        said = int(writer.stdout.readline())
        time.sleep(float(rng.uniform(0.0, 0.02)))
        writer.send_signal(signal.SIGKILL)
        said = max([said, *(int(line) for line in writer.stdout.read().split() if line.isdigit())])
        writer.wait()
        writer.stdout.close()
        with Store.open(tmp_path) as store:
            versions, current = store.versions(), store.current()
            assert current is not None
            assert current.version == len(versions) >= said
            assert store.integrity() == []
            files = {path.stem for path in (tmp_path / "calibrations").iterdir()}
            assert files == {each.sha256 for each in versions}


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
def test_a_full_disk_is_said_and_tears_nothing(tmp_path: Path) -> None:
    code = """
import os, resource, sys
from crosscal.core.errors import StoreFullError
from crosscal.runtime.store import Store
with Store.open(sys.argv[1]) as store:
    store.commit_calibration(b"whole", {}, time_s=0.0)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, hard))
    full = 0
    for attempt in (lambda: store.commit_calibration(os.urandom(400_000), {}, time_s=1.0),
                    lambda: [store.record_event("e", "x" * 3000, time_s=1.0) for _ in range(200)]):
        try:
            attempt()
        except StoreFullError:
            full += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    store.record_event("alarm", "room again", time_s=2.0)
    print(full, store.current().version, store.integrity())
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.split("\n")[0] == "2 1 []", done.stderr


def similar_file(number: int) -> bytes:
    """A calibrator file that differs from others by a part in its middle."""
    rng = np.random.default_rng(0)
    begin, end = rng.bytes(200_000), rng.bytes(1_000)
    return begin + np.random.default_rng(number).bytes(4_000) + end


def test_files_that_differ_little_take_little_room_and_come_back_whole(tmp_path: Path) -> None:
    contents = [similar_file(number) for number in range(1, 6)]
    with Store.open(tmp_path) as store:
        for content in contents[:3]:
            store.commit_calibration(content, {}, time_s=0.0)
    with Store.open(tmp_path) as store:
        for content in contents[3:]:
            store.commit_calibration(content, {}, time_s=0.0)
        assert [store.calibration(version) for version in range(1, 6)] == contents
        assert store.integrity() == []
        assert store.size_bytes < 2 * len(contents[0])


def test_a_file_without_a_commit_is_no_base_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that fails leaves its file behind, until the store is opened again: nothing may need it."""
    with Store.open(tmp_path) as store:
        with monkeypatch.context() as patched:
            patched.setattr(queries, "insert", raise_full)
            with pytest.raises(StoreFullError):
                store.commit_calibration(similar_file(1), {}, time_s=0.0)
        store.commit_calibration(similar_file(2), {}, time_s=0.0)
    with Store.open(tmp_path) as store:
        assert store.integrity() == []
        assert store.calibration(1) == similar_file(2)


def raise_full(*_: object, **__: object) -> int:
    raise StoreFullError("no room")


@pytest.mark.parametrize("damage", ["cut", "bytes", "base"])
def test_a_damaged_part_is_named(tmp_path: Path, damage: str) -> None:
    with Store.open(tmp_path) as store:
        for number in (1, 2):
            store.commit_calibration(similar_file(number), {}, time_s=0.0)
        (part,) = (tmp_path / "calibrations").glob("*.part")
        (base,) = (tmp_path / "calibrations").glob("*.onnx")
        stored = part.read_bytes()
        if damage == "cut":
            part.write_bytes(stored[:-20])
        elif damage == "bytes":
            part.write_bytes(stored[:200] + bytes([stored[200] ^ 1]) + stored[201:])
        else:
            base.write_bytes(base.read_bytes()[:-1])
        with pytest.raises(StoreError, match="cannot be read"):
            store.calibration(2)
        assert store.integrity()


@pytest.mark.parametrize("value", [b"\1", "text", 7])
def test_values_that_no_row_of_ours_has_are_a_damaged_store(tmp_path: Path, value: object) -> None:
    with Store.open(tmp_path) as store:
        store.record_sentinel(reading(1.0))
    with sqlite3.connect(tmp_path / "history.sqlite") as database:
        database.execute("UPDATE sentinels SET residual = ?", (value,))
    database.close()
    with Store.read_only(tmp_path) as store, pytest.raises(StoreError, match="damaged"):
        store.sentinels()
