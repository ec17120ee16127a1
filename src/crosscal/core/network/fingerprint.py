"""Fingerprint of values by content: results that are kept are told apart by everything that decides them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import UNSET

from crosscal.core.errors import InputError, wanted


def fingerprint(*values: Any) -> str:
    """Return a digest of values, however deep: numbers, text, arrays, containers and plain objects.

    A path counts as what the file contains.

    Args:
        values: of these kinds; an object by its class and its fields.

    Returns:
        32 hexadecimal digits.

    Raises:
        InputError: a value of another kind, whose content is unknown.
        OSError: a file cannot be read.
    """
    found = hashlib.blake2b(digest_size=16)
    for part in _parts(values):
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.hexdigest()


def _parts(value: Any) -> Iterator[bytes | memoryview]:
    if value is None or value is UNSET or isinstance(value, bool | int | float | str | np.generic):
        yield f"{type(value).__name__} {value!r}".encode()
    elif isinstance(value, bytes):
        yield value
    elif isinstance(value, Path):
        yield value.read_bytes()
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype.str} {value.shape}".encode()
        yield np.ascontiguousarray(value).reshape(-1).view(np.uint8).data
    elif hasattr(value, "__array__"):  # torch's tensors
        yield from _parts(np.asarray(value.detach().cpu()))
    elif isinstance(value, dict):
        yield f"dict {len(value)}".encode()
        for key in sorted(value, key=repr):
            yield from _parts(key)
            yield from _parts(value[key])
    elif isinstance(value, list | tuple):
        yield f"sequence {len(value)}".encode()
        for each in value:
            yield from _parts(each)
    else:
        yield from _fields(value)


def _fields(value: Any) -> Iterator[bytes | memoryview]:
    # Of dataclasses, and of msgspec's structs.
    names = getattr(value, "__dataclass_fields__", None) or getattr(value, "__struct_fields__", None)
    if names is None:
        raise InputError(
            wanted(
                got=f"a value of {type(value).__name__} to tell results apart by",
                allowed="numbers, text, arrays, containers and plain objects",
                remedy="give its content",
            )
        )
    yield type(value).__name__.encode()
    yield from _parts({name: getattr(value, name) for name in names})
