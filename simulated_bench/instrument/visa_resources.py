"""Resource names of a bench's board."""

from __future__ import annotations

import re

from pyvisa import rname

from crosscal.core.errors import SettingsError, wanted
from crosscal.simulated_bench.instrument.visa_sessions import SESSION_CLASSES
from crosscal.simulated_bench.settings.bench_settings import BenchSettings

CLASSES = frozenset(kind for _, kind in SESSION_CLASSES)


def board_resources(settings: BenchSettings, *, origin: str) -> tuple[str, ...]:
    """List the canonical names of `[visa] resources`; `origin` names the file in errors.

    Raises:
        SettingsError: a name that VISA cannot parse, of an interface that the board lacks, or given twice.
    """
    found: list[str] = []
    for stated in settings.visa.resources:
        name = stated.replace("{serial}", settings.board.serial)
        canonical = _canonical(name)
        if canonical is None or canonical in found:
            kinds = ", ".join(f"{interface.name.upper()} {kind}" for interface, kind in SESSION_CLASSES)
            what = "twice" if canonical in found else ""
            raise SettingsError(
                f"{origin}: visa.resources: "
                + wanted(
                    got=f"{stated!r} {what}".strip(),
                    allowed=f"VISA resource names, each once, of {kinds}",
                    remedy="correct it, such as TCPIP0::localhost::5025::SOCKET",
                )
            )
        found.append(canonical)
    return tuple(found)


def canonical_case(name: str) -> str:
    """Write the interface and the class of a resource name in capitals, as PyVISA wants them."""
    interface, *rest = name.split("::")
    found = re.match(r"[A-Za-z]+(?=[0-9/.]|$)", interface)
    if found:
        interface = found[0].upper() + interface[found.end() :]
    if rest and rest[-1].upper() in CLASSES:
        rest[-1] = rest[-1].upper()
        # PyVISA takes a class in small letters for a part of the address, and adds its own.
        if rest[-2:-1] and rest[-2].upper() == rest[-1]:
            del rest[-2]
    return "::".join([interface, *rest])


def _canonical(name: str) -> str | None:
    """Complete a resource name to its canonical form; None if it is none, or of no interface of the board."""
    try:
        parsed = rname.parse_resource_name(name)
    except rname.InvalidResourceName:
        return None
    known = (parsed.interface_type_const, parsed.resource_class) in SESSION_CLASSES
    return str(parsed) if known else None
