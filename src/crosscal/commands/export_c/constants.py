"""Constants of a programmed calibrator, handed from the runtime to the writer of C as plain sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from crosscal.core.errors import InputError, wanted
from crosscal.firmware_models.c_calibrator import (
    Body,
    InverseConstants,
    NetworkConstants,
    affine_body,
    inverse_body,
    network_body,
)

if TYPE_CHECKING:
    from crosscal.runtime import InverseTensors, ProgrammedCalibrator
    from crosscal.runtime.affine import AffineCorrection
    from crosscal.runtime.inverse_fold import InverseCorrection
    from crosscal.runtime.network import NetworkCorrection


def body_of(programmed: ProgrammedCalibrator, *, fixed_point: bool = False) -> Body:
    """Write what a programmed calibrator runs at every read in C.

    Raises:
        InputError: a calibrator that does not fold.
    """
    correction = programmed.correction
    writers: dict[str, Callable[..., Body]] = {
        "AffineCorrection": _affine,
        "NetworkCorrection": _network,
        "InverseCorrection": _inverse,
    }
    name = type(correction).__name__
    if name not in writers:
        raise InputError(
            wanted(
                got=f"a calibrator of kind {programmed.kind!r}, whose whole graph runs in onnxruntime at every read",
                allowed="kinds that fold for a matrix: affine, concatsquash, structured, whitebox",
                remedy="train one of these (crosscal train)",
            )
        )
    return writers[name](correction)


def _affine(correction: AffineCorrection) -> Body:
    return affine_body(correction.gain.tolist(), correction.offset_a.tolist())


def _network(correction: NetworkCorrection) -> Body:
    around = {name: values.tolist() for name, values in correction.per_column.items()}
    return network_body(
        NetworkConstants(
            layers=[(weight.tolist(), bias.tolist()) for weight, bias in correction.layers],
            input_shift_a=around["input_shift"],
            input_scale=around["input_scale"],
            output_shift_a=around["output_shift"],
            output_scale_a=around["output_scale"],
            skip_a=around["skip"],
        )
    )


def _inverse(correction: InverseCorrection) -> Body:
    tensors, trim = correction.tensors, correction.trim
    link, *more = tensors.coupling
    return inverse_body(
        InverseConstants(
            first=tensors.polynomial[0].tolist(),
            second=tensors.polynomial[1].tolist(),
            third=tensors.polynomial[2].tolist(),
            pattern=tensors.pattern.tolist(),
            link=link.tolist(),
            high_link=(more[0] if more else np.zeros_like(link)).tolist(),
            bent=tensors.bent.tolist(),
            linear=tensors.linear.tolist(),
            conductance_s=tensors.conductance.tolist(),
            gain=tensors.gain.T.tolist(),
            place=(tensors.moment[1] if more else np.zeros(len(tensors.softness))).tolist(),
            softness=tensors.softness.tolist(),
            cubic=tensors.lift[0].tolist(),
            quartic=tensors.lift[1].tolist(),
            constant=tensors.constant.tolist(),
            variance=tensors.variance.tolist(),
            linear_offset=tensors.offset.tolist(),
            scale=tensors.current_scale.tolist(),
            shift_a=(tensors.current_shift + tensors.lean / tensors.current_scale).tolist(),
            trim=trim.gain.tolist(),
            trim_a=trim.offset_a.tolist(),
            together=_together(tensors),
            walls=tensors.walls.tolist(),
            widening=tensors.widening.tolist(),
            settled=tensors.settled.tolist(),
            expansion_v=tensors.expansion.tolist(),
        )
    )


def _together(tensors: InverseTensors) -> Sequence[float]:
    """Leading singular vector of the linear prediction, of the smaller side."""
    left, _, right = np.linalg.svd(tensors.linear, full_matrices=False)
    rows, columns = tensors.linear.shape
    return (left[:, 0] if rows <= columns else right[0]).tolist()
