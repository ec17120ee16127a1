"""The one trainer: any calibrator, from measurements to its best state on matrices it was never trained on.

Every random choice is drawn from the seed and the place in the training it belongs to, never from a generator
that is carried along, so that a resumed training goes exactly where an uninterrupted one would have gone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from pathlib import Path

import numpy as np
import torch

from crosscal.core.errors import InputError, TrainingError, wanted
from crosscal.training.calibrators.calibrator import Stage, TrainableCalibrator
from crosscal.training.calibrators.registry import calibrator_class
from crosscal.training.fitting.batches import TensorData
from crosscal.training.fitting.plan import EpochReport, TrainingPlan
from crosscal.training.fitting.state import TrainingState
from crosscal.training.fitting.training_checkpoint import TrainingCheckpoint, fingerprint
from crosscal.training.measurements import Measurements, split_matrices

logger = logging.getLogger(__name__)

_SPLIT, _PREPARE, _ORDER = 0, 1, 2  # names of random streams of one seed
_LAST_STEP_SHARE = 0.01
"""Of the learning rate, at the end. Errors of `concatsquash` are within 1 % between 0 and 0.1; without an
end, within 4 % (`python benchmarks/constants.py LAST_STEP`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """A trained calibrator and how it came about.

    Attributes:
        calibrator: in its best state.
        plan: as asked for.
        training, validation: the matrices used for each.
        history: every epoch.
    """

    calibrator: TrainableCalibrator
    plan: TrainingPlan
    training: Measurements
    validation: Measurements
    history: tuple[EpochReport, ...]


def train(
    plan: TrainingPlan,
    data: Measurements,
    *,
    validation: Measurements | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Callable[[EpochReport], None] | None = None,
    on_step: Callable[[], None] | None = None,
) -> TrainingResult:
    """Train a calibrator.

    Args:
        plan: calibrator, split and limits.
        data: measured matrices.
        validation: matrices to validate on; None to keep some of `data` for it.
        checkpoint: where finished steps of a long preparation, and the state after every epoch, are saved;
            None not to.
        resume: go on from the checkpoint, to the result that an uninterrupted training gives; starts one if
            there is no checkpoint yet.
        progress: called after every epoch.
        on_step: called after every step of a long preparation; may raise to stop.

    Raises:
        InputError: options that the calibrator does not have.
        TrainingError: data from which nothing can be learned, a checkpoint of another training, or a loss
            that is no longer finite.
    """
    if validation is None:
        rng = np.random.default_rng([plan.seed, _SPLIT])
        data, validation = split_matrices(data, plan.validation_share, rng)
    _require_fit(data, validation)
    learnt, checked = data.with_variation(), validation.with_variation()
    kept = TrainingCheckpoint(checkpoint, fingerprint(plan, data, validation))
    before = kept.resumed() if resume else None
    with _torch_threads(plan.threads):
        with _seeded(plan.seed, _PREPARE), kept.preparation(on_step) as steps:
            calibrator = _untrained(plan, data.shape)
            calibrator.prepare_in_steps(learnt, np.random.default_rng([plan.seed, _PREPARE]), steps)
        state = TrainingState(calibrator)
        if before is not None:
            state.take(before)
        tensors = TensorData(learnt), TensorData(checked)
        for index, stage in enumerate(_capped(plan, calibrator)):
            if index >= state.stage:
                _run_stage(plan.seed, index, stage, state, tensors, kept, progress)
        calibrator.eval()
    return TrainingResult(
        calibrator=calibrator,
        plan=plan,
        training=data,
        validation=validation,
        history=tuple(EpochReport(**entry) for entry in state.history),
    )


def _untrained(plan: TrainingPlan, shape: tuple[int, int]) -> TrainableCalibrator:
    made = calibrator_class(plan.calibrator)
    try:
        signature(made).bind(shape, **plan.options)
    except TypeError as error:
        raise InputError(
            wanted(
                got=f"options {plan.options} for {plan.calibrator} ({error})",
                allowed=str(signature(made)),
                remedy="correct the options",
            )
        ) from error
    return made(shape, **plan.options)


def _run_stage(
    seed: int,
    index: int,
    stage: Stage,
    state: TrainingState,
    tensors: tuple[TensorData, TensorData],
    kept: TrainingCheckpoint,
    progress: Callable[[EpochReport], None] | None,
) -> None:
    training, validation = tensors
    state.begin(index, lambda: _validate(state.calibrator, stage, validation))
    while state.epoch < stage.epochs and state.waited < stage.patience:
        state.set_learning_rate(_learning_rate(stage, state.epoch))
        place = seed, _ORDER, index, state.epoch
        with _seeded(*place):
            loss = _epoch(state, stage, training, np.random.default_rng(place))
        error = _validate(state.calibrator, stage, validation)
        state.record(error)
        report = EpochReport(
            stage=stage.name,
            epoch=state.epoch,
            epochs=stage.epochs,
            loss=loss,
            validation_error=error,
            best_error=state.best_error,
        )
        state.remember(report)
        kept.save(state.to_checkpoint())
        if progress is not None:
            progress(report)
    state.finish()
    logger.info("stage %s ended after %d epochs, best %.4g", stage.name, state.epoch, state.best_error)


def _epoch(state: TrainingState, stage: Stage, data: TensorData, rng: np.random.Generator) -> float:
    state.calibrator.train()
    losses = []
    for batch in data.shuffled(stage.matrices_per_batch, stage.vectors_per_batch, rng):
        state.optimiser.zero_grad(set_to_none=True)
        loss = state.calibrator.loss(batch, stage)
        if not torch.isfinite(loss):
            raise TrainingError(
                f"the loss of stage {stage.name} is no longer finite (epoch {state.epoch + 1}); the last "
                "checkpoint is whole: train with another seed, or look for impossible values in the run"
            )
        loss.backward()
        state.optimiser.step()
        losses.append(loss.item())
    return float(np.mean(losses))


def _validate(calibrator: TrainableCalibrator, stage: Stage, data: TensorData) -> float:
    calibrator.eval()
    with torch.no_grad():
        pieces = [
            (float(calibrator.validation_error(batch, stage)), len(batch.conductance_s))
            for batch in data.in_order(stage.matrices_per_batch)
        ]
    errors, weights = zip(*pieces, strict=True)
    return float(np.average(errors, weights=weights))


def _learning_rate(stage: Stage, epoch: int) -> float:
    share = 0.5 * (1.0 + np.cos(np.pi * epoch / stage.epochs))
    return stage.learning_rate * (_LAST_STEP_SHARE + (1.0 - _LAST_STEP_SHARE) * float(share))


def _capped(plan: TrainingPlan, calibrator: TrainableCalibrator) -> list[Stage]:
    return [
        stage if plan.max_epochs is None else stage.with_at_most(plan.max_epochs)
        for stage in calibrator.stages()
    ]


def _require_fit(data: Measurements, validation: Measurements) -> None:
    data.require_learnable()
    validation.require_learnable()
    if data.shape != validation.shape:
        raise TrainingError(
            wanted(
                got=f"training matrices of {data.shape}, validation matrices of {validation.shape}",
                allowed="the same size",
                remedy="validate on runs of the same board",
            )
        )


@contextmanager
def _seeded(*place: int) -> Iterator[None]:
    """Draw torch's own randomness (first weights, dropout) from the place too, and leave its state alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))
        yield


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
