"""Settings of the daemon: `daemon.toml`."""

from __future__ import annotations

import ipaddress
import math
from pathlib import Path
from typing import Any

import msgspec

from crosscal.core.errors import SettingsError, wanted
from crosscal.core.lab_board import PYTHON
from crosscal.core.physical_constants import DAY_S
from crosscal.core.settings import decode, load_toml
from crosscal.core.user_code import require_code_allowed

_LAST_PORT = 65535  # ports have 16 bits
_LONGEST_INTERVAL_S = 30 * DAY_S  # a month: a board that is looked at less is not watched
_SHORTEST_INTERVAL_S = 0.1  # ten readings of eight sentinels
_RAREST_PER_DAY = 1e-6
"""One false alarm in 2,700 years; a test that is silent for longer hears nothing."""
_LOOPBACK_NAMES = ("localhost",)
_BACKEND_FILE = "@crosscal"


def _require(condition: bool, got: str, allowed: str) -> None:
    if not condition:
        # The decoder of settings adds the remedy.
        raise ValueError(f"got {got}; allowed: {allowed}")


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one table; an unknown key is an error."""


class Listening(_Table, frozen=True):
    """A table with an address to listen on."""

    listen: str

    def __post_init__(self) -> None:
        host, colon, port = self.listen.rpartition(":")
        if not colon or not host or not port.isdecimal() or int(port) > _LAST_PORT:
            raise ValueError(
                f"got listen = {self.listen!r}; allowed: 'HOST:PORT', a port of 0 to 65535, such as "
                "'127.0.0.1:5026'"
            )

    @property
    def host(self) -> str:
        """Address, or name, of the interface."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """TCP port; 0 takes a free one."""
        return int(self.listen.rpartition(":")[2])

    @property
    def is_loopback(self) -> bool:
        """Whether this machine alone can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host in _LOOPBACK_NAMES


class Proxy(Listening, frozen=True):
    """Where clients find the board with calibrated currents."""

    listen: str = "127.0.0.1:5026"


class Http(Listening, frozen=True):
    """Where status, metrics and the page are."""

    listen: str = "127.0.0.1:8080"


class Drift(_Table, frozen=True):
    """How closely drift is watched.

    Attributes:
        false_alarms_per_day: alarms that may come without any drift.
        board_share: largest share of the board's time for sentinels and recalibrations.
        interval_s: shortest and longest interval between sentinels [s].
        before_reads: whether a read waits for a recalibration, some tenths of a second, where the calibration
            is stale and the share of board time allows it.
    """

    false_alarms_per_day: float = 0.1
    board_share: float = 0.01
    interval_s: tuple[float, float] = (60.0, DAY_S)
    before_reads: bool = True

    def __post_init__(self) -> None:
        _require(
            math.isfinite(self.false_alarms_per_day) and self.false_alarms_per_day >= _RAREST_PER_DAY,
            f"false_alarms_per_day = {self.false_alarms_per_day}",
            f"a number of {_RAREST_PER_DAY:g} or more",
        )
        _require(0.0 < self.board_share <= 0.5, f"board_share = {self.board_share}", "above 0, at most 0.5")
        low_s, high_s = self.interval_s
        _require(
            _SHORTEST_INTERVAL_S <= low_s <= high_s <= _LONGEST_INTERVAL_S,
            f"interval_s = [{low_s}, {high_s}]",
            f"two numbers of {_SHORTEST_INTERVAL_S:g} to {_LONGEST_INTERVAL_S:g}, the smaller first",
        )


class Alarm(_Table, frozen=True):
    """What is done about an alarm.

    Attributes:
        command: program with its arguments; it gets the alarm as JSON on its standard input.
    """

    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(not self.command or bool(self.command[0]), "an empty program", "a program and its arguments")
        _require(
            not any("\0" in part for part in self.command),
            f"command = {list(self.command)}",
            "texts without NUL characters",
        )


class DaemonSettings(_Table, frozen=True):
    """A whole `daemon.toml`, with the names of files made absolute.

    Attributes:
        board: VISA resource name, or `python:module:callable`.
        backend: PyVISA backend; None for PyVISA's own choice.
        calibrator: the file that `crosscal train` or `crosscal calibrate` wrote.
        store: folder of the history.
        proxy, http: where to listen; without `[http]` there is no HTTP.
        drift, alarm: see there.
    """

    board: str
    calibrator: str
    store: str
    backend: str | None = None
    proxy: Proxy = Proxy()
    http: Http | None = None
    drift: Drift = Drift()
    alarm: Alarm = Alarm()

    def __post_init__(self) -> None:
        _require(bool(self.board.strip()), 'board = ""', "a VISA resource name")
        _require(bool(self.calibrator.strip()), 'calibrator = ""', "the name of a file")
        _require(bool(self.store.strip()), 'store = ""', "the name of a folder")
        http = "" if self.http is None or not self.http.port else self.http.listen
        _require(
            http != self.proxy.listen, f"{http} to listen on twice", "another port for [http] and [proxy]"
        )

    @property
    def calibrator_path(self) -> Path:
        """The calibrator's file."""
        return Path(self.calibrator)

    @property
    def store_path(self) -> Path:
        """The store's folder."""
        return Path(self.store)

    @classmethod
    def load(cls, path: Path) -> DaemonSettings:
        """Read a settings file; relative names of files refer to its folder.

        Raises:
            SettingsError: it cannot be read or used; all that is wrong is said.
        """
        document = load_toml(path)
        problems = _problems(document, origin=str(path))
        if problems:
            raise SettingsError("\n".join(problems))
        settings = decode(document, cls, origin=str(path))
        if settings.board.startswith(PYTHON):
            require_code_allowed("board", settings.board, origin=str(path))
        folder = path.resolve().parent
        return msgspec.structs.replace(
            settings,
            calibrator=str(folder / settings.calibrator),
            store=str(folder / settings.store),
            backend=_backend_in(folder, settings.backend),
        )


def _backend_in(folder: Path, backend: str | None) -> str | None:
    """Make the bench file of a simulated board's backend absolute, where the folder has it."""
    name = (backend or "").removesuffix(_BACKEND_FILE)
    if backend is None or not backend.endswith(_BACKEND_FILE) or not (folder / name).is_file():
        return backend
    return f"{folder / name}{_BACKEND_FILE}"


def _problems(document: dict[str, Any], *, origin: str) -> list[str]:
    """Find every key that cannot be used: each is tried by itself beside good ones."""
    good = {"board": "TCPIP::localhost::5025::SOCKET", "calibrator": "c.onnx", "store": "store"}
    problems = []
    for key in good:
        if key not in document:
            problems.append(f"{origin}: {wanted(got=f'no key {key}', allowed=f'{key} = …', remedy='add it')}")
    for key, value in document.items():
        trials = (
            [{key: {name: each}} for name, each in value.items()] or [{key: value}]
            if isinstance(value, dict)
            else [{key: value}]
        )
        for trial in trials:
            try:
                decode({**good, **trial}, DaemonSettings, origin=origin)
            except SettingsError as error:
                problems.append(str(error))
    return problems
