"""The trainer: the same result whether cut off or not, early stopping, and data it must refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from support.random_board import RandomBoard

from crosscal.core.errors import InputError, TrainingError
from crosscal.training import (
    Batch,
    EpochReport,
    GraphFacts,
    GraphWriter,
    Measurements,
    Stage,
    TrainableCalibrator,
    TrainingPlan,
    TrainingResult,
    calibrate,
    split_matrices,
    train,
)

PLAN = TrainingPlan(calibrator="concatsquash", seed=5, max_epochs=4, options={"hidden": 16, "latent": 6})


@pytest.fixture(scope="module")
def data() -> Measurements:
    rng = np.random.default_rng(21)
    return RandomBoard.drawn(4, 3, rng).measured(20, 12, rng)


def state_of(result: TrainingResult) -> dict[str, torch.Tensor]:
    return result.calibrator.state_dict()


def assert_same_state(first: TrainingResult, second: TrainingResult) -> None:
    assert state_of(first).keys() == state_of(second).keys()
    for name, tensor in state_of(first).items():
        assert torch.equal(tensor, state_of(second)[name]), name


def interrupt_after(epochs: int) -> Callable[[EpochReport], None]:
    def stop(report: EpochReport) -> None:
        if report.epoch == epochs:
            raise KeyboardInterrupt

    return stop


@pytest.mark.parametrize("epochs", [1, 3, 4])
def test_a_resumed_training_ends_bit_for_bit_where_an_uninterrupted_one_does(
    data: Measurements, tmp_path: Path, epochs: int
) -> None:
    whole = train(PLAN, data)
    checkpoint = tmp_path / "training.checkpoint"
    with pytest.raises(KeyboardInterrupt):
        train(PLAN, data, checkpoint=checkpoint, progress=interrupt_after(epochs))
    resumed = train(PLAN, data, checkpoint=checkpoint, resume=True)
    assert_same_state(whole, resumed)
    assert resumed.history == whole.history
    assert [report.epoch for report in resumed.history] == [1, 2, 3, 4]


def test_the_seed_decides_everything(data: Measurements) -> None:
    first, again = train(PLAN, data), train(PLAN, data)
    assert_same_state(first, again)
    other = train(TrainingPlan(calibrator="concatsquash", seed=6, max_epochs=4, options=PLAN.options), data)
    assert not torch.equal(state_of(first)["latent.weight"], state_of(other)["latent.weight"])


def test_the_global_random_state_is_neither_used_nor_touched(data: Measurements) -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = train(PLAN, data)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    assert_same_state(first, train(PLAN, data))


def test_a_resume_with_other_data_seed_or_options_is_refused(data: Measurements, tmp_path: Path) -> None:
    checkpoint = tmp_path / "training.checkpoint"
    train(PLAN, data, checkpoint=checkpoint)
    before = checkpoint.read_bytes()
    changed = data.of_vectors(slice(0, 11))
    for plan, measurements in (
        (PLAN, changed),
        (TrainingPlan(calibrator="concatsquash", seed=6, max_epochs=4, options=PLAN.options), data),
        (TrainingPlan(calibrator="concatsquash", seed=5, max_epochs=4, options={"hidden": 8}), data),
    ):
        with pytest.raises(TrainingError, match="other data, seed or options"):
            train(plan, measurements, checkpoint=checkpoint, resume=True)
    assert checkpoint.read_bytes() == before


def test_what_is_no_checkpoint_is_refused(data: Measurements, tmp_path: Path) -> None:
    checkpoint = tmp_path / "training.checkpoint"
    train(PLAN, data, checkpoint=checkpoint)
    whole = checkpoint.read_bytes()
    foreign = tmp_path / "foreign.checkpoint"
    torch.save({"weights": torch.ones(2)}, foreign)
    for content in (b"", b"not a checkpoint", whole[: len(whole) // 2], foreign.read_bytes()):
        checkpoint.write_bytes(content)
        with pytest.raises(TrainingError, match="start anew without --resume"):
            train(PLAN, data, checkpoint=checkpoint, resume=True)
        assert checkpoint.read_bytes() == content


def test_a_checkpoint_that_cannot_be_written_is_one_clear_error(data: Measurements, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot be written"):
        train(PLAN, data, checkpoint=tmp_path / "nowhere" / "training.checkpoint")


def test_a_failed_write_leaves_the_last_checkpoint_whole(
    data: Measurements, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / "training.checkpoint"
    train(PLAN, data, checkpoint=checkpoint)
    before = checkpoint.read_bytes()

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(TrainingError, match="No space left"):
        train(PLAN, data, checkpoint=checkpoint)
    assert checkpoint.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.name]


class Drifting(TrainableCalibrator):
    """Its validation error is told by a list; it counts what the trainer does."""

    name: ClassVar[str] = "drifting"
    errors: ClassVar[list[float]] = []

    def prepare(self, data: Measurements, rng: np.random.Generator) -> None:
        del data, rng
        self.step = torch.nn.Parameter(torch.zeros(()))

    def stages(self) -> tuple[Stage, ...]:
        return (Stage(name="drift", epochs=9, learning_rate=0.1, patience=3, matrices_per_batch=50),)

    def forward(self, conductance_s: torch.Tensor, current_a: torch.Tensor) -> torch.Tensor:
        del conductance_s
        return current_a + 0.0 * self.step

    def loss(self, batch: Batch, stage: Stage) -> torch.Tensor:
        del batch, stage
        return -self.step

    def validation_error(self, batch: Batch, stage: Stage) -> torch.Tensor:
        del batch, stage
        return torch.tensor(self.errors.pop(0))

    def write_graph(self, graph: GraphWriter) -> GraphFacts:
        graph.node("Identity", ["current"], "calibrated")
        return GraphFacts()


def drifted(errors: list[float], data: Measurements, monkeypatch: pytest.MonkeyPatch) -> TrainingResult:
    for module in ("fitting.trainer", "fitting.plan"):
        monkeypatch.setattr(f"crosscal.training.{module}.calibrator_class", lambda _: Drifting)
    monkeypatch.setattr(Drifting, "errors", list(errors))
    return train(TrainingPlan(calibrator="drifting", seed=1), data)


def test_training_stops_when_validation_no_longer_improves_and_returns_the_best_epoch(
    data: Measurements, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first entry is the state before any epoch.
    result = drifted([1.0, 0.9, 0.5, 0.6, 0.7, 0.8, 0.1], data, monkeypatch)
    assert len(result.history) == 5
    assert result.history[-1].best_error == pytest.approx(0.5)
    step = state_of(result)["step"].item()
    # Adam moves by the learning rate each epoch here: two epochs, of 0.1 and a little less.
    assert step == pytest.approx(0.197, abs=5e-3)


def test_training_that_only_makes_it_worse_returns_what_it_began_with(
    data: Measurements, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = drifted([1.0, 1.1, 1.2, 1.3], data, monkeypatch)
    assert len(result.history) == 3
    assert state_of(result)["step"].item() == 0.0


def test_a_loss_that_is_no_number_ends_training_with_an_error(
    data: Measurements, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Drifting, "loss", lambda self, *_: self.step * float("nan"))
    with pytest.raises(TrainingError, match="no longer finite"):
        drifted([1.0], data, monkeypatch)


def test_unusable_vectors_change_nothing_whatever_they_hold(data: Measurements) -> None:
    usable = data.usable.copy()
    usable[3, :4] = usable[7] = False
    results = []
    for held in (np.nan, 1e3):
        current_a = data.current_a.copy()
        current_a[~usable] = held
        spoilt = Measurements(
            conductance_s=data.conductance_s,
            voltage_v=data.voltage_v,
            current_a=current_a,
            usable=usable,
        )
        results.append(train(PLAN, spoilt))
    assert_same_state(*results)
    assert all(torch.isfinite(tensor).all() for tensor in state_of(results[0]).values())


def test_matrices_with_a_single_usable_vector_are_left_out_not_tripped_over(data: Measurements) -> None:
    usable = data.usable.copy()
    usable[:18, 1:] = False
    sparse = Measurements(
        conductance_s=data.conductance_s,
        voltage_v=data.voltage_v,
        current_a=data.current_a,
        usable=usable,
    )
    result = train(PLAN, sparse, validation=data.of_matrices(slice(18, 20)))
    assert all(np.isfinite(report.loss) for report in result.history)
    assert result.training.matrices == 20


def test_data_that_teach_nothing_are_refused(data: Measurements) -> None:
    nothing = Measurements(
        conductance_s=data.conductance_s,
        voltage_v=data.voltage_v,
        current_a=data.current_a,
        usable=np.zeros_like(data.usable),
    )
    with pytest.raises(TrainingError, match="saturated or missing"):
        train(PLAN, nothing)
    with pytest.raises(TrainingError, match="2 or more"):
        train(PLAN, data.of_matrices(slice(0, 1)))
    with pytest.raises(TrainingError, match="two usable vectors"):
        train(PLAN, data.of_vectors(slice(0, 1)))
    constant = Measurements(
        conductance_s=data.conductance_s,
        voltage_v=np.full_like(data.voltage_v, 0.3),
        current_a=np.full_like(data.current_a, 1e-4),
        usable=data.usable,
    )
    with pytest.raises(TrainingError, match="do not vary"):
        train(PLAN, constant)
    rng = np.random.default_rng(2)
    other = RandomBoard.drawn(3, 4, rng).measured(3, 5, rng)
    with pytest.raises(TrainingError, match=r"\(4, 3\), validation matrices of \(3, 4\)"):
        train(PLAN, data, validation=other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"calibrator": "magic"}, "magic.*affine, concatsquash"),
        ({"seed": -1}, "seed"),
        ({"threads": 0}, "threads"),
        ({"max_epochs": 0}, "max_epochs"),
    ],
)
def test_an_impossible_plan_is_refused(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TrainingPlan(**{"calibrator": "affine", "seed": 1, **arguments})


@pytest.mark.parametrize("option", ["hidden", "latent", "hidden_layers"])
def test_an_impossible_size_of_the_network_is_refused(data: Measurements, option: str) -> None:
    with pytest.raises(InputError, match=f"{option} = 0"):
        train(TrainingPlan(calibrator="concatsquash", seed=1, options={option: 0}), data)


def test_an_option_that_the_calibrator_does_not_have_is_refused(data: Measurements) -> None:
    for name in ("affine", "concatsquash"):
        with pytest.raises(InputError, match="loudness"):
            train(TrainingPlan(calibrator=name, seed=1, options={"loudness": 11}), data)


def test_a_stage_that_would_never_end_or_begin_is_refused() -> None:
    for name in ("epochs", "matrices_per_batch", "patience"):
        with pytest.raises(InputError, match=f"{name} = 0"):
            Stage(**{"name": "s", "epochs": 1, "learning_rate": 1e-3, name: 0})


def test_validation_matrices_are_never_trained_on(data: Measurements) -> None:
    training, validation = split_matrices(data, 0.3, np.random.default_rng(1))
    assert (training.matrices, validation.matrices) == (14, 6)
    together = np.concatenate([training.conductance_s, validation.conductance_s])
    assert len(np.unique(together[:, 0, 0])) == 20


def test_torch_has_its_threads_back_after_training(data: Measurements) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        seen: list[int] = []
        train(PLAN, data, progress=lambda _: seen.append(torch.get_num_threads()))
        assert set(seen) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (5, 2)])
def test_the_smallest_data_there_can_be_still_give_finite_corrections(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    smallest = RandomBoard.drawn(*shape, rng).measured(2, 2, rng)
    result = train(TrainingPlan(calibrator="concatsquash", seed=1, max_epochs=2), smallest)
    answer_a = calibrate(result.calibrator, smallest.conductance_s, smallest.current_a)
    assert np.isfinite(answer_a).all()


def test_a_column_that_carries_no_current_spoils_no_other(data: Measurements) -> None:
    current_a = data.current_a.copy()
    current_a[:, :, 1] = 0.0
    dead = Measurements(
        conductance_s=data.conductance_s,
        voltage_v=data.voltage_v,
        current_a=current_a,
        usable=data.usable,
    )
    result = train(PLAN, dead)
    answer_a = calibrate(result.calibrator, dead.conductance_s, dead.current_a)
    error_a = np.sqrt(np.mean((answer_a - dead.ideal_a) ** 2, axis=(0, 1)))
    before_a = np.sqrt(np.mean((dead.current_a - dead.ideal_a) ** 2, axis=(0, 1)))
    assert (error_a < 0.6 * before_a).all()
