"""Check of a backend's name that opens nothing: neither a VISA library nor a bench."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from pyvisa.ctwrapper.highlevel import IVIVisaLibrary

from crosscal.core.errors import InputError, wanted

IVI = "ivi"


def require_backend(backend: str | None) -> None:
    """Make sure that this machine has a backend of PyVISA by this name, and the file that it names.

    Args:
        backend: as for `open_board`; None for PyVISA's own choice.

    Raises:
        InputError: it has not.
    """
    given = backend or os.environ.get("PYVISA_LIBRARY", "")
    argument, mark, name = given.rpartition("@")
    if given and not mark:
        # A bare name is the path of a VISA library.
        argument, name = given, IVI
    if not given:
        name = IVI if _libraries() else "py"
    if name == IVI:
        if not argument and not _libraries():
            raise _refused(backend, "this machine has no VISA library")
    elif not name.isidentifier() or find_spec(f"pyvisa_{name}") is None:
        raise _refused(backend, f"there is no package pyvisa_{name}")
    # What has no ending may be the name of a profile, which comes with its package.
    of_file = name == IVI or (name in ("sim", "crosscal") and Path(argument).suffix != "")
    if argument and of_file and not Path(argument).is_file():
        raise _refused(backend, f"there is no file {argument}")


def _libraries() -> bool:
    return bool(IVIVisaLibrary.get_library_paths())


def _refused(backend: str | None, why: str) -> InputError:
    return InputError(
        wanted(
            got=f"backend {backend!r} ({why})",
            allowed="@py, @ivi, a file followed by @sim or @crosscal, or none for PyVISA's default",
            remedy="install the backend's package, or correct its name",
        )
    )
