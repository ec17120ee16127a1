"""Masked arrays and booleans, refused wherever the bench takes numbers."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from crosscal.core.errors import InputError
from crosscal.simulated_bench import (
    Bench,
    ChargeAmplifier,
    Memcapacitor,
    Memristor,
    MosCapacitor,
    Ohmic,
    OneTransistor,
    Transconductor,
    Wires,
    cell_current,
    charge_product,
    driven_loop,
    linear_gaussian_reference,
    netlist,
    program_bench,
    sensitivity,
    solve_ac,
    solve_currents,
    solve_dc,
    solve_transient,
    take_snapshot,
    transfer_matrix,
)

CIRCUIT: dict[str, Any] = {"wires": Wires(row_ohm=2.0), "device": Ohmic()}
CELLS_S = np.full((3, 4), 5e-5)
DRIVE_V = np.full(3, 0.3)
TIMES_S = np.array([0.0, 1e-9, 2e-9])
INTEGRATOR = ChargeAmplifier(feedback_f=1e-12, window_s=1e-6)


def read_charge(capacitance_f: Any, voltage_v: Any) -> object:
    rng = np.random.default_rng(0)
    return charge_product(capacitance_f, voltage_v, amplifier=INTEGRATOR, rng=rng)


def snapshot(voltage_v: Any) -> object:
    bench = Bench.from_profile("lab-12x16")
    target_s = np.full((12, 16), 5e-5)
    bench.begin_programming(array("d", target_s.ravel()), 0.01)
    return take_snapshot(bench, target_s, voltage_v)


ENTRIES: dict[str, tuple[Callable[[Any], object], np.ndarray]] = {
    "solve_dc, conductances": (lambda g: solve_dc(g, DRIVE_V, **CIRCUIT), CELLS_S),
    "solve_dc, voltages": (lambda v: solve_dc(CELLS_S, v, **CIRCUIT), DRIVE_V),
    "solve_currents, conductances": (lambda g: solve_currents(g, DRIVE_V, **CIRCUIT), CELLS_S),
    "solve_currents, voltages": (lambda v: solve_currents(CELLS_S, v, **CIRCUIT), DRIVE_V),
    "sensitivity, conductances": (lambda g: sensitivity(g, DRIVE_V, **CIRCUIT), CELLS_S),
    "sensitivity, voltages": (lambda v: sensitivity(CELLS_S, v, **CIRCUIT), DRIVE_V),
    "transfer_matrix": (lambda g: transfer_matrix(g, wires=Wires()), CELLS_S),
    "solve_ac, conductances": (lambda g: solve_ac(g, DRIVE_V, np.array([1e3]), **CIRCUIT), CELLS_S),
    "solve_ac, bias": (lambda v: solve_ac(CELLS_S, v, np.array([1e3]), **CIRCUIT), DRIVE_V),
    "solve_ac, frequencies": (lambda f: solve_ac(CELLS_S, DRIVE_V, f, **CIRCUIT), np.array([1.0, 10.0])),
    "solve_transient, conductances": (
        lambda g: solve_transient(g, lambda _: DRIVE_V, TIMES_S, capacitance_f=1e-15, **CIRCUIT),
        CELLS_S,
    ),
    "solve_transient, drive": (
        lambda v: solve_transient(CELLS_S, lambda _: v, TIMES_S, capacitance_f=1e-15, **CIRCUIT),
        DRIVE_V,
    ),
    "solve_transient, times": (
        lambda t: solve_transient(CELLS_S, lambda _: DRIVE_V, t, capacitance_f=1e-15, **CIRCUIT),
        TIMES_S,
    ),
    "wires, drivers": (lambda ohm: Wires(source_ohm=ohm), np.array([50.0, 60.0])),
    "wires, amplifiers": (lambda ohm: Wires(sense_ohm=ohm), np.array([10.0, 20.0])),
    "linear_gaussian_reference, conductances": (
        lambda g: linear_gaussian_reference(g, DRIVE_V, noise_a=1e-9, **CIRCUIT),
        CELLS_S,
    ),
    "linear_gaussian_reference, voltages": (
        lambda v: linear_gaussian_reference(CELLS_S, v, noise_a=1e-9, **CIRCUIT),
        DRIVE_V,
    ),
    "netlist, conductances": (lambda g: netlist(g, DRIVE_V, **CIRCUIT), CELLS_S),
    "netlist, voltages": (lambda v: netlist(CELLS_S, v, **CIRCUIT), DRIVE_V),
    "netlist, times": (
        lambda t: netlist(CELLS_S, np.full((3, 3), 0.3), time_s=t, **CIRCUIT),
        TIMES_S,
    ),
    "charge_product, capacitances": (lambda c: read_charge(c, DRIVE_V), np.full((3, 4), 1e-14)),
    "charge_product, voltages": (lambda v: read_charge(np.full((3, 4), 1e-14), v), DRIVE_V),
    "cell_current, conductances": (lambda g: cell_current(Ohmic(), g, 0.1), CELLS_S),
    "cell_current, voltages": (lambda v: cell_current(Ohmic(), 5e-5, v), DRIVE_V),
    "access transistor": (lambda v: OneTransistor(gate_v=v), np.array([3.0, 3.3])),
    "memristor, states": (lambda r: Memristor().current(r, 0.1), np.full(3, 2e4)),
    "memristor, pulses": (lambda v: Memristor().step(2e4, v, 1e-6), np.full(3, 1.5)),
    "memristor, durations": (lambda t: Memristor().step(2e4, 1.5, t), np.full(3, 1e-6)),
    "driven memristor": (lambda v: driven_loop(Memristor(), TIMES_S, v), np.full(3, 0.3)),
    "memcapacitor": (lambda v: Memcapacitor().rate_f_per_s(v), np.full(3, 2.0)),
    "MOS capacitor": (lambda v: MosCapacitor(area_m2=1e-12).surface_v(v), np.full(3, 0.5)),
    "transconductor": (lambda v: Transconductor().current_a(v), np.full(3, 0.05)),
    "program_bench": (lambda g: program_bench(Bench.from_profile("lab-12x16"), g), np.full((12, 16), 5e-5)),
    "take_snapshot": (snapshot, np.full((1, 12), 0.3)),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_masked_element_is_refused_and_not_read_from_under_its_mask(entry: str) -> None:
    call, good = ENTRIES[entry]
    call(good)  # it is the mask that is refused
    mask = np.zeros(good.shape, dtype=bool)
    mask.flat[-1] = True
    with pytest.raises(InputError):
        call(np.ma.masked_array(good, mask))


@pytest.mark.parametrize("entry", ENTRIES)
def test_booleans_are_refused_and_not_counted_as_1(entry: str) -> None:
    call, good = ENTRIES[entry]
    with pytest.raises(InputError):
        call(np.ones(good.shape, dtype=bool))


def test_an_array_with_a_mask_that_hides_nothing_is_as_good_as_any() -> None:
    unmasked = np.ma.masked_array(CELLS_S, np.zeros(CELLS_S.shape, dtype=bool))
    plain = solve_dc(CELLS_S, DRIVE_V, **CIRCUIT).current_a
    np.testing.assert_array_equal(solve_dc(unmasked, DRIVE_V, **CIRCUIT).current_a, plain)


@pytest.mark.parametrize("value", [True, np.ma.masked])
def test_a_single_resistance_or_element_that_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"Wires\.row_ohm"):
        Wires(row_ohm=value)
    with pytest.raises(InputError, match="capacitance_f"):
        solve_transient(CELLS_S, lambda _: DRIVE_V, TIMES_S, capacitance_f=value, **CIRCUIT)
