"""A trained calibrator, loaded from its file and checked; `program` compiles it for one matrix."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, overload

import numpy as np
import onnxruntime

from crosscal.core.errors import CalibratorFileError, InputError, RangeError, wanted
from crosscal.runtime.combination import warn_if_singular
from crosscal.runtime.correction import Correction, Fold, ReadingTestable, Recalibratable, correction_with
from crosscal.runtime.file_format.calibrator_file import is_sealed, read_calibrator_bytes
from crosscal.runtime.file_format.metadata import FORMAT, CalibratorMetadata
from crosscal.runtime.file_format.parity_probes import ParityProbes
from crosscal.runtime.file_format.protobuf import graph_outputs, split_metadata
from crosscal.runtime.file_format.recalibration_record import RecalibrationRecord
from crosscal.runtime.kernel_registry import fold_of
from crosscal.runtime.onnx_correction import OnnxCorrection, require_same_shape
from crosscal.runtime.onnx_session import CALIBRATED, Shape, check_ports, evaluate, open_session
from crosscal.runtime.passes import ProgrammedPasses
from crosscal.runtime.programmed import ProgrammedCalibrator
from crosscal.runtime.recalibration.cell_law import CellLaw
from crosscal.runtime.recalibration.posterior import ColumnPosterior
from crosscal.runtime.refusal import trained_window
from crosscal.runtime.validation import checked_matrix

FOREIGN_KIND = "onnx"
"""Kind of a model that brings no metadata of ours."""

# A current ten times beyond everything trained on is an overload or a mistaken unit, not a reading.
_BEYOND_TRAINED = 10.0

# No crossbar carries this, whatever is known of the model. SCPI's not-a-number 9.91E37 (SCPI-1999, volume 1,
# 7.2.1.5) lies beyond it, and below it float32 arithmetic does not overflow.
_NO_CURRENT_A = 1e6

# Conductances travel as float32 and as decimal text: a limit itself must not fall outside for its last digit.
_RANGE_SLACK = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibrator:
    """A calibrator for every matrix of the boards it was trained for; made by `load`.

    Attributes:
        shape: `(N, M)`; None where a model of another maker leaves a dimension free.
        metadata: statements of the file about itself; None for a model of another maker.
    """

    shape: Shape
    metadata: CalibratorMetadata | None
    _session: onnxruntime.InferenceSession
    _fold: Fold | None
    _content: bytes

    def __repr__(self) -> str:
        size = "x".join("?" if lines is None else str(lines) for lines in self.shape)
        runs = "folded" if self.folded else "whole graph in onnxruntime"
        inputs = "" if self.voltage_range_v is None else f", {trained_window(self.voltage_range_v)}"
        recalibrated = (
            "" if self.recalibration is None else f", recalibrated {len(self.recalibration.history)}×"
        )
        return f"<Calibrator {self.kind} {size}{inputs}, {runs}{recalibrated}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as the file's content; it is checked again on arrival."""
        return _from_content, (self._content,)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Calibrator:
        """Read a calibrator file and check it: format, seal, inputs and output, probes on every path.

        Raises:
            CalibratorFileError: no calibrator, damaged, of a newer format, or it fails its own probes.
        """
        return cls.from_bytes(read_calibrator_bytes(path), origin=os.fspath(path))

    @classmethod
    def from_bytes(cls, content: bytes, *, origin: str) -> Calibrator:
        """Do as `load` does with a file's content; `origin` names it in errors."""
        try:
            return cls._checked(content)
        except (CalibratorFileError, InputError) as error:
            raise CalibratorFileError(f"{origin} cannot be used: {error}") from error

    def with_metadata_of(self, content: bytes, *, origin: str) -> Calibrator:
        """Load a file that has this calibrator's graph and metadata of its own, without opening it again.

        Raises:
            CalibratorFileError: it has another graph, or is damaged; `origin` names it.
        """
        if not is_sealed(content) or split_metadata(content)[0] != split_metadata(self._content)[0]:
            raise CalibratorFileError(f"{origin} has another graph than the calibrator in use; load it whole")
        try:
            metadata = CalibratorMetadata.from_properties(_properties(content))
        except (CalibratorFileError, InputError) as error:
            raise CalibratorFileError(f"{origin} cannot be used: {error}") from error
        return replace(self, metadata=metadata, _content=content)

    @property
    def content(self) -> bytes:
        """Content of the calibrator file."""
        return self._content

    @property
    def kind(self) -> str:
        """Name of the calibrator, such as `affine`."""
        return FOREIGN_KIND if self.metadata is None else self.metadata.kind

    @property
    def conductance_range_s(self) -> tuple[float, float] | None:
        """Smallest and largest conductance trained on [S]; None for a model of another maker."""
        return None if self.metadata is None else self.metadata.conductance_range_s

    @property
    def voltage_range_v(self) -> tuple[float, float] | None:
        """Smallest and largest input trained on [V]; None if the file does not say."""
        return None if self.metadata is None else self.metadata.voltage_range_v

    @property
    def recalibration(self) -> RecalibrationRecord | None:
        """Recalibrations that the file remembers; None if there was none."""
        return None if self.metadata is None else self.metadata.recalibration

    @property
    def folded(self) -> bool:
        """Whether reads run a kernel of ours; otherwise the whole graph runs in onnxruntime at every read."""
        return self._fold is not None

    @property
    def cell_law(self) -> CellLaw | None:
        """How far cells lie from their targets, and read-backs from cells; None if the file does not say."""
        return None if self.metadata is None else self.metadata.cell_law

    @property
    def uses_read_backs(self) -> bool:
        """Whether `program` can take what the board reads back without `read_back_std_s`."""
        return self.cell_law is not None and self.cell_law.read_back is not None

    @overload
    def program(
        self,
        conductance_s: Any,
        *,
        read_back_s: Any = None,
        read_back_std_s: Any = None,
        allow_extrapolation: bool = False,
    ) -> ProgrammedCalibrator: ...
    @overload
    def program(
        self,
        conductance_s: Any,
        *,
        read_back_s: Any = None,
        read_back_std_s: Any = None,
        allow_extrapolation: bool = False,
        passes: int,
    ) -> ProgrammedPasses: ...
    def program(
        self,
        conductance_s: Any,
        *,
        read_back_s: Any = None,
        read_back_std_s: Any = None,
        allow_extrapolation: bool = False,
        passes: int | None = None,
    ) -> ProgrammedCalibrator | ProgrammedPasses:
        """Compile the calibrator for one matrix.

        A file that `crosscal recalibrate` wrote answers for the matrix it was recalibrated with as it did
        then. For any other, `structured` and `whitebox` keep the part of the channels, not that of the cells
        (`ColumnPosterior.carried`); a kind that cannot tell the two apart calibrates as it was trained.

        Args:
            conductance_s: the target matrix [S], (N, M): as asked for, not as read back.
            read_back_s: what the board measured of its cells after programming [S], (N, M), or (R, N, M) of R
                times; NaN where there is none. Answers still refer to the target.
            read_back_std_s: standard deviation of one read-back about its cell [S], one or (N, M); learned
                from the training run if left out.
            allow_extrapolation: take matrices outside the trained range, and readings that no inputs of the
                trained window explain, knowing that corrections may then be worse than none.
            passes: for boards that are read in passes, `board.read(v, passes=P)`, as arrays with more rows
                than columns should be.

        Returns:
            The calibrator of this matrix; of (B, P, M) currents where `passes` is given.

        Raises:
            ShapeError: a matrix, or read-backs, of another size.
            RangeError: negative or not finite, or outside the range trained on.
            InputError: read-backs for a kind that does not know cells, or whose error is not known.
            CalibratorFileError: a model of another maker that cannot take this matrix.
        """
        matrix, known = checked_matrix(conductance_s, *self.shape), self.metadata
        limit_a = _NO_CURRENT_A
        if known is not None and not allow_extrapolation:
            _require_trained(matrix, known.conductance_range_s)
            limit_a = _BEYOND_TRAINED * max(abs(limit) for limit in known.current_range_a)
        warn_if_singular(matrix)
        correction, posterior = self._correction(matrix), self._remembered(matrix)
        recalibrated = posterior is not None
        programmed = ProgrammedCalibrator(
            conductance_s=matrix,
            kind=self.kind,
            correction=correction if posterior is None else correction_with(correction, posterior),
            limit_a=limit_a,
            current_range_a=None if known is None else known.current_range_a,
            voltage_range_v=self.voltage_range_v or _inputs_of(correction),
            input_levels_v=None if known is None else known.input_levels_v,
            as_programmed=correction if recalibrated else None,
            posterior=posterior,
            only_explained=not allow_extrapolation,
            cell_law=self.cell_law,
            pass_errors=() if known is None else known.pass_errors,
        )
        if posterior is not None and posterior.averages != 1.0:
            # Reads are taken for averaged as the known vectors were.
            programmed = programmed.at(averages=posterior.averages)
        if read_back_s is not None:
            programmed = programmed.with_read_back(read_back_s, read_back_std_s)
        return programmed if passes is None else ProgrammedPasses(programmed, passes)

    def _remembered(self, matrix: np.ndarray) -> ColumnPosterior | None:
        record = self.recalibration
        if record is None or record.posterior is None:
            return None
        if record.is_of(matrix):
            return record.posterior
        return record.posterior.carried() if record.posterior.cells_known else None

    @classmethod
    def _checked(cls, content: bytes) -> Calibrator:
        if not is_sealed(content):
            return cls._of_another_maker(content)
        metadata = CalibratorMetadata.from_properties(_properties(content))
        fold = fold_of(metadata.kind, metadata.fold)
        # Opened once, with what folds as further outputs: a large graph takes onnxruntime a second to open.
        names = () if fold is None else dict.fromkeys(fold.tensor_names)
        session = open_session(content + graph_outputs(names) if names else content, optimised=not names)
        shape = check_ports(session)
        if shape != (metadata.rows, metadata.columns):
            raise CalibratorFileError(
                f"its graph is for {shape}, its metadata for {metadata.rows, metadata.columns}; export again"
            )
        calibrator = cls(shape=shape, metadata=metadata, _session=session, _fold=fold, _content=content)
        calibrator._check_probes(metadata)
        return calibrator

    @classmethod
    def _of_another_maker(cls, content: bytes) -> Calibrator:
        session = open_session(content)
        if session.get_modelmeta().custom_metadata_map.get("format") == FORMAT:
            raise CalibratorFileError(
                "its seal is gone: another program has saved it again; use the file as it was exported"
            )
        return cls(shape=check_ports(session), metadata=None, _session=session, _fold=None, _content=content)

    def _check_probes(self, metadata: CalibratorMetadata) -> None:
        """Compare both paths with the probes, from one run of the graph for each matrix."""
        fold, evaluated = self._fold, list[dict[str, np.ndarray]]()
        names = () if fold is None else fold.tensor_names

        def whole(matrix: np.ndarray, current_a: np.ndarray) -> np.ndarray:
            found = evaluate(self._session, dict.fromkeys((CALIBRATED, *names)), matrix, current_a)
            require_same_shape(found[CALIBRATED], current_a)
            evaluated.append(found)
            return found[CALIBRATED]

        _require_parity("onnxruntime", whole, metadata.parity_probes)
        if fold is not None:
            pairs = zip(evaluated, metadata.parity_probes.conductance_s, strict=True)
            corrections = iter([fold.compile(found, matrix) for found, matrix in pairs])
            _require_parity(
                "the folded path",
                lambda _, current_a: _applied(next(corrections), current_a),
                metadata.parity_probes,
            )

    def _whole_graph(self, matrix: np.ndarray) -> Correction:
        return OnnxCorrection.of(self._session, matrix, self._content)

    def _correction(self, matrix: np.ndarray) -> Correction:
        correction, known = self._untested(matrix), self.metadata
        if known is None or known.reading_window is None or known.voltage_range_v is None:
            return correction
        if not isinstance(correction, ReadingTestable):
            return correction
        return correction.tested(known.reading_window.of_matrix(matrix, known.voltage_range_v))

    def _untested(self, matrix: np.ndarray) -> Correction:
        if self._fold is None:
            return self._whole_graph(matrix)
        names = dict.fromkeys(self._fold.tensor_names)
        # The graph asks for currents too; what folds does not depend on them.
        current_a = np.zeros((1, matrix.shape[1]), dtype=np.float32)

        def tensors_of(cells_s: np.ndarray) -> dict[str, np.ndarray]:
            return evaluate(self._session, names, cells_s.astype(np.float32), current_a)

        return self._fold.compile(tensors_of(matrix), matrix, tensors_of)


def _from_content(content: bytes) -> Calibrator:
    return Calibrator.from_bytes(content, origin="a calibrator that was copied")


def _inputs_of(correction: Correction) -> tuple[float, float] | None:
    """Range of inputs that a correction itself tells, where the file does not [V]."""
    return correction.voltage_range_v if isinstance(correction, Recalibratable) else None


def _properties(content: bytes) -> dict[str, str]:
    try:
        return split_metadata(content)[1]
    except ValueError:
        # What is no model, onnxruntime says best.
        return open_session(content).get_modelmeta().custom_metadata_map


def _applied(correction: Correction, current_a: np.ndarray) -> np.ndarray:
    answer = np.full_like(current_a, np.nan)
    correction.apply(current_a, answer, _NO_CURRENT_A)
    return answer


def _require_parity(
    name: str, calibrate: Callable[[np.ndarray, np.ndarray], np.ndarray], probes: ParityProbes
) -> None:
    worst, allowed = probes.worst_error(calibrate), probes.relative_tolerance
    if not worst <= allowed:
        raise CalibratorFileError(
            wanted(
                got=f"parity probes that {name} misses by {worst:.2g} of the largest current",
                allowed=f"{allowed:.2g}",
                remedy="export the calibrator again, or try another version of onnxruntime or numba",
            )
        )


def _require_trained(matrix: np.ndarray, trained_s: tuple[float, float]) -> None:
    low, high = trained_s
    outside = (matrix < low * (1.0 - _RANGE_SLACK)) | (matrix > high * (1.0 + _RANGE_SLACK))
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise RangeError(
            wanted(
                got=f"{int(outside.sum())} of {matrix.size} conductances outside the range trained on, "
                f"such as {matrix[row, column]:.4g} S in row {row + 1}, column {column + 1} (counted from 1)",
                allowed=f"{low:.4g} S to {high:.4g} S",
                remedy="train on matrices like this one; in Python, allow_extrapolation=True takes it, for "
                "results to be checked against known vectors",
            )
        )
