"""Constants of a programmed calibrator, handed from the runtime to the writer of C as plain sequences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crosscal.core.errors import InputError, wanted
from crosscal.firmware_models.c_calibrator import (
    Body,
    InverseConstants,
    NetworkConstants,
    SpreadRules,
    WindowConstants,
    affine_body,
    affine_q15_body,
    inverse_body,
    network_body,
    network_q15_body,
    with_window,
)
from crosscal.runtime import InverseTensors, ProgrammedCalibrator
from crosscal.runtime.feedforward.affine import AffineCorrection
from crosscal.runtime.feedforward.network import NetworkCorrection
from crosscal.runtime.inverse import prior_check, uncertainty
from crosscal.runtime.inverse.fold import InverseCorrection
from crosscal.runtime.inverse.inverse import DOUBTFUL_MISFIT, MOST_MISFIT, reading_weight
from crosscal.runtime.reading_window import ReadingTest

_ANY_MISFIT = 1e30
"""Of single precision, and more than any reading has."""


def body_of(programmed: ProgrammedCalibrator, *, fixed_point: bool = False) -> Body:
    """Write what a programmed calibrator runs at every read in C.

    Raises:
        InputError: a calibrator that does not fold, or has no fixed-point form.
    """
    correction = programmed.correction
    if isinstance(correction, AffineCorrection | NetworkCorrection):
        body = _fixed_point_body(correction, programmed) if fixed_point else _feedforward_body(correction)
        return with_window(body, _window(correction.test) if programmed.only_explained else None)
    if isinstance(correction, InverseCorrection) and not fixed_point:
        return inverse_body(_inverse(correction, programmed))
    folds = isinstance(correction, InverseCorrection)
    raise InputError(
        wanted(
            got=f"a calibrator of kind {programmed.kind!r}"
            + (" for fixed point" if folds else ", which onnxruntime runs whole at every read"),
            allowed="affine, concatsquash"
            if folds
            else "kinds that fold: affine, concatsquash, structured, whitebox",
            remedy="leave --fixed-point out" if folds else "train one of these (crosscal train)",
        )
    )


def _feedforward_body(correction: AffineCorrection | NetworkCorrection) -> Body:
    if isinstance(correction, AffineCorrection):
        return affine_body(correction.gain.tolist(), correction.offset_a.tolist())
    return network_body(_network(correction))


def _fixed_point_body(
    correction: AffineCorrection | NetworkCorrection, programmed: ProgrammedCalibrator
) -> Body:
    limit_a = programmed.limit_a
    if isinstance(correction, AffineCorrection):
        columns = correction.gain.tolist(), correction.offset_a.tolist()
        return affine_q15_body(*columns, _full_scale_a(programmed), limit_a)
    return network_q15_body(_network(correction), limit_a)


def _window(test: ReadingTest | None) -> WindowConstants | None:
    """Take the test of readings apart, as `reading_window_kernel` has it packed."""
    if test is None:
        return None
    rows, columns = test.response.shape
    (_, most, rounds), scale, middle, inverse_square, estimate, response, total, level = np.split(
        test.packed(), np.cumsum([3, columns, columns, rows, rows * columns, rows * columns, columns])
    )
    return WindowConstants(
        scale=scale.tolist(),
        middle=middle.tolist(),
        inverse_square=inverse_square.tolist(),
        estimate=estimate.reshape(rows, columns).tolist(),
        response=response.reshape(rows, columns).tolist(),
        total=total.tolist(),
        level=None if np.isinf(level).any() else (float(level[0]), float(level[1])),
        most=float(most),
        rounds=int(rounds),
    )


def _full_scale_a(programmed: ProgrammedCalibrator) -> float:
    trained_a = programmed.current_range_a or (-programmed.limit_a, programmed.limit_a)
    return max(map(abs, trained_a))


def _network(correction: NetworkCorrection) -> NetworkConstants:
    around = {name: values.tolist() for name, values in correction.per_column.items()}
    return NetworkConstants(
        layers=[(weight.tolist(), bias.tolist()) for weight, bias in correction.layers],
        input_shift_a=around["input_shift"],
        input_scale=around["input_scale"],
        output_shift_a=around["output_shift"],
        output_scale_a=around["output_scale"],
        skip_a=around["skip"],
    )


def _inverse(correction: InverseCorrection, programmed: ProgrammedCalibrator) -> InverseConstants:
    tensors, trim = correction.tensors, correction.trim
    link, *more = tensors.coupling
    bias_a = tensors.prediction_bias / tensors.current_scale
    return InverseConstants(
        first=tensors.polynomial[0].tolist(),
        second=tensors.polynomial[1].tolist(),
        third=tensors.polynomial[2].tolist(),
        loading=tensors.loading.tolist(),
        link=link.tolist(),
        high_link=(more[0] if more else np.zeros_like(link)).tolist(),
        quadratic=tensors.quadratic.tolist(),
        linear=tensors.linear.tolist(),
        conductance_s=tensors.conductance.tolist(),
        gain=tensors.gain.T.tolist(),
        place=(tensors.moment[1] if more else np.zeros(len(tensors.input_variance))).tolist(),
        input_variance=tensors.input_variance.tolist(),
        drive_variance=np.diagonal(tensors.drive_covariance).tolist(),
        cubic=tensors.column_terms[0].tolist(),
        quartic=tensors.column_terms[1].tolist(),
        constant=tensors.constant.tolist(),
        variance=tensors.variance.tolist(),
        linear_offset=tensors.offset.tolist(),
        scale=tensors.current_scale.tolist(),
        shift_a=(tensors.current_shift + bias_a).tolist(),
        shift_without_offsets_a=bias_a.tolist(),
        reading_weight=reading_weight(tensors).tolist(),
        doubtful_misfit=DOUBTFUL_MISFIT,
        limit_a=programmed.limit_a,
        most_misfit=MOST_MISFIT if programmed.only_explained else _ANY_MISFIT,
        trim=trim.gain.tolist(),
        trim_a=trim.offset_a.tolist(),
        together=_together(tensors),
        input_bounds=tensors.input_bounds.tolist(),
        damping=tensors.damping.tolist(),
        step_tolerance=tensors.step_tolerance.tolist(),
        expansion_v=tensors.expansion.tolist(),
        spread=_spread(tensors),
    )


def _spread(tensors: InverseTensors) -> SpreadRules:
    rows, columns = tensors.linear.shape
    rank = min(rows, columns)
    return SpreadRules(
        inflation=float(tensors.inflation[0]),
        usual=uncertainty.usual_misfit(columns, float(tensors.inflation[0])),
        beginning=uncertainty.power_iteration_start(rows).tolist(),
        rounds=uncertainty.ROUNDS,
        soft=uncertainty.SOFT,
        step_of_deviation=uncertainty.STEP_OF_DEVIATION,
        step_limits=uncertainty.STEP_LIMITS,
        strides=uncertainty.STEPS,
        unlikely=uncertainty.UNLIKELY,
        likeliest=uncertainty.LIKELIEST,
        patterns=prior_check.patterns(rows).T.tolist(),
        bias_in_noise=(tensors.prediction_bias / np.sqrt(tensors.variance)).tolist(),
        doubt=prior_check.DOUBT,
        most_common=prior_check.MOST_COMMON,
        spread_by_chance=prior_check.spread_by_chance(rank),
        most_spread=prior_check.most_spread(rank),
        unknown_spread=prior_check.UNKNOWN_SPREAD,
        others_left=(uncertainty.OTHERS_LEFT[0] * rows, uncertainty.OTHERS_LEFT[1] * rows),
        spread_of_squares=prior_check.SPREAD_OF_SQUARES,
    )


def _together(tensors: InverseTensors) -> Sequence[float]:
    """Leading singular vector of the linear prediction, of the smaller side."""
    left, _, right = np.linalg.svd(tensors.linear, full_matrices=False)
    rows, columns = tensors.linear.shape
    return (left[:, 0] if rows <= columns else right[0]).tolist()
