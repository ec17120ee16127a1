"""Report of an evaluation: `report.json`, complete and for machines, and pictures for people."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from crosscal.core.whole_file import write_whole_text
from crosscal.training.evaluation.evaluation import Evaluation, KindEvaluation
from crosscal.training.evaluation.score import errors_by_matrix
from crosscal.training.evaluation.stated_deviations import DeviationTest

FORMAT = "crosscal-report"
FORMAT_VERSION = 1  # grows when an entry changes its meaning


def to_json(evaluation: Evaluation, deviations: DeviationTest | None = None) -> dict[str, Any]:
    """Everything that was found, as plain JSON values; units are in the names.

    `inputs` holds, by kind of input, the scores of every method; `nmse_by_matrix` and `rmse_by_column_a`
    their parts, null where a matrix has fewer than two usable vectors; `stated_deviations` the test of those,
    null where none were stated or tested.
    """
    metadata, reference_nmse = evaluation.metadata, evaluation.reference_nmse
    rows, columns = evaluation.data.shape
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "calibrator": evaluation.calibrator,
        "provenance": {} if metadata is None else dict(metadata.provenance),
        "run": asdict(evaluation.plan),
        "rows": rows,
        "columns": columns,
        "matrices": evaluation.data.matrices,
        "matrices_trained_on": evaluation.matrices_trained_on,
        "vectors_per_matrix": evaluation.data.vectors,
        "unusable_vectors": int((~evaluation.data.usable).sum()),
        "full_scale_a": evaluation.full_scale_a,
        "reference_nmse": None if reference_nmse is None else float(np.mean(reference_nmse)),
        "reference_nmse_by_matrix": None
        if reference_nmse is None
        else [float(value) for value in reference_nmse],
        # Names of earlier reports.
        "floor_nmse": None if reference_nmse is None else float(np.mean(reference_nmse)),
        "floor_nmse_by_matrix": None
        if reference_nmse is None
        else [float(value) for value in reference_nmse],
        "skipped": list(evaluation.skipped),
        "stated_deviations": None if deviations is None else deviations.to_json(),
        "inputs": {kind.kind: _kind_to_json(evaluation, kind) for kind in evaluation.kinds},
    }


def write_report(evaluation: Evaluation, folder: Path, deviations: DeviationTest | None = None) -> list[Path]:
    """Write `report.json` and the pictures into a folder, made if need be.

    Returns:
        The files written.
    """
    # Reports are also read and compared where nothing can draw.
    from crosscal.training.evaluation.pictures import draw_pictures

    folder.mkdir(parents=True, exist_ok=True)
    report = folder / "report.json"
    text = json.dumps(to_json(evaluation, deviations), indent=2, allow_nan=False)
    write_whole_text(report, text + "\n")
    return [report, *draw_pictures(evaluation, folder)]


def _kind_to_json(evaluation: Evaluation, kind: KindEvaluation) -> dict[str, Any]:
    part = evaluation.data.of_vectors(kind.vectors)
    ideal_a = part.ideal_a
    found: dict[str, Any] = {}
    for method, score in kind.scores.items():
        estimate_a = evaluation.estimates_a[method][:, kind.vectors]
        mse_a2, variance_a2 = errors_by_matrix(estimate_a, ideal_a, part.usable)
        error_a = (estimate_a - ideal_a)[part.usable]
        found[method] = {
            **score.to_json(),
            "nmse_by_matrix": [None if np.isnan(value) else float(value) for value in mse_a2 / variance_a2],
            "rmse_by_column_a": np.sqrt(np.mean(error_a**2, axis=0)).tolist(),
        }
    return found
