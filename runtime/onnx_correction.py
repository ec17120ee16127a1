"""Runs a whole graph at every read, through onnxruntime: any model with the documented inputs and output."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnxruntime

from crosscal.core.errors import CalibratorFileError, RangeError
from crosscal.runtime.feedforward.affine import AffineCorrection
from crosscal.runtime.onnx_session import (
    CALIBRATED,
    CONDUCTANCE,
    CURRENT,
    MODEL_ERRORS,
    evaluate,
    failure,
    open_session,
)
from crosscal.runtime.reading_kernel import first_unreadable
from crosscal.runtime.reading_window import ReadingTest
from crosscal.runtime.reading_window_kernel import NO_TEST, first_unexplained

_LARGEST_FLOAT32 = float(np.finfo(np.float32).max)


class _Binding(threading.local):
    """Buffers of the batch size last seen by this thread, bound once so that a read only copies into them."""

    batch = -1
    current_a: np.ndarray
    calibrated_a: np.ndarray
    binding: onnxruntime.IOBinding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OnnxCorrection:
    """A session with its matrix bound.

    Attributes:
        session: the model. conductance_s: the matrix [S], (N, M), float32.
        trim: gain and offset per column for the model's answers.
        content: the model, serialised.
        test: of readings; None tells no reading from another.
    """

    session: onnxruntime.InferenceSession
    conductance_s: np.ndarray
    trim: AffineCorrection
    content: bytes
    test: ReadingTest | None = None
    _packed: np.ndarray = field(init=False, repr=False)
    _bound: _Binding = field(default_factory=_Binding, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_packed", NO_TEST if self.test is None else self.test.packed())

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as the model's content: a session belongs to its process."""
        return _opened, (self.content, self.conductance_s, self.trim, self.test)

    @classmethod
    def of(
        cls, session: onnxruntime.InferenceSession, conductance_s: np.ndarray, content: bytes
    ) -> OnnxCorrection:
        """Bind a matrix, and try the model once.

        Raises:
            CalibratorFileError: the model fails, or answers another shape than that of its currents.
        """
        columns = conductance_s.shape[1]
        matrix = np.ascontiguousarray(conductance_s, dtype=np.float32)
        trial = np.zeros((2, columns), dtype=np.float32)
        answer = evaluate(session, [CALIBRATED], matrix, trial)[CALIBRATED]
        require_same_shape(answer, trial)
        trim = AffineCorrection(gain=np.ones(columns), offset_a=np.zeros(columns))
        return cls(session=session, conductance_s=matrix, trim=trim, content=content)

    @property
    def columns_independent(self) -> bool:
        """Nothing is known of the graph, so none is taken to be."""
        return False

    def apply(
        self,
        current_a: np.ndarray,
        calibrated_a: np.ndarray,
        limit_a: float,
        only_explained: bool = False,
    ) -> int:
        """See `Correction.apply`.

        Raises:
            RangeError: the model answers NaN or infinity; then nothing was written.
        """
        unreadable = first_unreadable(current_a.reshape(-1), limit_a)
        if unreadable >= 0 or current_a.size == 0:
            return unreadable
        if only_explained:
            unexplained = first_unexplained(current_a.reshape(-1), self.conductance_s.shape[1], self._packed)
            if unexplained >= 0:
                return -2 - unexplained
        bound = self._bound_to(current_a.size // self.conductance_s.shape[1])
        np.copyto(bound.current_a, current_a, casting="same_kind")
        try:
            self.session.run_with_iobinding(bound.binding)
        except MODEL_ERRORS as error:
            raise failure(error, f"currents {bound.current_a.shape}") from error
        if self.trim.apply(bound.calibrated_a, bound.calibrated_a, _LARGEST_FLOAT32) >= 0:
            raise RangeError(
                "the model answered NaN or infinity to currents that are finite; allowed: currents and "
                "matrices like those it was trained on"
            )
        np.copyto(calibrated_a, bound.calibrated_a.reshape(calibrated_a.shape))
        return -1

    def trimmed(self, gain: np.ndarray, offset_a: np.ndarray) -> OnnxCorrection:
        """See `Correction.trimmed`."""
        test = None if self.test is None else self.test.trimmed(gain, offset_a)
        return replace(self, trim=self.trim.trimmed(gain, offset_a), test=test)

    def tested(self, test: ReadingTest) -> OnnxCorrection:
        """See `ReadingTestable.tested`."""
        return replace(self, test=test)

    def _bound_to(self, batch: int) -> _Binding:
        bound = self._bound
        if bound.batch != batch:
            bound.batch = -1
            bound.current_a = np.empty((batch, self.conductance_s.shape[1]), dtype=np.float32)
            bound.calibrated_a = np.empty_like(bound.current_a)
            bound.binding = self.session.io_binding()
            matrix = onnxruntime.OrtValue.ortvalue_from_numpy(self.conductance_s)
            bound.binding.bind_ortvalue_input(CONDUCTANCE, matrix)
            bind = {
                "device_type": "cpu",
                "device_id": 0,
                "element_type": np.float32,
                "shape": bound.current_a.shape,
            }
            bound.binding.bind_input(CURRENT, buffer_ptr=bound.current_a.ctypes.data, **bind)
            bound.binding.bind_output(CALIBRATED, buffer_ptr=bound.calibrated_a.ctypes.data, **bind)
            bound.batch = batch
        return bound


def _opened(
    content: bytes, conductance_s: np.ndarray, trim: AffineCorrection, test: ReadingTest | None
) -> OnnxCorrection:
    session = open_session(content)
    return OnnxCorrection(session=session, conductance_s=conductance_s, trim=trim, content=content, test=test)


def require_same_shape(answer: np.ndarray, current_a: np.ndarray) -> None:
    """Refuse a model with an answer of another shape than its currents.

    Raises:
        CalibratorFileError: it has.
    """
    if answer.shape != current_a.shape:
        raise CalibratorFileError(
            f"the model answers {answer.shape} to currents of {current_a.shape}; allowed: the same shape; "
            "export it again"
        )
