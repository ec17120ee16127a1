"""Construction of the cells' law that a `bench.toml` names."""

from __future__ import annotations

import math
from importlib import import_module

import msgspec
import numpy as np

from crosscal.core.errors import InputError, SettingsError, wanted
from crosscal.simulated_bench.devices import (
    CellLaw,
    Hopping,
    Memristor,
    Ohmic,
    OneTransistor,
    Saturating,
    Sinh,
)
from crosscal.simulated_bench.devices.law_probe import require_sound_law
from crosscal.simulated_bench.settings.devices import (
    ClassSettings,
    DeviceSettings,
    DeviceTable,
    HoppingSettings,
    MemristorSettings,
    OhmicSettings,
    SaturatingSettings,
)

_COMMON = frozenset(field.name for field in msgspec.structs.fields(DeviceTable))


def build_device(
    settings: DeviceSettings, conductance_s: np.ndarray, *, least_slope_s: float = -math.inf
) -> CellLaw:
    """Make the law of a `[device]` table, behind its access transistor if it has one.

    Args:
        settings: the table.
        conductance_s: conductances that a class of the user's own is probed with [S], (N, M).
        least_slope_s: as of `require_sound_law`.

    Raises:
        SettingsError: a class that cannot be imported, built or used; the message says why.
    """
    law = _law(settings)
    if isinstance(settings, ClassSettings):
        try:
            require_sound_law(law, conductance_s, least_slope_s=least_slope_s)
        except InputError as error:
            raise SettingsError(f"device.law = {settings.name!r}: {error}") from error
    access = settings.access
    if access is None:
        return law
    try:
        return OneTransistor(
            cell=law,
            gate_v=access.gate_v,
            threshold_v=access.threshold_v,
            gain_a_per_v2=access.gain_a_per_v2,
        )
    except InputError as error:
        raise SettingsError(f"device.access: {error}") from error


def memristor_of(law: CellLaw) -> Memristor | None:
    """Find the memristor that a law is, bare or behind its transistor."""
    bare = law.cell if isinstance(law, OneTransistor) else law
    return bare if isinstance(bare, Memristor) else None


def _law(settings: DeviceSettings) -> CellLaw:
    if isinstance(settings, ClassSettings):
        return _of_class(settings)
    constants = {
        name: value for name, value in msgspec.structs.asdict(settings).items() if name not in _COMMON
    }
    if isinstance(settings, OhmicSettings):
        return Ohmic()
    if isinstance(settings, HoppingSettings):
        return Hopping(**constants)
    if isinstance(settings, SaturatingSettings):
        return Saturating(**constants)
    if isinstance(settings, MemristorSettings):
        return Memristor(**constants)
    return Sinh(**constants)


def _of_class(settings: ClassSettings) -> CellLaw:
    """Import and build a class of the user's own; anything else in its place is not even called."""
    got = f"device.law = {settings.name!r}"
    module_name, _, class_name = settings.name.partition(":")
    try:
        found = getattr(import_module(module_name), class_name)
    except Exception as error:
        raise _unusable(got, error) from error
    if not (isinstance(found, type) and callable(getattr(found, "evaluate", None))):
        allowed = "a class with a method evaluate(conductance_s, voltage_v, current_a, slope_s)"
        remedy = "see docs/how_to/own_device.md"
        raise SettingsError(wanted(got=f"{got}, no method evaluate", allowed=allowed, remedy=remedy))
    try:
        return found(**settings.parameters)
    except Exception as error:
        raise _unusable(got, error) from error


def _unusable(got: str, error: Exception) -> SettingsError:
    allowed = "package.module:Class, importable, built by the keys of [device.parameters]"
    remedy = f"correct it, or put its folder on PYTHONPATH ({type(error).__name__}: {error})"
    return SettingsError(wanted(got=got, allowed=allowed, remedy=remedy))
