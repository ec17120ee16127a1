"""Failures of a command: one line for people, and an exit code.

0    done
1    a failure: files, boards or data that cannot be used, room or packages that are missing
2    wrong usage: the command line cannot be understood
3    a result that was not written, because it is worse (recalibrate)
130  interrupted by Ctrl-C, or terminated
"""

from __future__ import annotations

import errno

from crosscal.core.errors import CrosscalError
from crosscal.core.file_errors import remedy_of

FAILURE = 1  # exit code
INTERRUPTED = 130  # exit code: 128 + SIGINT, as shells have it
EXTRA_OF = {
    "torch": "train",
    "onnx": "train",
    "PIL": "train",
    "threadpoolctl": "train",
    "scipy": "bench",
    "matplotlib": "bench",
    "pyvisa_sim": "bench",
    "tomli_w": "bench",
    "distributed": "cluster",
    "prometheus_client": "daemon",
    "starlette": "daemon",
    "uvicorn": "daemon",
}
"""The extra of `pip install crosscal[…]` that brings a package."""


def explain(error: BaseException) -> str | None:
    """Phrase an error made for people in one line; None for one that is a slip of the program."""
    if isinstance(error, CrosscalError):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        # A file or folder that was named by the caller: commands open no other by themselves. One that is
        # not there may have been meant to be read or to be written into.
        writing = error.errno not in (errno.ENOENT, errno.ENOTDIR)
        return f"{error.filename}: {error.strerror}; {remedy_of(error.errno, writing=writing)}"
    if isinstance(error, ModuleNotFoundError):
        extra = EXTRA_OF.get((error.name or "").partition(".")[0])
        if extra is not None:
            return f"this command needs {error.name}; install it with: pip install 'crosscal[{extra}]'"
    if isinstance(error, MemoryError):
        return "not enough memory; ask for fewer or smaller matrices and vectors"
    return None


def explain_interrupt(interrupt: BaseException) -> str:
    """Phrase an interrupt, with the notes that `keeping` left on it."""
    # click raises its own exception from a KeyboardInterrupt; its older releases while they handle one.
    chain = [interrupt, interrupt.__cause__ or interrupt.__context__]
    notes = [note for each in chain if each is not None for note in getattr(each, "__notes__", ())]
    return "; ".join(["interrupted", *notes])
