"""Reader of a `bench.toml`: a profile as its base, the file's own keys on top."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from crosscal.core.errors import SettingsError, wanted
from crosscal.core.settings import decode, load_toml
from crosscal.core.user_code import code_allowed, require_code_allowed
from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.settings.devices import ClassSettings, with_class_named

PROFILES = Path(__file__).parents[1] / "profiles"  # those that come along
FRONT_END_PREFIX = "front_end_"

DEEPEST = 8
"""Files may stand on one another, but not without end."""

# A table whose kind changes starts afresh: constants of another law or front end mean nothing in it.
KIND_KEYS = {
    "device": "law",
    "front_end": "profile",
    "programming_error": "law",
    "drift": "law",
    "flicker": "law",
    "telegraph": "law",
}


def profile_names() -> tuple[str, ...]:
    """Name the boards that come with the product."""
    names = (path.stem for path in PROFILES.glob("*.toml"))
    return tuple(sorted(name for name in names if not name.startswith(FRONT_END_PREFIX)))


def front_end_names() -> tuple[str, ...]:
    """Name the front ends that come with the product."""
    found = PROFILES.glob(f"{FRONT_END_PREFIX}*.toml")
    return tuple(sorted(path.stem.removeprefix(FRONT_END_PREFIX) for path in found))


def load_settings(source: str | Path, *, allow_code: bool = False, **overrides: Any) -> BenchSettings:
    """Read the settings of a bench.

    Args:
        source: path of a TOML file, or the name of a profile that comes with the product.
        allow_code: let the file name a device class, which is imported when a board is built; see
            `crosscal.core.user_code`. One that `overrides` name needs no consent.
        overrides: top-level keys that go on top of the file's, such as `seed=3` or
            `noise={"read_relative": 0}`; a table replaces only the keys it has.

    Raises:
        SettingsError: no such file or profile, a key that is unknown or has an impossible value, or code that
            was not allowed.
    """
    origin = str(source)
    merged = settings_document(source, **overrides)
    settings = decode(merged, BenchSettings, origin=origin)
    own = overrides.get("device")
    typed = isinstance(own, dict) and "law" in own
    if isinstance(settings.device, ClassSettings) and not typed:
        with code_allowed(allow_code):
            require_code_allowed("device.law", settings.device.name, origin=origin)
    return settings


def settings_document(source: str | Path, **overrides: Any) -> dict[str, Any]:
    """Read the tables of a bench's settings, those of its profiles below; arguments as of `load_settings`.

    Raises:
        SettingsError: no such file or profile, or no TOML.
    """
    path, origin = Path(source), str(source)
    if path.is_file():
        document, folder = load_toml(path), path.parent
    elif origin in profile_names():
        document, folder = {"profile": origin}, Path()
    else:
        allowed = f"the path of a TOML file, or a profile ({', '.join(profile_names())})"
        remedy = "correct the name, or create the file"
        raise SettingsError(wanted(got=f"bench settings {origin!r}", allowed=allowed, remedy=remedy))
    merged = _merge(_on_its_base(document, folder, origin=origin), overrides)
    device = merged.get("device")
    if isinstance(device, dict):
        merged["device"] = with_class_named(device)
    front_end = merged.get("front_end", {})
    if isinstance(front_end, dict):
        merged["front_end"] = _on_its_front_end(front_end, origin=origin)
    return merged


def settings_text(settings: BenchSettings) -> str:
    """Write settings as a `bench.toml` on no profile; `load_settings` reads it back unchanged."""
    return msgspec.toml.encode(_without_none(msgspec.to_builtins(settings))).decode()


def _without_none(value: Any) -> Any:
    """Leave out unset values: TOML has no word for them."""
    if isinstance(value, dict):
        return {key: _without_none(each) for key, each in value.items() if each is not None}
    return [_without_none(each) for each in value] if isinstance(value, list | tuple) else value


def _on_its_base(document: dict[str, Any], folder: Path, *, origin: str, depth: int = 0) -> dict[str, Any]:
    """Put a document's own keys on top of those of the profile it names."""
    own = dict(document)
    if "profile" not in own:
        return own
    name = own.pop("profile")
    if name in profile_names():
        return _merge(load_toml(PROFILES / f"{name}.toml"), own)
    base = folder / str(name)
    if depth == DEEPEST or not base.is_file():
        known = ", ".join(profile_names())
        allowed = f"{known}, or the path of a TOML file, at most {DEEPEST} on one another"
        raise SettingsError(
            f"{origin}: profile: {wanted(got=repr(name), allowed=allowed, remedy='correct the name')}"
        )
    below = _on_its_base(load_toml(base), base.parent, origin=str(base), depth=depth + 1)
    return _merge(below, own)


def _on_its_front_end(front_end: dict[str, Any], *, origin: str) -> dict[str, Any]:
    own = dict(front_end)
    name = own.pop("profile", "ideal")
    if name not in front_end_names():
        allowed = ", ".join(front_end_names())
        raise SettingsError(
            f"{origin}: front_end.profile: "
            + wanted(got=repr(name), allowed=allowed, remedy="correct the name")
        )
    return load_toml(PROFILES / f"{FRONT_END_PREFIX}{name}.toml") | own


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
