"""Report of a suite: complete for machines (JSON, CSV), and as tables for people (Markdown)."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec

from crosscal.core.whole_file import write_whole_text
from crosscal.training.evaluation.evaluation import RAW
from crosscal.training.suite.remarks import suite_remarks
from crosscal.training.suite.results import BoardResult
from crosscal.training.suite.tables import markdown_tables

FORMAT = "crosscal-suite"
FORMAT_VERSION = 1  # grows when an entry changes its meaning


def write_suite_report(
    results: Sequence[BoardResult], calibrators: Sequence[str], folder: Path
) -> list[Path]:
    """Write `suite.json`, `suite.csv` and `suite.md`.

    Args:
        results: board by board.
        calibrators: names, in the order of the tables' columns.
        folder: exists.

    Returns:
        The files.
    """
    contents = {
        "suite.json": msgspec.json.format(msgspec.json.encode(_document(results))).decode() + "\n",
        "suite.csv": _csv(results),
        "suite.md": _markdown(results, calibrators),
    }
    for name, text in contents.items():
        write_whole_text(folder / name, text)
    return [folder / name for name in contents]


def _document(results: Sequence[BoardResult]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "boards": [asdict(result) for result in results],
    }


def _csv(results: Sequence[BoardResult]) -> str:
    text = StringIO()
    writer: Any = None
    for result in results:
        facts = {
            "board": result.board,
            "rows": result.shape[0],
            "columns": result.shape[1],
            "row_ohm": result.bench["wires"]["row_ohm"],
            "column_ohm": result.bench["wires"]["column_ohm"],
            "law": result.bench["device"]["law"],
            "noise_relative": result.noise_relative,
            "residual_error": result.bench["programming"]["residual_error"],
            "front_end": result.bench["front_end"]["profile"],
            "reference_nmse": result.reference_nmse,
        }
        for found in result.scores:
            row = {
                **facts,
                "method": "raw" if found.method == RAW else found.method,
                "known_vectors": found.known_vectors,
                **found.score.to_json(),
                "multiply_accumulates": found.multiply_accumulates,
                "error_over_deviation": found.error_over_deviation,
                "coverage": "" if found.coverage is None else "/".join(f"{c:.4f}" for c in found.coverage),
                "furthest_matrix": found.furthest_matrix,
            }
            if writer is None:
                writer = csv.DictWriter(text, fieldnames=list(row), lineterminator="\n")
                writer.writeheader()
            writer.writerow(row)
    return text.getvalue()


def _markdown(results: Sequence[BoardResult], calibrators: Sequence[str]) -> str:
    text = "# Calibrators on a suite of boards\n\n" + markdown_tables(results, calibrators)
    if said := suite_remarks(results, calibrators):
        text += "\n## To be noted\n\n" + "\n".join(f"- {line}" for line in said) + "\n"
    return text
