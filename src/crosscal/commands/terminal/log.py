"""Log of crosscal on standard error, as `-v` and `-vv` ask for it."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

_FORMAT = "%(asctime)s %(name)s %(levelname)s %(message)s"
# By the number of times that -v is given.
_LEVELS = {0: logging.WARNING, 1: logging.INFO}


def start_log(verbose: int) -> None:
    """Print what crosscal logs: warnings, transitions (1) or everything (2); of other libraries, warnings."""
    level = _LEVELS.get(verbose, logging.DEBUG)
    handler = _StandardErrorHandler()
    handler.setFormatter(logging.Formatter(_FORMAT))
    # A progress bar may listen to more than is printed.
    handler.setLevel(level)
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old, _StandardErrorHandler):
            root.removeHandler(old)
    root.addHandler(handler)
    logging.getLogger("crosscal").setLevel(level)


def show_transitions(name: str) -> None:
    """Print the transitions of one part too, where `-v` does not ask for those of all."""
    logger = logging.getLogger(name)
    logger.setLevel(min(logging.INFO, logger.getEffectiveLevel()))
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _StandardErrorHandler):
            handler.setLevel(min(logging.INFO, handler.level))


class _StandardErrorHandler(logging.StreamHandler):
    """Handler that writes to the standard error of the moment: a progress bar puts itself in its place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        """Standard error now."""
        return sys.stderr
