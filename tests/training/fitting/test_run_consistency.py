"""Runs that contradict themselves: the fault is named, and so is the correction, which restores the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from support.random_board import RandomBoard

from crosscal.core.errors import InputError, TrainingError
from crosscal.training import CORRECTIONS, Measurements, corrected, require_consistent
from crosscal.training.fitting.line_order import likeness
from crosscal.training.fitting.run_consistency import FAINTEST, find_faults

SHAPES = ((4, 3), (6, 5), (12, 16), (16, 12), (8, 8), (9, 1))
Spoil = Callable[[Measurements, np.random.Generator], Measurements]


def measured(shape: tuple[int, int], matrices: int = 20, vectors: int = 40, seed: int = 7) -> Measurements:
    """A run of a random board."""
    rng = np.random.default_rng([*shape, seed])
    return RandomBoard.drawn(*shape, rng).measured(matrices, vectors, rng)


def shuffled_columns(data: Measurements, rng: np.random.Generator) -> Measurements:
    return replace(data, current_a=data.current_a[:, :, rng.permutation(data.shape[1])])


def shuffled_rows(data: Measurements, rng: np.random.Generator) -> Measurements:
    return replace(data, voltage_v=data.voltage_v[:, :, rng.permutation(data.shape[0])])


def shuffled_vectors(data: Measurements, rng: np.random.Generator) -> Measurements:
    return replace(data, voltage_v=data.voltage_v[:, rng.permutation(data.vectors)])


def shuffled_matrices(data: Measurements, rng: np.random.Generator) -> Measurements:
    return replace(data, conductance_s=data.conductance_s[rng.permutation(data.matrices)])


def exchanged(data: Measurements, _: np.random.Generator) -> Measurements:
    return replace(data, conductance_s=data.conductance_s.swapaxes(1, 2))


FAULTS: dict[str, tuple[str, tuple[int, int], Spoil]] = {
    "microamperes": ("unit", (12, 16), lambda data, _: replace(data, current_a=1e6 * data.current_a)),
    "millivolts": ("unit", (6, 5), lambda data, _: replace(data, voltage_v=1e3 * data.voltage_v)),
    "microsiemens": ("unit", (6, 5), lambda data, _: replace(data, conductance_s=1e6 * data.conductance_s)),
    "reversed sign": ("sign", (6, 5), lambda data, _: replace(data, current_a=-data.current_a)),
    "reversed rows": ("rows", (12, 16), lambda data, _: replace(data, voltage_v=data.voltage_v[:, :, ::-1])),
    "shuffled rows": ("rows", (12, 16), shuffled_rows),
    "reversed columns": (
        "columns",
        (9, 8),
        lambda data, _: replace(data, current_a=data.current_a[:, :, ::-1]),
    ),
    "shuffled columns": ("columns", (12, 16), shuffled_columns),
    "both reversed": (
        "rows-and-columns",
        (6, 5),
        lambda data, _: replace(data, conductance_s=data.conductance_s[:, ::-1, ::-1]),
    ),
    "reversed vectors": ("vectors", (6, 5), lambda data, _: replace(data, current_a=data.current_a[:, ::-1])),
    "one vector late": (
        "vectors",
        (6, 5),
        lambda data, _: replace(data, current_a=np.roll(data.current_a, 1, axis=1)),
    ),
    "shuffled vectors": ("vectors", (12, 16), shuffled_vectors),
    "shuffled matrices": ("matrices", (12, 16), shuffled_matrices),
    "targets exchanged": ("exchange", (8, 8), exchanged),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("matrices", [2, 20])
def test_a_run_as_it_was_measured_has_no_fault(shape: tuple[int, int], matrices: int) -> None:
    data = measured(shape, matrices)
    assert find_faults(data) == []
    assert likeness(data) > 0.8
    require_consistent(data)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_and_its_correction_restores_the_run(name: str) -> None:
    correction, shape, spoil = FAULTS[name]
    data = measured(shape)
    spoilt = spoil(data, np.random.default_rng(2))
    with pytest.raises(TrainingError, match=f"--correct {correction}( |,)"):
        require_consistent(spoilt)
    restored, texts = corrected(spoilt, [correction])
    assert len(texts) == 1
    require_consistent(restored)
    assert likeness(restored) == pytest.approx(likeness(data), abs=1e-6)


def test_faults_of_scale_sign_and_order_are_found_and_corrected_together() -> None:
    data = measured((12, 16))
    spoilt = replace(data, current_a=-1e3 * data.current_a[:, :, ::-1])
    with pytest.raises(TrainingError, match="--correct unit --correct sign --correct columns"):
        require_consistent(spoilt)
    restored, texts = corrected(spoilt, ["columns", "sign", "unit"])
    assert [("mA" in text, "sign" in text, "columns" in text) for text in texts] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    np.testing.assert_allclose(restored.current_a, data.current_a, rtol=1e-12)


def test_currents_of_another_board_have_no_correction() -> None:
    data, other = measured((12, 16)), measured((12, 16), seed=8)
    with pytest.raises(TrainingError, match=r"in any order.*check the file"):
        require_consistent(replace(data, current_a=other.current_a))


@pytest.mark.parametrize(
    ("quantity", "factor", "text"),
    [
        ("current_a", 1e6, "currents look like µA"),
        ("current_a", 1e9, "currents look like nA"),
        ("voltage_v", 1e3, "inputs look like mV"),
        ("conductance_s", 1e6, "targets look like µS"),
        ("conductance_s", 1e3, "targets look like mS"),
    ],
)
def test_the_quantity_in_a_wrong_unit_is_the_one_that_is_corrected(
    quantity: str, factor: float, text: str
) -> None:
    data = measured((6, 5))
    restored, texts = corrected(replace(data, **{quantity: factor * getattr(data, quantity)}), ["unit"])
    assert texts[0].endswith(text)
    np.testing.assert_allclose(getattr(restored, quantity), getattr(data, quantity), rtol=1e-12)


def test_a_scale_that_is_no_prefix_has_no_correction() -> None:
    data = measured((6, 5))
    with pytest.raises(TrainingError, match=r"a unit or a gain is wrong.*check the file"):
        require_consistent(replace(data, current_a=30.0 * data.current_a))


def test_an_order_that_is_matched_in_part_only_is_named_but_not_corrected() -> None:
    """Some of 20 matrices of 4×3 look like others: a correction would leave them in wrong places."""
    rng = np.random.default_rng(3)
    data = RandomBoard.drawn(4, 3, rng).measured(20, 12, rng)
    (fault,) = find_faults(shuffled_matrices(data, rng))
    assert fault.text.startswith("matrices stand in another order")
    assert likeness(fault.data) < 0.9
    assert fault.correction is None


def test_targets_that_are_all_alike_tell_no_order_and_are_not_refused() -> None:
    data = measured((6, 5))
    flat = np.full_like(data.conductance_s, data.conductance_s.mean())
    same = replace(data, conductance_s=flat, current_a=0.9 * (data.voltage_v @ flat))
    assert find_faults(replace(same, voltage_v=same.voltage_v[:, :, ::-1])) == []
    assert FAINTEST > 0.0


def test_unusable_readings_do_not_count() -> None:
    data = measured((6, 5))
    usable = data.usable.copy()
    usable[:, ::3] = False
    current_a = np.where(usable[:, :, None], data.current_a, np.nan)
    assert find_faults(replace(data, usable=usable, current_a=current_a)) == []


def test_a_correction_of_a_fault_that_is_not_there_is_refused() -> None:
    for name in CORRECTIONS:
        with pytest.raises(InputError, match=f"--correct {name} for a run that shows no such fault"):
            corrected(measured((8, 8)), [name])
