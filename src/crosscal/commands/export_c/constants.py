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
    affine_body,
    affine_q15_body,
    inverse_body,
    network_body,
    network_q15_body,
)
from crosscal.runtime import InverseTensors, ProgrammedCalibrator
from crosscal.runtime.feedforward.affine import AffineCorrection
from crosscal.runtime.feedforward.network import NetworkCorrection
from crosscal.runtime.inverse import uncertainty
from crosscal.runtime.inverse.fold import InverseCorrection


def body_of(programmed: ProgrammedCalibrator, *, fixed_point: bool = False) -> Body:
    """Write what a programmed calibrator runs at every read in C.

    Raises:
        InputError: a calibrator that does not fold, or has no fixed-point form.
    """
    correction = programmed.correction
    if isinstance(correction, AffineCorrection):
        gain, offset_a = correction.gain.tolist(), correction.offset_a.tolist()
        if fixed_point:
            return affine_q15_body(gain, offset_a, _full_scale_a(programmed), programmed.limit_a)
        return affine_body(gain, offset_a)
    if isinstance(correction, NetworkCorrection):
        constants = _network(correction)
        return network_q15_body(constants, programmed.limit_a) if fixed_point else network_body(constants)
    if isinstance(correction, InverseCorrection) and not fixed_point:
        return inverse_body(_inverse(correction))
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


def _inverse(correction: InverseCorrection) -> InverseConstants:
    tensors, trim = correction.tensors, correction.trim
    link, *more = tensors.coupling
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
        cubic=tensors.column_terms[0].tolist(),
        quartic=tensors.column_terms[1].tolist(),
        constant=tensors.constant.tolist(),
        variance=tensors.variance.tolist(),
        linear_offset=tensors.offset.tolist(),
        scale=tensors.current_scale.tolist(),
        shift_a=(tensors.current_shift + tensors.prediction_bias / tensors.current_scale).tolist(),
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
    )


def _together(tensors: InverseTensors) -> Sequence[float]:
    """Leading singular vector of the linear prediction, of the smaller side."""
    left, _, right = np.linalg.svd(tensors.linear, full_matrices=False)
    rows, columns = tensors.linear.shape
    return (left[:, 0] if rows <= columns else right[0]).tolist()
