"""Hardware with failures reported as -240 and the rows taken to 0 V afterwards."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from crosscal.firmware_models.hardware import Hardware, HardwareFailure
from crosscal.firmware_models.scpi_errors import ScpiFault

logger = logging.getLogger(__name__)


class GuardedHardware:
    """Stands in for a `Hardware` with methods that may raise anything.

    Drivers of boards are other people's code: whatever ends one of their calls must neither end the firmware
    nor leave the rows driven. That includes classes outside `Exception`, such as a panic of a Rust library.

    Args:
        hardware: the analogue side.
    """

    def __init__(self, hardware: Hardware) -> None:
        self.facts = hardware.facts
        self._hardware = hardware

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._hardware, name)

        def guarded(*arguments: Any, **settings: Any) -> Any:
            try:
                return method(*arguments, **settings)
            except KeyboardInterrupt:
                # The user's, in programs that have the board in their own process: it is theirs to handle.
                self._rest_after_failure()
                raise
            except BaseException as error:
                told = failure_text(error)
                logger.warning("the hardware failed in %s: %s", name, told)
                logger.debug("the hardware failed in %s", name, exc_info=True)
                if name != "rest":
                    self._rest_after_failure()
                raise ScpiFault(-240, told) from error

        # Looked up once: a read calls four methods.
        setattr(self, name, guarded)
        return guarded

    def _rest_after_failure(self) -> None:
        try:
            self._hardware.rest()
        except BaseException as error:  # noqa: BLE001  (nothing more can be done for the rows)
            logger.error("the rows could not be taken to 0 V: %s", failure_text(error))


def failure_text(error: BaseException) -> str:
    """Name an exception by its class and the first line of its text; a `HardwareFailure` explains itself."""
    if isinstance(error, HardwareFailure):
        return str(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return ": ".join([type(error).__name__, *lines[:1]])
