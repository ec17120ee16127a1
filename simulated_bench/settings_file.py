"""Reads a `bench.toml`: a profile as its base, the file's own keys on top."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crosscal.core.errors import SettingsError, wanted
from crosscal.core.settings import decode, load_toml
from crosscal.simulated_bench.settings import BenchSettings

PROFILES = Path(__file__).parent / "profiles"
FRONT_END_PREFIX = "front_end_"

# A table whose kind changes starts afresh: constants of another law or front end mean nothing in it.
KIND_KEYS = {"device": "law", "front_end": "profile"}


def profile_names() -> tuple[str, ...]:
    """Name the boards that come with the product."""
    names = (path.stem for path in PROFILES.glob("*.toml"))
    return tuple(sorted(name for name in names if not name.startswith(FRONT_END_PREFIX)))


def front_end_names() -> tuple[str, ...]:
    """Name the front ends that come with the product."""
    return tuple(
        sorted(path.stem.removeprefix(FRONT_END_PREFIX) for path in PROFILES.glob("front_end_*.toml"))
    )


def load_settings(source: str | Path, **overrides: Any) -> BenchSettings:
    """Read the settings of a bench.

    Args:
        source: path of a TOML file, or the name of a profile that comes with the product.
        overrides: top-level keys that replace the file's, such as `seed=3` or `noise={"read_relative": 0}`.

    Raises:
        SettingsError: no such file or profile, or a key that is unknown or has an impossible value.
    """
    path = Path(source)
    if path.is_file():
        document = load_toml(path)
    elif str(source) in profile_names():
        document = {"profile": str(source)}
    else:
        raise SettingsError(
            wanted(
                got=f"bench settings {str(source)!r}",
                allowed=f"the path of a TOML file, or a profile ({', '.join(profile_names())})",
                remedy="correct the name, or create the file",
            )
        )
    return settings_from(_merge(document, overrides), origin=str(source))


def settings_from(document: dict[str, Any], *, origin: str) -> BenchSettings:
    """Turn a parsed `bench.toml` into settings; `origin` names it in errors.

    Raises:
        SettingsError: a key is unknown or has an impossible value.
    """
    own = dict(document)
    base: dict[str, Any] = {}
    if "profile" in own:
        base = _profile(own.pop("profile"), profile_names(), prefix="", key="profile", origin=origin)
    merged = _merge(base, own)
    front_end = merged.get("front_end", {})
    if isinstance(front_end, dict):
        front_end = dict(front_end)
        name = front_end.pop("profile", "ideal")
        shipped = _profile(
            name, front_end_names(), prefix=FRONT_END_PREFIX, key="front_end.profile", origin=origin
        )
        merged["front_end"] = shipped | front_end
    return decode(merged, BenchSettings, origin=origin)


def _profile(name: Any, known: tuple[str, ...], *, prefix: str, key: str, origin: str) -> dict[str, Any]:
    if name not in known:
        raise SettingsError(
            f"{origin}: {key}: {wanted(got=repr(name), allowed=', '.join(known), remedy='correct the name')}"
        )
    return load_toml(PROFILES / f"{prefix}{name}.toml")


def _merge(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        below = base.get(key)
        if not (isinstance(value, dict) and isinstance(below, dict)):
            merged[key] = value
            continue
        kind = KIND_KEYS.get(key)
        changes_kind = kind in value and value[kind] != below.get(kind)
        merged[key] = dict(value) if changes_kind else below | value
    return merged
