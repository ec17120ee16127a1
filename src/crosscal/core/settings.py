"""Settings files: TOML decoded into msgspec structs; an unknown or impossible key is an error naming it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

from crosscal.core.errors import SettingsError

T = TypeVar("T")


def decode(document: dict, settings_type: type[T], *, origin: str) -> T:
    """Turn a parsed TOML document into `settings_type`, a struct with `forbid_unknown_fields=True`.

    Raises:
        SettingsError: a key is unknown, missing, of the wrong type or outside its limits.
    """
    try:
        return msgspec.convert(document, settings_type, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise SettingsError(f"{origin}: {error}") from error


def load_toml(path: Path) -> dict:
    """Read a TOML file.

    Raises:
        SettingsError: it does not exist or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read ({error.strerror}); give the path of a TOML file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML ({error}); correct that line") from error
