"""Tables of a study, for the terminal and as Markdown, and the choice of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from crosscal.commands.network.study.row import StudyRow
from crosscal.core.errors import InputError, wanted

SCORES = {
    "training_software": "software, training",
    "training_raw": "raw, training",
    "training_calibrated": "calibrated, training",
    "software": "software",
    "raw": "raw",
    "calibrated": "calibrated",
}


def chosen_rows(rows: Sequence[StudyRow], only: Iterable[str]) -> list[StudyRow]:
    """Keep the rows with given labels; labels of one column are alternatives.

    Raises:
        InputError: a label that no row has.
    """
    wanted_labels = set(only)
    known = {label for row in rows for label in row.labels.values()}
    for label in sorted(wanted_labels - known):
        got, allowed = f"--only {label!r}", ", ".join(sorted(known))
        raise InputError(wanted(got=got, allowed=allowed, remedy="choose labels of the table"))
    columns: dict[str, set[str]] = {}
    for row in rows:
        for column, label in row.labels.items():
            if label in wanted_labels:
                columns.setdefault(column, set()).add(label)
    return [row for row in rows if all(row.labels.get(name) in each for name, each in columns.items())]


def study_table(name: str, rows: list[dict[str, Any]], curve: str | None = None) -> Table:
    """Lay out rows for the terminal; labels that are the same in all rows stand in the title."""
    heads, lines = study_lines(rows, curve)
    common = [label for _, label in _common(rows)]
    title = f"{name}: accuracy in %, mean ± standard deviation over chips"
    table = Table(title="\n".join([title, *common]), box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for head in heads:
        table.add_column(head, overflow="fold")
    for line in lines:
        table.add_row(*line)
    return table


def study_markdown(rows: list[dict[str, Any]], curve: str | None = None) -> str:
    """Write rows as a table in Markdown, below the labels that are the same in all."""
    heads, lines = study_lines(rows, curve)
    common = "".join(f"{name}: {label}\n\n" for name, label in _common(rows))
    table = [heads, ["---"] * len(heads), *lines]
    return common + "\n".join(f"| {' | '.join(line)} |" for line in table) + "\n"


def study_lines(rows: list[dict[str, Any]], curve: str | None) -> tuple[list[str], list[list[str]]]:
    """Return heads and cells: labels that differ, scores in percent, and the gap to software in points.

    Args:
        rows: with their scores.
        curve: column of labels that is laid out from left to right, raw and calibrated in lines of their own.
    """
    left_out = {name for name, _ in _common(rows)} | {curve}
    labels = [name for name in rows[0]["labels"] if name not in left_out]
    return _plain_lines(rows, labels) if curve is None else _curve_lines(rows, labels, curve)


def _plain_lines(rows: list[dict[str, Any]], labels: list[str]) -> tuple[list[str], list[list[str]]]:
    scores = [name for name in SCORES if any(name in row for row in rows)]
    on_chips = any("calibrated" in row for row in rows)
    heads = [*labels, *(SCORES[name] for name in scores), *(["gap"] if on_chips else [])]
    lines = []
    for row in rows:
        gap = f"{100 * (row['software'] - np.mean(row['calibrated'])):.1f}" if "calibrated" in row else ""
        shown = [row["labels"][name] for name in labels] + [_score(row.get(name)) for name in scores]
        lines.append([*shown, *([gap] if on_chips else [])])
    return heads, lines


def _curve_lines(
    rows: list[dict[str, Any]], labels: list[str], curve: str
) -> tuple[list[str], list[list[str]]]:
    places = list(dict.fromkeys(row["labels"][curve] for row in rows))
    curves: dict[tuple[str, ...], dict[str, dict[str, Any]]] = {}
    for row in rows:
        name = tuple(row["labels"][label] for label in labels)
        curves.setdefault(name, {})[row["labels"][curve]] = row
    lines = [
        [*name, score, *(_score(at[place][score]) if place in at else "" for place in places)]
        for name, at in curves.items()
        for score in ("software", "raw", "calibrated")
    ]
    return [*labels, "", *places], lines


def _common(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """List the labels that all rows share; none where there is one row."""
    if len(rows) < 2:
        return []
    first = rows[0]["labels"]
    return [(name, label) for name, label in first.items() if all(r["labels"][name] == label for r in rows)]


def _score(value: float | list[float] | None) -> str:
    if value is None:
        return ""
    return spread(value) if isinstance(value, list) else f"{100 * value:.1f}"


def spread(values: list[float]) -> str:
    """Write mean and standard deviation in percent."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return f"{100 * float(np.mean(values)):.1f} ± {100 * deviation:.1f}"
