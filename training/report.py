"""Writes what an evaluation found: `report.json`, complete and for machines, and pictures for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from crosscal.training.evaluation import Evaluation

FORMAT_VERSION = 1


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """Everything that was found, as plain JSON values; units are in the names."""
    rows, columns = evaluation.data.shape
    return {
        "format": "crosscal-report",
        "format_version": FORMAT_VERSION,
        "calibrator": evaluation.calibrator,
        "rows": rows,
        "columns": columns,
        "matrices": evaluation.data.matrices,
        "vectors_per_matrix": evaluation.data.vectors,
        "unusable_vectors": int((~evaluation.data.usable).sum()),
        "full_scale_a": evaluation.full_scale_a,
        "floor_nmse": evaluation.floor_nmse,
        "skipped": list(evaluation.skipped),
        "inputs": {
            kind.kind: {name: score.to_json() for name, score in kind.scores.items()}
            for kind in evaluation.kinds
        },
    }


def write_report(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Write `report.json` and the pictures into a folder, which is made if need be.

    Returns:
        The files written.
    """
    from crosscal.training.pictures import draw_pictures

    folder.mkdir(parents=True, exist_ok=True)
    report = folder / "report.json"
    report.write_text(json.dumps(to_json(evaluation), indent=2) + "\n", encoding="utf-8")
    return [report, *draw_pictures(evaluation, folder)]
