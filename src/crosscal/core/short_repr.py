"""Short `repr` of values that hold arrays: shapes instead of pages of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

_SHOWN = 4
"""Elements of an array or entries of a mapping that are shown in full."""

_LONGEST = 160
"""Characters of any other value: two lines of a terminal."""


class ShortRepr:
    """Base of dataclasses (with `repr=False`) that print on a few lines, however large their arrays are."""

    __slots__ = ()

    def __repr__(self) -> str:
        named = (
            f"{field.name}={_short(getattr(self, field.name))}"
            for field in fields(self)  # type: ignore[arg-type]  (of its subclasses, which are dataclasses)
            if field.repr
        )
        return f"{type(self).__name__}({', '.join(named)})"


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.size > _SHOWN:
        return f"<{value.dtype} {'×'.join(map(str, value.shape))}>"
    if isinstance(value, Mapping) and len(value) > _SHOWN:
        return f"<{len(value)} entries>"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {_short(item)}" for key, item in value.items()) + "}"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
