"""Writes what a suite found: complete for machines (JSON, CSV), and as tables for people (Markdown)."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec

from crosscal.training.evaluation import RAW
from crosscal.training.suite_results import AFFINE, RIDGE, BoardResult, label_of

FORMAT = "crosscal-suite"
FORMAT_VERSION = 1
FAILED = "failed"

PLAIN = ((RAW, 0), (AFFINE, 8), (AFFINE, 32), (AFFINE, 100), (RIDGE, 100))
"""Methods without a calibrator that every table shows: method and known vectors."""


def suite_methods(calibrators: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Columns of a table, in order: method and known vectors."""
    return (*PLAIN, *((name, 0) for name in calibrators))


def suite_cell(result: BoardResult, method: str, known: int, *, of_floor: bool) -> str:
    """One cell of a table: NMSE, or NMSE in parts of the floor; empty where it was not measured."""
    found = result.find(method, known)
    if found is None:
        return FAILED if known == 0 and {method, "measuring", "baselines"} & set(result.failures) else ""
    value = found.score.floor_ratio if of_floor else found.score.nmse
    if value is None:
        return ""
    return f"{value:.3g}" if of_floor and value < 1e4 else scientific(value)


def scientific(value: float) -> str:
    """Three digits and an exponent that is no longer than it must be: `2.41e-3`."""
    mantissa, _, exponent = f"{value:.2e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def suite_remarks(results: Sequence[BoardResult], calibrators: Sequence[str]) -> list[str]:
    """What a reader must not overlook: failures, and boards where a calibrator does worse than plain fits."""
    said = []
    for result in results:
        for step, message in result.failures.items():
            said.append(f"{result.board}: {step} failed: {message}")
        plain = result.best_plain_nmse()
        for name in calibrators:
            found = result.find(name)
            if plain is not None and found is not None and found.score.nmse > plain:
                said.append(
                    f"{result.board}: {found.label}, NMSE {found.score.nmse:.3g}, is worse than the best of "
                    f"raw and gain and offset per column, {plain:.3g}"
                )
    return said


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
        (folder / name).write_text(text, encoding="utf-8")
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
            "floor_nmse": result.floor_nmse,
        }
        for found in result.scores:
            row = {
                **facts,
                "method": "raw" if found.method == RAW else found.method,
                "known_vectors": found.known_vectors,
                **found.score.to_json(),
                "multiply_accumulates": found.multiply_accumulates,
            }
            if writer is None:
                writer = csv.DictWriter(text, fieldnames=list(row), lineterminator="\n")
                writer.writeheader()
            writer.writerow(row)
    return text.getvalue()


def _markdown(results: Sequence[BoardResult], calibrators: Sequence[str]) -> str:
    methods = suite_methods(calibrators)
    parts = [
        "# Calibrators on a suite of boards\n",
        "K: known vectors of each matrix that a fit was given; calibrators were given none. All methods are "
        "scored on the same vectors of matrices that no calibrator was trained on.\n",
        "## NMSE: squared error over the variance that the inputs cause\n",
        _markdown_table(results, methods, of_floor=False),
        "## Times the floor: NMSE over what read noise leaves to the best of all calibrators\n",
        _markdown_table(results, methods, of_floor=True),
    ]
    if said := suite_remarks(results, calibrators):
        parts += ["## To be noted\n", "\n".join(f"- {line}" for line in said) + "\n"]
    return "\n".join(parts)


def _markdown_table(
    results: Sequence[BoardResult], methods: Sequence[tuple[str, int]], *, of_floor: bool
) -> str:
    head = ["board", "N×M", "floor", *(label_of(*method) for method in methods)]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(head) - 2)]
    for result in results:
        floor = "" if result.floor_nmse is None else scientific(result.floor_nmse)
        cells = [suite_cell(result, *method, of_floor=of_floor) for method in methods]
        rows, columns = result.shape
        lines.append("| " + " | ".join([result.board, f"{rows}×{columns}", floor, *cells]) + " |")
    return "\n".join(lines) + "\n"
