"""Alarms: recorded, logged, and handed to a command of the user's, for which nothing ever waits."""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Any

logger = logging.getLogger(__name__)

_WAITING_MOST = 16
"""Alarms that wait for their command; a command that hangs must not fill the memory."""
_COMMAND_S = 60.0
"""A command that takes longer is ended."""


class AlarmCommand:
    """Runs the user's command, one alarm at a time, in a thread of its own.

    Args:
        command: program and arguments; none runs nothing.
        limit_s: how long one may take [s].
    """

    def __init__(self, command: Sequence[str], *, limit_s: float = _COMMAND_S) -> None:
        self._command = tuple(command)
        self._limit_s = limit_s
        self._waiting: queue.Queue[bytes | None] = queue.Queue(_WAITING_MOST)
        self._thread: threading.Thread | None = None

    def __call__(self, alarm: Mapping[str, Any]) -> None:
        """Hand an alarm over, and return at once."""
        if not self._command:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="crosscal-alarm", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(json.dumps(alarm).encode() + b"\n")
        except queue.Full:
            logger.error("the alarm command hangs; alarm left out: %s", alarm.get("text"))

    def finish(self, wait_s: float) -> None:
        """Let the alarms that wait be handed over, for at most `wait_s` [s]."""
        if self._thread is not None:
            try:
                self._waiting.put(None, timeout=wait_s)
            except queue.Full:
                return
            self._thread.join(wait_s)

    def _run(self) -> None:
        while (alarm := self._waiting.get()) is not None:
            try:
                self._hand_over(alarm)
            except OSError as error:
                logger.error("the alarm command %s cannot be run: %s", self._command[0], error)

    def _hand_over(self, alarm: bytes) -> None:
        # A session of its own, so that whatever it starts ends with it.
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.communicate(alarm, timeout=self._limit_s)
        except subprocess.TimeoutExpired:
            logger.error("the alarm command took more than %.3g s and is ended", self._limit_s)
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        if process.returncode:
            logger.error("the alarm command ended with code %d", process.returncode)
