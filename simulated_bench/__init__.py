"""The hidden truth behind a simulated board: devices, wires, the circuit they form, and the instrument.

Names are imported on first use, so that a part is paid for only where it is needed: the circuit's kernels
take a second to load, a settings file nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crosscal.simulated_bench.bench import Bench
    from crosscal.simulated_bench.charge.amplifier import ChargeAmplifier
    from crosscal.simulated_bench.charge.errors import ChargeBudget, charge_budget
    from crosscal.simulated_bench.charge.parasitics import ChargeParasitics
    from crosscal.simulated_bench.charge.reading import ChargeProduct, charge_product
    from crosscal.simulated_bench.charge.variation import CapacitanceVariation
    from crosscal.simulated_bench.circuit.alternating_current import AlternatingResponse, solve_ac
    from crosscal.simulated_bench.circuit.direct_current import solve_currents, solve_dc
    from crosscal.simulated_bench.circuit.line_faults import BridgedLines, GroundedLine, LineFault, OpenLine
    from crosscal.simulated_bench.circuit.linear_response import transfer_matrix
    from crosscal.simulated_bench.circuit.sensitivities import sensitivity
    from crosscal.simulated_bench.circuit.solution import Solution
    from crosscal.simulated_bench.circuit.transient import solve_transient
    from crosscal.simulated_bench.circuit.wires import Wires
    from crosscal.simulated_bench.devices import (
        CellLaw,
        DrivenLoop,
        Hopping,
        Memristor,
        Ohmic,
        OneTransistor,
        Saturating,
        Sinh,
        SmoothLaw,
        cell_current,
        driven_loop,
    )
    from crosscal.simulated_bench.devices.memcapacitor import Memcapacitor, MemcapacitorLoop
    from crosscal.simulated_bench.devices.meminductor import Meminductor, MeminductorLoop, pinch_limit_hz
    from crosscal.simulated_bench.devices.mos_capacitor import MosCapacitor
    from crosscal.simulated_bench.devices.transconductor import Transconductor
    from crosscal.simulated_bench.floor import NoiseFloor, noise_floor
    from crosscal.simulated_bench.instrument.powered_board import PoweredBoard
    from crosscal.simulated_bench.instrument.server import BenchServer, serve_pty, serve_tcp
    from crosscal.simulated_bench.instrument.sim_device import add_to_sim
    from crosscal.simulated_bench.netlists.check import NetlistCheck, check_netlist
    from crosscal.simulated_bench.netlists.run import run_netlist
    from crosscal.simulated_bench.netlists.writer import netlist
    from crosscal.simulated_bench.pictures.snapshot import Snapshot, program_bench, take_snapshot
    from crosscal.simulated_bench.settings import BenchSettings
    from crosscal.simulated_bench.settings_file import load_settings, profile_names, settings_text

__all__ = [
    "AlternatingResponse",
    "Bench",
    "BenchServer",
    "BenchSettings",
    "BridgedLines",
    "CapacitanceVariation",
    "CellLaw",
    "ChargeAmplifier",
    "ChargeBudget",
    "ChargeParasitics",
    "ChargeProduct",
    "DrivenLoop",
    "GroundedLine",
    "Hopping",
    "LineFault",
    "Memcapacitor",
    "MemcapacitorLoop",
    "Meminductor",
    "MeminductorLoop",
    "Memristor",
    "MosCapacitor",
    "NetlistCheck",
    "NoiseFloor",
    "Ohmic",
    "OneTransistor",
    "OpenLine",
    "PoweredBoard",
    "Saturating",
    "Sinh",
    "SmoothLaw",
    "Snapshot",
    "Solution",
    "Transconductor",
    "Wires",
    "add_to_sim",
    "cell_current",
    "charge_budget",
    "charge_product",
    "check_netlist",
    "driven_loop",
    "load_settings",
    "netlist",
    "noise_floor",
    "pinch_limit_hz",
    "profile_names",
    "program_bench",
    "run_netlist",
    "sensitivity",
    "serve_pty",
    "serve_tcp",
    "settings_text",
    "solve_ac",
    "solve_currents",
    "solve_dc",
    "solve_transient",
    "take_snapshot",
    "transfer_matrix",
]

_MODULES = {
    "circuit.alternating_current": ("AlternatingResponse", "solve_ac"),
    "bench": ("Bench",),
    "charge.amplifier": ("ChargeAmplifier",),
    "charge.errors": ("ChargeBudget", "charge_budget"),
    "charge.parasitics": ("ChargeParasitics",),
    "charge.reading": ("ChargeProduct", "charge_product"),
    "charge.variation": ("CapacitanceVariation",),
    "devices": (
        "CellLaw",
        "DrivenLoop",
        "Hopping",
        "Memristor",
        "Ohmic",
        "OneTransistor",
        "Saturating",
        "Sinh",
        "SmoothLaw",
        "cell_current",
        "driven_loop",
    ),
    "devices.memcapacitor": ("Memcapacitor", "MemcapacitorLoop"),
    "devices.meminductor": ("Meminductor", "MeminductorLoop", "pinch_limit_hz"),
    "devices.mos_capacitor": ("MosCapacitor",),
    "devices.transconductor": ("Transconductor",),
    "circuit.direct_current": ("solve_currents", "solve_dc"),
    "floor": ("NoiseFloor", "noise_floor"),
    "circuit.line_faults": ("BridgedLines", "GroundedLine", "LineFault", "OpenLine"),
    "circuit.linear_response": ("transfer_matrix",),
    "netlists.check": ("NetlistCheck", "check_netlist"),
    "netlists.run": ("run_netlist",),
    "netlists.writer": ("netlist",),
    "instrument.powered_board": ("PoweredBoard",),
    "circuit.sensitivities": ("sensitivity",),
    "instrument.server": ("BenchServer", "serve_pty", "serve_tcp"),
    "settings": ("BenchSettings",),
    "settings_file": ("load_settings", "profile_names", "settings_text"),
    "instrument.sim_device": ("add_to_sim",),
    "pictures.snapshot": ("Snapshot", "program_bench", "take_snapshot"),
    "circuit.solution": ("Solution",),
    "circuit.transient": ("solve_transient",),
    "circuit.wires": ("Wires",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
