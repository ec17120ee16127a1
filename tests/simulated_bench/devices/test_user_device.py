"""docs/how_to/own_device.md: a device of the user's own, in the solvers and on a board."""

from __future__ import annotations

import re
from array import array
from pathlib import Path

import numpy as np
import pytest

from crosscal.core.errors import RangeError, SettingsError
from crosscal.simulated_bench import (
    Bench,
    OneTransistor,
    Wires,
    cell_current,
    load_settings,
    solve_dc,
    solve_transient,
)
from crosscal.simulated_bench.building import build_bench

DOCS = Path(__file__).parents[3] / "docs"
OWN = (DOCS / "how_to" / "own_device.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python [^\n]*my_lab.py[^\n]*\n(.*?)```", OWN, re.DOTALL)[0]
TOML = re.findall(r"```toml\n(.*?)```", OWN, re.DOTALL)[0]
WIRES = Wires(row_ohm=2.0, column_ohm=3.0, source_ohm=50.0, sense_ohm=10.0)


@pytest.fixture
def tunnel(tmp_path, monkeypatch):
    """The class of the document, as a module that Python finds."""
    (tmp_path / "my_lab.py").write_text(PYTHON, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import my_lab  # pyright: ignore[reportMissingImports]

    return my_lab.Tunnel


def test_the_other_examples_of_the_document_run() -> None:
    names = {}
    document = (DOCS / "reference" / "devices.md").read_text(encoding="utf-8")
    for example in re.findall(r"```python\n(.*?)```", document, re.DOTALL):
        exec(example, names)
    assert np.ptp(names["loop"].resistance_ohm) > 5e3
    assert len(names["wires"].faults) == 3
    assert len(names["device"].gate_v) == 3


def test_it_solves_arrays_and_transients(tunnel) -> None:
    rng = np.random.default_rng(1)
    conductance_s, drive_v = rng.uniform(16.6e-6, 100e-6, (4, 7)), rng.uniform(0.1, 0.5, 4)
    rest = solve_dc(conductance_s, drive_v, wires=WIRES, device=tunnel())
    cells_a = cell_current(tunnel(), conductance_s, rest.cell_v)
    np.testing.assert_allclose(cells_a.sum(axis=0), rest.current_a, rtol=1e-12)
    times = {"wires": WIRES, "device": tunnel(), "capacitance_f": 1e-14}
    late = solve_transient(conductance_s, lambda t: drive_v * (t > 0), np.array([0.0, 1e-8]), **times)
    np.testing.assert_allclose(late.current_a[-1], rest.current_a, rtol=1e-4)
    behind = solve_dc(conductance_s, drive_v, wires=WIRES, device=OneTransistor(cell=tunnel()))
    assert (behind.current_a < rest.current_a).all()


def test_its_range_is_kept_in_every_solver(tunnel) -> None:
    conductance_s, drive_v = np.full((3, 5), 50e-6), np.array([0.1, 1.4, 0.1])
    for device in (tunnel(), OneTransistor(cell=tunnel())):
        with pytest.raises(RangeError, match=r"V across cell \[1, 0\]; allowed: ±0\.8 V"):
            solve_dc(conductance_s, drive_v, wires=WIRES, device=device)
    keys = {"wires": WIRES, "device": tunnel(), "capacitance_f": 1e-15}
    with pytest.raises(RangeError, match=r"cell \[1, 0\]"):
        solve_transient(conductance_s, lambda t: drive_v * min(t, 1), np.array([0.0, 1.0]), **keys)


def test_a_board_takes_it_by_name_and_hands_it_its_parameters(tunnel, tmp_path) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(TOML, encoding="utf-8")
    board = Bench.from_toml(path, allow_code=True, noise={"read_relative": 0.0})
    assert board.device == tunnel(scale_v=0.35)
    volts_v = np.random.default_rng(2).uniform(0.1, 0.5, (2, 16))
    conductance_s = np.array(board.true_conductance()).reshape(16, 12)
    expected_a = solve_dc(conductance_s, volts_v, wires=board.wires(1), device=tunnel(scale_v=0.35)).current_a
    reading = board.measure(
        array("d", volts_v.ravel()), range_index=2, aperture_s=1e-3, averages=1, dwell_s=1e-3
    )
    # the board's own gain and offset errors, of which lab has 0.5 % and 0.05 % of 12.3 mA
    np.testing.assert_allclose(
        np.array(reading.current_a).reshape(2, 12), expected_a, rtol=0.006, atol=0.0006 * 12.3e-3
    )


@pytest.mark.parametrize(
    ("law", "parameters", "words"),
    [
        ("my_lab:Missing", {}, "has no attribute 'Missing'"),
        ("no_such_module_here:Cell", {}, "No module named 'no_such_module_here'"),
        ("my_lab:Tunnel", {"width": 1}, "unexpected keyword argument 'width'"),
        ("math:cos", {}, "device.law = 'math:cos'"),
        ("fractions:Fraction", {}, "no method evaluate"),
    ],
)
@pytest.mark.usefixtures("tunnel")
def test_a_class_that_cannot_be_used_is_named(law, parameters, words) -> None:
    settings = load_settings("lab-16x12", device={"law": law, "parameters": parameters})
    with pytest.raises(SettingsError, match=re.escape(words)):
        build_bench(settings)


def test_other_keys_of_the_table_are_still_checked() -> None:
    with pytest.raises(SettingsError, match="scale_v"):
        load_settings("lab-16x12", device={"law": "my_lab:Tunnel", "scale_v": 0.35})
