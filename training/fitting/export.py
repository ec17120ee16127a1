"""Export of a trained calibrator as one standard ONNX file; see `docs/reference/calibrator_format.md`."""

from __future__ import annotations

import copy
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crosscal.core.array_types import Float
from crosscal.runtime import (
    LOOSEST_TOLERANCE,
    CalibratorMetadata,
    CellLaw,
    ParityProbes,
    PassErrors,
    write_calibrator,
)
from crosscal.training.calibrators.calibrator import TrainableCalibrator
from crosscal.training.calibrators.graph_writer import GraphWriter
from crosscal.training.calibrators.structured.calibrator import Structured
from crosscal.training.fitting.cell_law import fit_cell_law
from crosscal.training.fitting.pass_errors import fit_pass_errors
from crosscal.training.fitting.reading_window import fit_reading_window
from crosscal.training.fitting.trainer import TrainingResult
from crosscal.training.measurements import Measurements

_PROBE_MATRICES = 3
"""Probes find damage and differing software, and any matrix shows them; one more costs loading time."""

_COSTLY = {"structured", "whitebox"}
"""Kinds that take a second per matrix: one probe is enough, as all matrices go through the same nodes."""

_PROBE_VECTORS = 4  # as matrices: any vector shows damage, several that vectors are not mixed up

_EXPECTED_GAPS = 5
"""Of uniform draws, between the end of their range and the nearest: more once in e⁵ = 150 ranges."""

_LEAST_MARGIN = 0.01
"""At least, of the range: ranges are typed with two digits, and draws come near their ends."""

_USUAL_TOLERANCE = 1e-5
"""Error relative to the largest current that float32 runtimes keep on matrices of one decade (seen: 3e-7)."""

_LAST_BIT = 2.0**-24
"""Relative rounding of a float32 (IEEE 754)."""

_ROUNDINGS = 8.0
"""Roundings of a whole graph over that of its input: onnxruntime showed 0.6 to 3 times the change that one
last bit of the conductances causes, over on/off, log-uniform and mostly-off matrices."""


def export_calibrator(
    result: TrainingResult, path: Path, *, provenance: dict[str, Any] | None = None
) -> None:
    """Write the calibrator; the runtime loads it again and repeats its probes before the file appears.

    Args:
        result: of training.
        path: the file, replaced if it exists.
        provenance: further plain JSON values to record, such as the runs trained on.

    Raises:
        CalibratorFileError: the file cannot be written, or does not reproduce the probes.
    """
    graph = GraphWriter(result.calibrator.shape)
    levels_v = result.training.input_levels_v()
    facts = result.calibrator.write_graph(graph)
    rows, columns = result.calibrator.shape
    metadata = CalibratorMetadata(
        kind=result.calibrator.name,
        rows=rows,
        columns=columns,
        conductance_range_s=_conductance_range(result.training),
        current_range_a=_range(result.training.current_a[result.training.usable]),
        voltage_range_v=result.training.voltage_range_v
        or _range(result.training.voltage_v[result.training.usable]),
        input_levels_v=None if levels_v is None else tuple(levels_v.tolist()),
        reading_window=fit_reading_window(result.training),
        cell_law=_cell_law(result),
        pass_errors=_pass_errors(result),
        parity_probes=_parity_probes(result),
        fold=facts.fold,
        normalisation=facts.normalisation,
        provenance={**_provenance(result), **(provenance or {})},
    )
    write_calibrator(path, graph.model(), metadata)


def calibrate(
    calibrator: TrainableCalibrator, conductance_s: np.ndarray, current_a: np.ndarray
) -> Float[np.ndarray, "matrices vectors columns"]:
    """Run a calibrator in torch with its own weights but in float64, without the rounding of other paths.

    Args:
        calibrator: trained.
        conductance_s: [S], (K, N, M). current_a: [A], (K, V, M).

    Returns:
        Calibrated currents [A], (K, V, M).
    """
    exact = copy.deepcopy(calibrator).double().eval()
    with torch.no_grad():
        return exact(torch.as_tensor(conductance_s).double(), torch.as_tensor(current_a).double()).numpy()


def _parity_probes(result: TrainingResult) -> ParityProbes:
    """Matrices never trained on come first; of each its first usable vectors."""
    conductance_s, current_a = [], []
    for data in (result.validation, result.training):
        for k in np.flatnonzero(data.usable.any(axis=1)):
            if len(conductance_s) == (1 if result.calibrator.name in _COSTLY else _PROBE_MATRICES):
                break
            chosen = np.resize(np.flatnonzero(data.usable[k]), _PROBE_VECTORS)
            conductance_s.append(data.conductance_s[k].astype(np.float32))
            current_a.append(data.current_a[k, chosen].astype(np.float32))
    inputs = np.stack(conductance_s), np.stack(current_a)
    calibrated_a = calibrate(result.calibrator, *inputs)
    return ParityProbes(
        conductance_s=inputs[0],
        current_a=inputs[1],
        calibrated_a=calibrated_a,
        relative_tolerance=_resolution(result.calibrator, *inputs, calibrated_a),
    )


def _resolution(
    calibrator: TrainableCalibrator,
    conductance_s: np.ndarray,
    current_a: np.ndarray,
    calibrated_a: np.ndarray,
) -> float:
    """Find single precision's resolution for these matrices: the answers' change when its last bit moves.

    Every float32 runtime rounds conductances and intermediate results in its own way; where that shows by
    more than the usual tolerance, the tolerance follows the matrix.
    """
    rng = np.random.default_rng(0)
    moved = conductance_s * (1.0 + _LAST_BIT * rng.choice([-1.0, 1.0], conductance_s.shape))
    change_a = np.abs(calibrate(calibrator, moved, current_a) - calibrated_a).max(axis=(1, 2))
    worst = float((change_a / np.abs(calibrated_a).max(axis=(1, 2))).max())
    return float(np.clip(_ROUNDINGS * worst, _USUAL_TOLERANCE, LOOSEST_TOLERANCE))


def _cell_law(result: TrainingResult) -> CellLaw | None:
    """Learn the law of the board's cells, for kinds that know single cells."""
    if not isinstance(result.calibrator, Structured):
        return None
    return fit_cell_law(result.calibrator.surrogate_tensors, result.validation, result.training)


def _pass_errors(result: TrainingResult) -> tuple[PassErrors, ...]:
    """Learn how exact readings in passes are, for kinds that find the inputs."""
    if not isinstance(result.calibrator, Structured):
        return ()
    return fit_pass_errors(result.calibrator, result.training, np.random.default_rng(result.plan.seed))


def _provenance(result: TrainingResult) -> dict[str, Any]:
    last_stages = {report.stage: report for report in result.history}
    return {
        "seed": result.plan.seed,
        "options": result.plan.options,
        "conductance_draw": result.training.draw,
        "inputs": result.training.inputs,
        "matrix_digests": [*result.training.matrix_digests(), *result.validation.matrix_digests()],
        "training_matrices": result.training.matrices,
        "validation_matrices": result.validation.matrices,
        "vectors_per_matrix": result.training.vectors,
        "unusable_vectors": int((~result.training.usable).sum()),
        "epochs": len(result.history),
        "validation_error": {name: report.best_error for name, report in last_stages.items()},
        "versions": {name: version(name) for name in ("crosscal", "torch", "numpy", "onnx")},
    }


def _range(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _conductance_range(data: Measurements) -> tuple[float, float]:
    """Range that targets were drawn from, with the cells that were left out of it, such as those of 0 S."""
    if data.conductance_range_s is None:
        return _range_of_uniform(data.conductance_s)
    low_s, high_s = data.conductance_range_s
    least_s, largest_s = _range(data.conductance_s)
    return min(low_s, least_s), max(high_s, largest_s)


def _range_of_uniform(values: np.ndarray) -> tuple[float, float]:
    """The range that uniform draws came from: their extremes fall short of it by a gap or a few."""
    low, high = _range(values)
    margin = max(_EXPECTED_GAPS / values.size, _LEAST_MARGIN) * (high - low)
    return max(low - margin, 0.0), high + margin
