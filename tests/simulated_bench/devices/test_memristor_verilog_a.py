"""The memristor in Verilog-A, compiled and interpreted, against the one in Python.

openvaf-py gives the residuals of the compiled module: the current out of each terminal, and for the node that
holds the state what flows into it at once (`−dR/dt`) and what is stored (`R`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import fields
from importlib.resources import files

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from crosscal.simulated_bench import Memristor

if sys.platform != "linux" or sys.version_info >= (3, 13):
    pytest.skip("openvaf-py has no wheel here, see pyproject.toml", allow_module_level=True)
import openvaf_py

CELL = Memristor()
CYCLE = ((1.6, 5e-4), (0.4, 1e-3), (-0.8, 3e-4), (-1.7, 5e-4), (-0.3, 1e-3), (1.1, 1e-3), (1.9, 3e-4))
"""Voltages and widths of pulses that reset, rest, set, rest and reset once more."""


@pytest.fixture(scope="module")
def module():
    path = files("crosscal.simulated_bench.devices") / "memristor.va"
    (compiled,) = openvaf_py.compile_va(str(path))
    return compiled


@pytest.fixture(scope="module")
def verilog(module) -> Callable[[float, float], tuple[float, float]]:
    """Current [A] and dR/dt [Ω/s] of the compiled module, of voltage and state."""
    constants = module.get_param_defaults()

    def evaluate(voltage_v: float, resistance_ohm: float) -> tuple[float, float]:
        at = {"V(p,n)": voltage_v, "V(state)": resistance_ohm, "mfactor": 1.0, **constants}
        (current, _), (opposite, _), (leaving, stored) = module.run_init_eval(at)[0]
        assert opposite == -current
        assert stored == resistance_ohm, "the state is what the node stores, in ohms"
        return current, -leaving

    return evaluate


def test_both_have_the_same_constants(module) -> None:
    python = {field.name: getattr(CELL, field.name) for field in fields(CELL)}
    assert module.get_param_defaults() == python


def test_current_and_rate_agree_over_a_set_reset_cycle(verilog) -> None:
    """To 1e-12 relative, at every instant of a cycle of pulses; where nothing moves, exactly."""
    resistance_ohm, seen, moved = 30e3, 0, []
    for voltage_v, width_s in CYCLE:
        begin_ohm = resistance_ohm
        for _ in range(50):
            current_a, rate_ohm_per_s = verilog(voltage_v, resistance_ohm)
            assert float(CELL.current(resistance_ohm, voltage_v)) == pytest.approx(current_a, rel=1e-12)
            ours = float(CELL.rate_ohm_per_s(resistance_ohm, voltage_v))
            assert ours == pytest.approx(rate_ohm_per_s, rel=1e-12, abs=0)
            seen += rate_ohm_per_s != 0
            resistance_ohm = float(CELL.step(resistance_ohm, voltage_v, width_s / 50))
        moved.append(resistance_ohm - begin_ohm)
    assert [int(np.sign(change)) for change in moved] == [1, 0, -1, -1, 0, 0, 1]
    assert max(moved) > 5e3
    assert min(moved) < -3e3
    assert seen > 150


def test_the_exact_step_follows_the_compiled_rate_through_the_cycle(verilog) -> None:
    """An eighth-order integrator at its tightest follows the compiled dR/dt: it leaves 1e-12 itself."""
    ours_ohm = theirs_ohm = 30e3
    for voltage_v, width_s in CYCLE:
        ours_ohm = float(CELL.step(ours_ohm, voltage_v, width_s))

        def rate(_, state, voltage_v=voltage_v):
            return [verilog(voltage_v, float(state[0]))[1]]

        answer = solve_ivp(
            rate, (0, width_s), [theirs_ohm], method="DOP853", rtol=3e-14, atol=1e-12, max_step=width_s / 40
        )
        theirs_ohm = float(answer.y[0, -1])
        assert ours_ohm == pytest.approx(theirs_ohm, rel=1e-12)


def test_the_agreement_would_notice_another_constant(verilog) -> None:
    other = Memristor(set_scale_v=CELL.set_scale_v * (1 + 1e-11))
    _, rate_ohm_per_s = verilog(-1.7, 40e3)
    assert float(other.rate_ohm_per_s(40e3, -1.7)) != pytest.approx(rate_ohm_per_s, rel=1e-12)
