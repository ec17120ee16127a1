"""The error budget of a memcapacitive product: what each cause costs, and that the causes add up."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crosscal.core.errors import RangeError
from crosscal.simulated_bench import (
    CapacitanceVariation,
    ChargeAmplifier,
    ChargeBudget,
    ChargeParasitics,
    charge_budget,
)
from crosscal.simulated_bench.charge import preset

AMPLIFIER = preset.amplifier_for(rows=12)
PARASITICS = replace(  # drivers so slow that settling shows on twelve rows
    preset.PARASITICS, wires=replace(preset.PARASITICS.wires, source_ohm=20e3)
)
VARIATION = preset.VARIATION


def array() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.uniform(6e-15, 30e-15, (12, 9)), rng.uniform(0.1, 0.5, (6, 12))


def budget(**changed: object) -> ChargeBudget:
    capacitance_f, voltage_v = array()
    options = {"amplifier": AMPLIFIER, "parasitics": PARASITICS, "variation": VARIATION} | changed
    return charge_budget(capacitance_f, voltage_v, rng=np.random.default_rng(1), **options)


@pytest.fixture(scope="module")
def whole() -> ChargeBudget:
    return budget()


def alone_c(of: ChargeBudget, cause: str) -> float:
    return float(of.alone_c[of.causes.index(cause)])


def test_causes_alone_foretell_all_of_them_together(whole: ChargeBudget) -> None:
    """To 5 %: the causes act on each other to the second order, and rounding is no independent noise."""
    assert whole.together_c == pytest.approx(whole.summed_c, rel=0.05)
    assert whole.over_fraction == 0.0
    for name in whole.causes:  # none is idle, so that adding up means something
        assert alone_c(whole, name) > 0.01 * whole.together_c, name


def test_leaving_a_cause_out_of_the_sum_would_be_noticed(whole: ChargeBudget) -> None:
    without = math.sqrt(whole.summed_c**2 - alone_c(whole, "device variation") ** 2)
    assert abs(without / whole.together_c - 1) > 0.1


def test_random_causes_have_the_size_that_their_formula_gives(whole: ChargeBudget) -> None:
    """Six vectors in eight specimens of nine columns: some 15 % from the few amplifiers that are drawn."""
    capacitance_f, voltage_v = array()
    each_c2 = (voltage_v**2) @ (capacitance_f**2)
    column_f = capacitance_f.sum(axis=0) + 12 * 1e-15 + 50e-15
    expected_c = {
        "device variation": 0.02 * math.sqrt(each_c2.mean()),
        "cycle variation": 5e-3 * math.sqrt(each_c2.mean()),
        "feedback mismatch": 2e-3 * math.sqrt(((voltage_v @ capacitance_f) ** 2).mean()),
        "amplifier offset": 1e-3 * 200e-15,
        "reset noise": math.sqrt(1.380649e-23 * 298.15 * 200e-15),
        "amplifier noise": 50e-6 * math.sqrt(np.mean((column_f + 200e-15) ** 2)),
        "conversion": 2 * 1.2 / 2**10 / math.sqrt(12) * 200e-15,
    }
    drawn_once = {"feedback mismatch", "amplifier offset"}  # nine of them: an error of 1/√18 = 24 % each
    for cause, size_c in expected_c.items():
        assert alone_c(whole, cause) == pytest.approx(size_c, rel=0.6 if cause in drawn_once else 0.35), cause


def test_systematic_causes_have_the_size_that_their_formula_gives(whole: ChargeBudget) -> None:
    capacitance_f, voltage_v = array()
    ideal_c = voltage_v @ capacitance_f
    column_f = capacitance_f.sum(axis=0) + 12 * 1e-15 + 50e-15
    lost_c = ideal_c * (1 - 1 / (1 + (1 + column_f / 200e-15) / 3000))
    assert alone_c(whole, "finite gain") == pytest.approx(math.sqrt(np.mean(lost_c**2)), rel=1e-9)
    leaked_c = voltage_v.sum(axis=1) * 1e-9 * 20e-9
    assert alone_c(whole, "leakage of the cells") == pytest.approx(math.sqrt(np.mean(leaked_c**2)), rel=1e-6)


def test_a_longer_window_settles_the_wires_and_leaks_more() -> None:
    short, long = (
        budget(amplifier=replace(AMPLIFIER, window_s=window_s), variation=CapacitanceVariation())
        for window_s in (5e-9, 40e-9)
    )
    assert alone_c(short, "settling of the wires") > 10 * alone_c(long, "settling of the wires")
    assert alone_c(long, "leakage of the cells") == pytest.approx(8 * alone_c(short, "leakage of the cells"))


def test_an_ideal_array_has_nothing_to_budget() -> None:
    ideal = ChargeAmplifier(feedback_f=200e-15, window_s=20e-9)
    nothing = budget(amplifier=ideal, parasitics=ChargeParasitics(), variation=CapacitanceVariation())
    assert nothing.together_c < 1e-12 * nothing.full_scale_c
    assert (nothing.alone_c < 1e-12 * nothing.full_scale_c).all()


def test_the_table_lists_causes_by_size_and_ends_with_the_sums(whole: ChargeBudget) -> None:
    listed = whole.rows()
    sizes = [rms_c for _, _, rms_c, _ in listed[:-2]]
    assert sizes == sorted(sizes, reverse=True)
    assert {name for name, _, _, _ in listed[:-2]} == set(whole.causes)
    assert [name for name, _, _, _ in listed[-2:]] == ["sum of the above", "all together"]
    assert listed[-1][3] == pytest.approx(whole.together_c / whole.full_scale_c)


def test_a_budget_needs_vectors_that_differ_and_a_specimen() -> None:
    capacitance_f, voltage_v = array()
    rng = np.random.default_rng(1)
    with pytest.raises(RangeError, match="different vectors"):
        charge_budget(
            capacitance_f,
            np.repeat(voltage_v[:1], 3, axis=0),
            amplifier=AMPLIFIER,
            parasitics=PARASITICS,
            variation=VARIATION,
            rng=rng,
        )
    with pytest.raises(RangeError, match="blocks = 0"):
        budget(blocks=0)


def test_the_documented_budget_is_that_of_the_preset() -> None:
    """`plot charge-budget`, `benchmarks/charge.py` and the page of the docs show the same numbers."""
    rng = np.random.default_rng(1)
    capacitance_f, voltage_v = preset.draw_array(preset.ROWS, preset.COLUMNS, rng)
    amplifier = preset.amplifier_for(preset.ROWS)
    of_preset = charge_budget(
        capacitance_f,
        voltage_v,
        amplifier=amplifier,
        parasitics=preset.PARASITICS,
        variation=preset.VARIATION,
        rng=rng,
    )
    page = (Path(__file__).parents[3] / "docs" / "reference" / "charge.md").read_text(encoding="utf-8")
    for cause, kind, rms_c, part in of_preset.rows():
        assert f"| {cause} | {kind} | {rms_c * 1e18:.1f} | {100 * part:.2f} |" in page
