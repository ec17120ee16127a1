"""Construction of the cells' law that a `bench.toml` names."""

from __future__ import annotations

from importlib import import_module

import msgspec

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


def build_device(settings: DeviceSettings) -> CellLaw:
    """Make the law of a `[device]` table, behind its access transistor if it has one.

    Raises:
        SettingsError: a class that cannot be imported or built; the message says why.
    """
    law = _law(settings)
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
    module_name, _, class_name = settings.name.partition(":")
    try:
        made = getattr(import_module(module_name), class_name)(**settings.parameters)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        allowed = "package.module:Class, importable, built by the keys of [device.parameters]"
        remedy = f"correct it, or put its folder on PYTHONPATH ({type(error).__name__}: {error})"
        got = f"device.law = {settings.name!r}"
        raise SettingsError(wanted(got=got, allowed=allowed, remedy=remedy)) from error
    if not callable(getattr(made, "evaluate", None)):
        got = f"device.law = {settings.name!r}, which has no method evaluate"
        allowed = "a CellLaw, see docs/how_to/own_device.md"
        raise SettingsError(wanted(got=got, allowed=allowed, remedy="give it one"))
    return made
