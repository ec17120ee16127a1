"""Long preparations, of `structured` and `whitebox`: cut off anywhere, they go on to the same end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.random_board import RandomBoard

from crosscal.core.errors import TrainingError
from crosscal.training import (
    Measurements,
    TrainingPlan,
    TrainingResult,
    checkpoint_files,
    train,
    train_chosen,
)
from crosscal.training.calibrators.preparation import PreparationSteps
from crosscal.training.fitting import training_checkpoint
from crosscal.training.fitting.training_checkpoint import TrainingCheckpoint

PLANS = {
    "structured": TrainingPlan(calibrator="structured", seed=4, options={"vectors": 288}),
    "whitebox": TrainingPlan(calibrator="whitebox", seed=4),
}


class Cut(Exception):
    """Stands for a kill: nothing of the training sees it coming."""


@pytest.fixture(scope="module")
def data() -> Measurements:
    rng = np.random.default_rng(31)
    return RandomBoard.drawn(5, 6, rng).measured(12, 24, rng)


@pytest.fixture(scope="module")
def whole(data: Measurements) -> dict[str, tuple[TrainingResult, int]]:
    """Uninterrupted results, each with its number of steps."""
    found = {}
    for name, plan in PLANS.items():
        steps = Counter()
        found[name] = train(plan, data, on_step=steps), steps.count
    return found


class Counter:
    """Counts steps; stops after some."""

    def __init__(self, most: int | None = None, error: type[BaseException] = Cut) -> None:
        self.count, self._most, self._error = 0, most, error

    def __call__(self) -> None:
        self.count += 1
        if self.count == self._most:
            raise self._error


def assert_same_state(first: TrainingResult, second: TrainingResult) -> None:
    for name, tensor in first.calibrator.state_dict().items():
        assert torch.equal(tensor, second.calibrator.state_dict()[name]), name


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
@pytest.mark.parametrize("name", PLANS)
def test_a_preparation_that_was_cut_off_goes_on_to_the_same_end(
    data: Measurements, whole: dict[str, tuple[TrainingResult, int]], tmp_path: Path, name: str, share: float
) -> None:
    result, steps = whole[name]
    checkpoint, first, second = tmp_path / "b.checkpoint", max(1, round(share * steps)), Counter()
    with pytest.raises(Cut):
        train(PLANS[name], data, checkpoint=checkpoint, on_step=Counter(first))
    resumed = train(PLANS[name], data, checkpoint=checkpoint, resume=True, on_step=second)
    assert_same_state(result, resumed)
    assert first + second.count == steps


def test_a_preparation_cut_off_again_and_again_ends_where_an_uninterrupted_one_does(
    data: Measurements, whole: dict[str, tuple[TrainingResult, int]], tmp_path: Path
) -> None:
    result, steps = whole["structured"]
    checkpoint, cuts = tmp_path / "b.checkpoint", 0
    while True:
        try:
            resumed = train(
                PLANS["structured"], data, checkpoint=checkpoint, resume=True, on_step=Counter(steps // 4)
            )
        except Cut:
            cuts += 1
        else:
            break
    assert cuts >= 3
    assert_same_state(result, resumed)


@pytest.mark.parametrize("name", PLANS)
def test_a_checkpoint_of_other_data_is_refused_in_one_line_before_anything_is_fitted(
    data: Measurements, tmp_path: Path, name: str
) -> None:
    checkpoint = tmp_path / "b.checkpoint"
    with pytest.raises(Cut):
        train(PLANS[name], data, checkpoint=checkpoint, on_step=Counter(3))
    before, steps = checkpoint.read_bytes(), Counter()
    others = (
        (PLANS[name], data.of_vectors(slice(0, 23))),
        (replace(PLANS[name], seed=5), data),
        (replace(PLANS[name], calibrator="affine", options={}), data),
    )
    for plan, measurements in others:
        with pytest.raises(TrainingError, match="other data, seed or options") as refusal:
            train(plan, measurements, checkpoint=checkpoint, resume=True, on_step=steps)
        assert "\n" not in str(refusal.value)
    assert steps.count == 0
    assert checkpoint.read_bytes() == before


@pytest.mark.parametrize("among", ["whitebox", "structured"])
def test_a_choice_by_the_data_goes_on_in_the_fit_it_was_cut_off_in(
    data: Measurements,
    whole: dict[str, tuple[TrainingResult, int]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    among: str,
) -> None:
    # A law that `whitebox` cannot hold, so that both are fitted.
    monkeypatch.setattr(
        "crosscal.training.calibrators.whitebox.residual_test.ResidualTest.fits", property(lambda _: False)
    )
    plan = replace(PLANS["structured"], calibrator="auto")
    expected, general = whole["structured"]
    white = whole["whitebox"][1]
    cut, counted = Counter(white // 2 if among == "whitebox" else white + general // 2), Counter()
    checkpoint = tmp_path / "b.checkpoint"
    with pytest.raises(Cut):
        train_chosen(plan, data, checkpoint=checkpoint, on_step=cut)
    resumed = train_chosen(plan, data, checkpoint=checkpoint, resume=True, on_step=counted)
    assert resumed.plan.calibrator == "structured"
    assert_same_state(expected, resumed)
    assert cut.count + counted.count == white + general
    assert set(tmp_path.iterdir()) == set(checkpoint_files(checkpoint))


def test_steps_are_written_every_second_and_by_an_interrupt(tmp_path: Path) -> None:
    now_s = [0.0]
    path = tmp_path / "b.checkpoint"

    def resumed_steps() -> dict[str, dict] | None:
        kept = TrainingCheckpoint(path, "same")
        kept.resumed()
        with kept.preparation(None) as steps:
            return {name: found for name in "abc" if (found := steps.kept(name)) is not None}

    def interrupted() -> None:
        with TrainingCheckpoint(path, "same", clock=lambda: now_s[0]).preparation(None) as steps:
            steps.keep("a", number=1)
            assert not path.exists()
            now_s[0] = training_checkpoint.WRITTEN_EVERY_S
            steps.keep("b", values=np.arange(3.0))
            assert resumed_steps().keys() == {"a", "b"}
            steps.keep("c", number=3)
            assert resumed_steps().keys() == {"a", "b"}
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    found = resumed_steps()
    assert found["a"] == {"number": 1}
    np.testing.assert_array_equal(found["b"]["values"], np.arange(3.0))
    assert found["c"] == {"number": 3}
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_write_that_is_interrupted_leaves_the_last_checkpoint_whole_and_nothing_beside_it(
    data: Measurements, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / "b.checkpoint"
    with pytest.raises(Cut):
        train(PLANS["whitebox"], data, checkpoint=checkpoint, on_step=Counter(2))
    before = checkpoint.read_bytes()

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(PLANS["whitebox"], data, checkpoint=checkpoint, resume=True, on_step=Counter(2))
    assert checkpoint.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.name]


def test_what_is_kept_does_not_change_with_the_arrays_it_was_made_of() -> None:
    steps, values = PreparationSteps(), np.zeros(3)
    steps.under("fit").keep("iteration", values=values)
    values[:] = 1.0
    assert steps.kept("iteration") is None
    np.testing.assert_array_equal(steps.under("fit").kept("iteration")["values"], np.zeros(3))
