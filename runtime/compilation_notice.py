"""Notice that kernels are being compiled: the first use of a kind would otherwise look like a hang."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event

logger = logging.getLogger(__name__)


class _Notice(event.Listener):
    """Tells of the first compilation that it hears of; kernels that come from the cache make no sound."""

    def __init__(self, kind: str, about_s: float) -> None:
        self._kind, self._about_s = kind, about_s
        self.begun_s: float | None = None

    def on_start(self, event: Any) -> None:  # noqa: ARG002 - whatever it is that compiles
        if self.begun_s is None:
            self.begun_s = time.monotonic()
            # A warning, so that a script that sets up no logging shows it too.
            logger.warning(
                "compiling the read kernels of %s, once per installation: about %g s on a free processor",
                self._kind,
                self._about_s,
            )

    def on_end(self, event: Any) -> None:
        """One kernel is done; others may follow."""


@contextmanager
def announce_compilation(kind: str, *, about_s: float) -> Iterator[None]:
    """Log the wait, if kernels compile within: a warning as it begins, how long it took after.

    Args:
        kind: of calibrator. about_s: time to compile its kernels.
    """
    notice = _Notice(kind, about_s)
    with event.install_listener("numba:compile", notice):
        yield
    if notice.begun_s is not None:
        logger.info("compiled the read kernels of %s in %.0f s", kind, time.monotonic() - notice.begun_s)
