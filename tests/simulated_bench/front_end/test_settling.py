"""Readings taken before array and amplifiers have settled."""

from __future__ import annotations

import math
import re
from array import array
from pathlib import Path

import numpy as np
import pytest
import pyvisa

from crosscal.core.errors import SettingsError
from crosscal.simulated_bench import Bench, Ohmic, Sinh, Wires, solve_dc, solve_transient
from crosscal.simulated_bench.circuit.circuit import Circuit
from crosscal.simulated_bench.circuit.transient.time_constants import slowest_time_constant_s
from crosscal.simulated_bench.front_end.settling import E_FOLDS, Settling, Timing

RANGE_10_MA = 4
FARAD, HENRY = 1e-9, 1e-6
RANGES = 7
PREDICTED = 5e-5
"""Of the largest current: what solve_transient and the bench, at its coarser tolerance, may differ by."""


def board(rows=3, columns=5, *, farad=0.0, henry=0.0, lag_s=0.0, law="sinh", **wires) -> Bench:
    return Bench.from_profile(
        "memsys2025",
        array={"rows": rows, "columns": columns},
        device={"law": law},
        noise={"read_relative": 0.0},
        wires={"column_ohm": 3.0, "capacitance_f": farad, "inductance_h": henry, **wires},
        front_end={"amplifier_time_constant_s": [lag_s] * RANGES},
    )


def program(bench: Bench) -> np.ndarray:
    cells = bench.settings.array
    target_s = np.random.default_rng(cells.rows).uniform(16.6e-6, 100e-6, (cells.rows, cells.columns))
    bench.begin_programming(array("d", target_s.ravel()), 0.01)
    bench.programming_iteration()
    return target_s


def vectors(rows: int, count: int = 3) -> np.ndarray:
    return np.random.default_rng(1).uniform(-0.5, 0.5, (count, rows))


def measure(bench: Bench, voltage_v: np.ndarray, *, dwell_s=1e-6, aperture_s=1e-6, averages=1) -> np.ndarray:
    reading = bench.measure(
        array("d", voltage_v.ravel()),
        range_index=RANGE_10_MA,
        aperture_s=aperture_s,
        averages=averages,
        dwell_s=dwell_s,
    )
    return np.array(reading.current_a).reshape(len(voltage_v), -1)


def predicted(
    conductance_s: np.ndarray,
    voltage_v: np.ndarray,
    wires: Wires,
    *,
    dwell_s=1e-6,
    window_s=1e-6,
    lag_s=0.0,
    points=200,
    **options,
) -> np.ndarray:
    """Means over the windows, from one transient through all vectors, which steps up from 0 V to each.

    The amplifier's equation is solved by the trapezoidal rule on the transient's uniform grid.
    """
    each_s = dwell_s + window_s
    count = len(voltage_v)
    time_s = np.linspace(0, count * each_s, count * points + 1)

    def drive(t: float) -> np.ndarray:
        # a step is over by the grid point at which the next vector begins
        return voltage_v[min(math.ceil(t / each_s - 1e-9), count) - 1] if t > 0 else 0 * voltage_v[0]

    current_a = solve_transient(conductance_s, drive, time_s, wires=wires, **options).current_a
    shown_a = current_a.copy()
    if lag_s > 0:
        half = time_s[1] / lag_s / 2
        shown_a[0] = 0
        for k in range(1, len(time_s)):
            pushed_a = half * (current_a[k] + current_a[k - 1])
            shown_a[k] = ((1 - half) * shown_a[k - 1] + pushed_a) / (1 + half)
    begin = round(points * dwell_s / each_s)
    windows = [shown_a[k * points + begin : (k + 1) * points + 1] for k in range(count)]
    simpson = np.tile([2.0, 4.0], len(windows[0]) // 2 + 1)[: len(windows[0])]
    simpson[[0, -1]] = 1.0
    return np.array([simpson @ window / simpson.sum() for window in windows])


def wires_of(bench: Bench) -> Wires:
    return bench.wires(RANGE_10_MA)


@pytest.mark.crosscal_bench(
    "memsys2025",
    array={"rows": 12, "columns": 16},
    noise={"read_relative": 0.0},
    wires={"column_ohm": 3.0, "capacitance_f": FARAD},
)
def test_over_visa_a_short_dwell_reads_wrong_as_the_transient_says_and_a_long_one_right(crosscal_bench):
    target_s = program(crosscal_bench.bench)
    voltage_v = np.abs(vectors(12))
    manager = pyvisa.ResourceManager(crosscal_bench.backend)
    with manager.open_resource(crosscal_bench.resource) as board:
        board.write("SENS:CURR:RANG 10e-3; APER 1e-6")
        board.write("OUTP ON; :SOUR:SEQ:DATA " + ",".join(repr(v) for v in voltage_v.ravel().tolist()))

        def read(dwell_s: float) -> np.ndarray:
            board.write(f"SOUR:SEQ:DWEL {dwell_s}; :INIT; *OPC?")
            assert board.read().strip() == "1"
            values = board.query_ascii_values("TRAC:DATA? 1,3")
            return np.array(values).reshape(3, 16)

        short_a, long_a = read(1e-6), read(1e-3)
    wires = wires_of(crosscal_bench.bench)
    settled_a = solve_dc(target_s, voltage_v, wires=wires, device=Sinh()).current_a
    full_a = settled_a.max()
    np.testing.assert_allclose(long_a, settled_a, rtol=0, atol=1e-9 * full_a)
    expected_a = predicted(target_s, voltage_v, wires, device=Sinh(), capacitance_f=FARAD)
    np.testing.assert_allclose(short_a, expected_a, rtol=0, atol=PREDICTED * full_a)
    assert np.abs(short_a - settled_a).max() > 0.1 * full_a, "too early"


@pytest.mark.parametrize(
    ("farad", "henry", "lag_s"),
    [(FARAD, 0.0, 5e-7), (FARAD, 10 * HENRY, 0.0), (0.0, 1e-2, 0.0), (FARAD, HENRY, 3e-6)],
    ids=["slow amplifiers", "ringing", "inductors alone", "all"],
)
@pytest.mark.parametrize("law", ["ohmic", "sinh"])
def test_readings_are_those_of_one_long_transient(farad, henry, lag_s, law):
    bench = board(farad=farad, henry=henry, lag_s=lag_s, law=law)
    target_s, voltage_v = program(bench), vectors(3)
    device = Sinh() if law == "sinh" else Ohmic()
    expected_a = predicted(
        target_s,
        voltage_v,
        wires_of(bench),
        lag_s=lag_s,
        device=device,
        capacitance_f=farad,
        inductance_h=henry,
    )
    read_a = measure(bench, voltage_v)
    settled_a = bench.true_current(voltage_v, range_index=RANGE_10_MA)
    full_a = np.abs(settled_a).max()
    np.testing.assert_allclose(read_a, expected_a, rtol=0, atol=PREDICTED * full_a)
    assert np.abs(read_a - settled_a).max() > 0.01 * full_a, "too early"


def test_nodes_that_ideal_drivers_hold_jump_with_them():
    bench = board(farad=FARAD, row_ohm=0.0, source_ohm=0.0, sense_ohm=500.0)
    target_s, voltage_v = program(bench), vectors(3)
    expected_a = predicted(target_s, voltage_v, wires_of(bench), device=Sinh(), capacitance_f=FARAD)
    read_a = measure(bench, voltage_v)
    np.testing.assert_allclose(read_a, expected_a, rtol=0, atol=PREDICTED * np.abs(read_a).max())


def test_amplifiers_alone_forget_the_last_vector_exponentially():
    """Dwell 1, window 2 time constants, in closed form; two readings averaged are one window."""
    lag_s = 4e-6
    bench = board(lag_s=lag_s)
    program(bench)
    voltage_v = vectors(3)
    settled_a = bench.true_current(voltage_v, range_index=RANGE_10_MA)
    shown_a, expected_a = np.zeros(5), []
    for end_a in settled_a:
        off_a = (shown_a - end_a) * math.exp(-1)
        expected_a.append(end_a + off_a * (1 - math.exp(-2)) / 2)
        shown_a = end_a + off_a * math.exp(-2)
    read_a = measure(bench, voltage_v, dwell_s=lag_s, aperture_s=lag_s, averages=2)
    np.testing.assert_allclose(read_a, expected_a, rtol=0, atol=1e-12)


@pytest.mark.parametrize("henry", [0.0, HENRY])
def test_readings_do_not_depend_on_how_vectors_are_cut_into_calls(henry):
    voltage_v = vectors(3, count=5)
    whole, cut = (board(farad=FARAD, henry=henry, lag_s=1e-6) for _ in range(2))
    program(whole)
    program(cut)
    pieces = [measure(cut, part) for part in np.split(voltage_v, [1, 3])]
    assert np.array_equal(np.concatenate(pieces), measure(whole, voltage_v))


@pytest.mark.parametrize("lag_s", [0.0, 2e-6])
def test_bench_time_settles_array_and_amplifiers_and_reading_cells_back_puts_them_to_zero(lag_s):
    voltage_v = vectors(3)
    waited, patient, grounded, fresh = (board(farad=FARAD, lag_s=lag_s) for _ in range(4))
    for bench in (waited, patient, grounded, fresh):
        program(bench)
    measure(waited, voltage_v[:1])
    waited.advance_time(1.0)
    measure(patient, voltage_v[:1], dwell_s=1.0)
    after_v = voltage_v[1:2]
    full_a = np.abs(fresh.true_current(voltage_v, range_index=RANGE_10_MA)).max()
    waited_a, patient_a = measure(waited, after_v), measure(patient, after_v)
    np.testing.assert_allclose(waited_a, patient_a, rtol=0, atol=1e-9 * full_a)
    measure(grounded, voltage_v[:1])
    grounded.read_conductance()
    grounded_a = measure(grounded, after_v)
    assert np.array_equal(grounded_a, measure(fresh, after_v))
    assert np.abs(grounded_a - waited_a).max() > 1e-3 * full_a


def test_a_short_wait_settles_as_far_as_it_lasts():
    """One vector, a pause, the vector again: as one transient in which the vector stays."""
    bench = board(farad=FARAD)
    target_s, voltage_v = program(bench), vectors(3, count=1)
    measure(bench, voltage_v, dwell_s=2e-7, aperture_s=1e-6)
    bench.advance_time(3e-7)
    read_a = measure(bench, voltage_v, dwell_s=2e-7, aperture_s=1e-6)
    window = {"dwell_s": 1.7e-6, "window_s": 1e-6, "points": 270}
    expected_a = predicted(target_s, voltage_v, wires_of(bench), device=Sinh(), capacitance_f=FARAD, **window)
    np.testing.assert_allclose(read_a, expected_a, rtol=0, atol=PREDICTED * np.abs(read_a).max())


def test_what_is_overlooked_does_not_show():
    """On either side of the rule, array and amplifiers included, readings agree to what may be missed."""
    bench = board(rows=4, columns=3, farad=1e-10)
    target_s = program(bench)
    circuit = Circuit.of(target_s, wires_of(bench), Sinh())
    edge_s = E_FOLDS * slowest_time_constant_s(circuit, 1e-10, 0.0)
    voltage_v = vectors(4)
    settled_a = bench.true_current(voltage_v, range_index=RANGE_10_MA)
    for lag_s in (0.0, edge_s / 4):
        readings = []
        for dwell_s in (0.999 * edge_s, 6 * edge_s):
            settling = Settling((4, 3), capacitance_f=1e-10, inductance_h=0.0)
            timing = Timing(dwell_s=dwell_s, window_s=edge_s, lag_s=lag_s)
            assert settling.skips_settling(circuit, timing) == (dwell_s > edge_s)
            readings.append(settling.read(circuit, voltage_v, settled_a, timing))
        # ten and more amplifier time constants of difference are left between these two dwells
        allowed = 1e-8 if lag_s == 0 else 1.5 * math.exp(-4)
        np.testing.assert_allclose(*readings, rtol=0, atol=allowed * np.abs(settled_a).max())


def slowest_mode_s(circuit: Circuit, farad: float, henry: float) -> float:
    """Slowest time constant of a resistive array by the eigenvalues of its state equations."""
    rows, columns = circuit.shape
    cells = rows * columns
    index = np.arange(cells).reshape(rows, columns)
    incidence, ohm = np.zeros((2 * cells, 2 * cells)), np.empty(2 * cells)
    nodal_s = np.zeros((2 * cells, 2 * cells))
    for i in range(rows):
        for j in range(columns):
            word, bit = index[i, j], cells + index[i, j]
            nodal_s[[word, bit], [word, bit]] += circuit.conductance_s[i, j]
            nodal_s[[word, bit], [bit, word]] -= circuit.conductance_s[i, j]
            incidence[word, word], ohm[word] = 1.0, circuit.row_ohm
            incidence[bit, bit], ohm[bit] = 1.0, circuit.column_ohm
            if j == 0:
                ohm[word] += circuit.source_ohm[i]
            else:
                incidence[word, index[i, j - 1]] = -1.0
            if i == rows - 1:
                ohm[bit] += circuit.sense_ohm[j]
            else:
                incidence[bit, cells + index[i + 1, j]] = -1.0
    if henry == 0:
        per_s = np.linalg.eigvals((nodal_s + incidence.T @ np.diag(1 / ohm) @ incidence) / farad)
        return 1 / per_s.real.min()
    system = np.block([[-nodal_s / farad, -incidence.T / farad], [incidence / henry, -np.diag(ohm) / henry]])
    return -1 / np.linalg.eigvals(system).real.max()


@pytest.mark.parametrize("size", [(1, 6), (6, 1), (3, 5), (6, 4)])
@pytest.mark.parametrize("henry", [0.0, 1e-9, 1e-7, 1e-5, 1e-3])
@pytest.mark.parametrize("scale", [0.0, 1.0, 300.0], ids=["open cells", "cells", "strong cells"])
def test_the_bound_of_the_slowest_time_constant_is_one(size, henry, scale):
    rng = np.random.default_rng(size[0])
    conductance_s = scale * rng.uniform(16.6e-6, 100e-6, size)
    wires = Wires(row_ohm=2.0, column_ohm=5.0, source_ohm=rng.uniform(0, 50, size[0]), sense_ohm=10.0)
    circuit = Circuit.of(conductance_s, wires, Ohmic())
    slowest = slowest_mode_s(circuit, FARAD, henry)
    bound = slowest_time_constant_s(circuit, FARAD, henry)
    assert slowest <= bound * (1 + 1e-9)
    if scale == 0 and henry <= 1e-9:
        assert bound < 1.5 * slowest, "not far above"


def test_the_documents_example_reads_wrong_too_early(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    document = (Path(__file__).parents[3] / "docs" / "reference" / "bench.md").read_text(encoding="utf-8")
    (example,) = (
        code for code in re.findall(r"```python\n(.*?)```", document, re.DOTALL) if "slow.toml" in code
    )
    exec(compile(example, "docs/reference/bench.md", "exec"), {})
    off_ua = [float(line.split()[-2]) for line in capsys.readouterr().out.splitlines()]
    assert off_ua[0] == 0
    assert 10 * off_ua[1] < off_ua[2]
    assert off_ua[2] > 1


def test_time_constants_that_do_not_fit_the_ranges_are_named():
    with pytest.raises(
        SettingsError, match="amplifier_time_constant_s: got 2 values; allowed: one per range"
    ):
        Bench.from_profile("memsys2025", front_end={"amplifier_time_constant_s": [1e-6, 1e-6]})


@pytest.mark.parametrize("key", ["capacitance_f", "inductance_h"])
def test_storage_that_cannot_be_is_named(key):
    with pytest.raises(SettingsError, match=rf"wires.{key}"):
        Bench.from_profile("memsys2025", wires={key: -1e-9})
