"""Consent to run Python code that a settings file names.

A class or resource that the user types is consent; one inside a settings file is not, since files come from
others. `--allow-code`, `open_board(…, allow_code=True)` and CROSSCAL_ALLOW_CODE=1 in the environment give it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from crosscal.core.errors import SettingsError, wanted

VARIABLE = "CROSSCAL_ALLOW_CODE"

_allowed: ContextVar[bool] = ContextVar("allow_code", default=False)


def code_is_allowed() -> bool:
    """Tell whether settings files may name code to run."""
    return _allowed.get() or os.environ.get(VARIABLE) == "1"


@contextmanager
def code_allowed(allow: bool = True) -> Iterator[None]:
    """Give consent inside a `with`, in this thread; with `allow=False` leave everything as it is."""
    token = _allowed.set(_allowed.get() or allow)
    try:
        yield
    finally:
        _allowed.reset(token)


def require_code_allowed(key: str, code: str, *, origin: str) -> None:
    """Refuse code that a settings file names, unless the user has allowed it; nothing is imported.

    Args:
        key: of the file, such as `device.law`.
        code: the code's name, such as `my_lab:Tunnel`.
        origin: the file.

    Raises:
        SettingsError: the message says how to allow it.
    """
    if code_is_allowed():
        return
    got = f"{code!r}, code that this file would have run"
    allowed = "what comes with crosscal, or code that you allow"
    remedy = (
        f"if you trust the file, allow it: --allow-code, open_board(…, allow_code=True) or {VARIABLE}=1 in "
        "the environment"
    )
    raise SettingsError(f"{origin}: {key}: {wanted(got=got, allowed=allowed, remedy=remedy)}")
