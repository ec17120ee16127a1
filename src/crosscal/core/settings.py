"""Settings files: TOML decoded into msgspec structs; an unknown or impossible key is an error naming it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec.inspect import StructType, Type, UnionType, type_info

from crosscal.core.errors import SettingsError, wanted
from crosscal.core.text_file import read_text

T = TypeVar("T")


def decode(document: dict, settings_type: type[T], *, origin: str) -> T:
    """Turn a parsed TOML document into `settings_type`, a struct with `forbid_unknown_fields=True`.

    Raises:
        SettingsError: a key is unknown, missing, of the wrong type or outside its limits.
    """
    _require_known_keys(document, type_info(settings_type), origin=origin, path="")
    try:
        return msgspec.convert(document, settings_type)
    except (msgspec.ValidationError, ValueError) as error:
        raise SettingsError(f"{origin}: {_explained(str(error), document)}") from error


def _require_known_keys(value: Any, expected: Type, *, origin: str, path: str) -> None:
    """Refuse an unknown key by name, with those that its table may hold: msgspec does not list them."""
    if not isinstance(value, dict):
        # Not a table: of the wrong type where one is expected, which the conversion says.
        return
    table = _table(value, expected, origin=origin, path=path)
    if table is None:
        return
    known = {field.encode_name: field.type for field in table.fields}
    if isinstance(table.tag_field, str):
        known[table.tag_field] = type_info(str)
    for key, below in value.items():
        name = f"{path}{key}"
        if key not in known:
            raise SettingsError(
                f"{origin}: "
                + wanted(
                    got=f"the unknown key {name}",
                    allowed=", ".join(f"{path}{known_key}" for known_key in known),
                    remedy="correct its name or leave it out",
                )
            )
        _require_known_keys(below, known[key], origin=origin, path=f"{name}.")


def _table(value: dict, expected: Type, *, origin: str, path: str) -> StructType | None:
    """Pick the struct that a table stands for; None if none is expected, or its kind is left out."""
    if isinstance(expected, StructType):
        return expected
    if not isinstance(expected, UnionType):
        return None
    kinds = [kind for kind in expected.types if isinstance(kind, StructType)]
    tagged = {kind.tag: kind for kind in kinds if kind.tag_field in value}
    if not tagged:
        return kinds[0] if len(kinds) == 1 else None
    tag_field = next(iter(tagged.values())).tag_field
    tag = value[tag_field]
    if not isinstance(tag, str) or tag not in tagged:
        raise SettingsError(
            f"{origin}: {path}{tag_field}: "
            + wanted(
                got=repr(tag), allowed=", ".join(str(name) for name in tagged), remedy="correct the name"
            )
        )
    return tagged[tag]


def _explained(message: str, document: Any) -> str:
    """Add the value to the message: msgspec leaves it out where a value is outside its limits."""
    place = r"(?P<limits>.*) - at `\$\.(?P<key>[\w.]+)(?P<item>\[[\w.]+\])?`"
    found = re.fullmatch(place, message, re.DOTALL)
    if found is None:
        return f"{message}; correct that key"
    value = document
    for name in found["key"].split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None or isinstance(value, dict):
        # A key that is missing, or a table whose keys do not go together: the message says which.
        return f"{found['key']}: {found['limits']}; correct that key"
    allowed = found["limits"].partition(", got ")[0].removeprefix("Expected ").replace("`", "")
    allowed = "a table" if allowed == "object" else allowed
    allowed = f"each {allowed}" if found["item"] else allowed
    return f"{found['key']}: " + wanted(got=repr(value), allowed=allowed, remedy="correct that key")


def load_toml(path: Path) -> dict:
    """Read a TOML file.

    Raises:
        SettingsError: it does not exist or is no TOML.
    """
    try:
        return tomllib.loads(read_text(path))
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read ({error.strerror}); give the path of a TOML file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML ({error}); correct that line") from error
