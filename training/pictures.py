"""Pictures of an evaluation: what a person would rather look at than read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from crosscal.training.evaluation import Evaluation, KindEvaluation

# Okabe and Ito (2008): told apart by everyone.
ORANGE, BLUE, GREY = "#d55e00", "#0072b2", "#555555"

_MICRO = 1e6
_DPI = 130
_POINTS = 4000


def draw_pictures(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Draw all pictures of the first kind of input into `folder`; return the files."""
    kind = evaluation.kinds[0]
    return [
        _save(_calibrated_against_ideal(evaluation, kind), folder / "calibrated_against_ideal.png"),
        _save(_error_by_column(evaluation, kind), folder / "error_by_column.png"),
        _save(_error_over_array(evaluation, kind), folder / "error_over_array.png"),
    ]


def _scored(evaluation: Evaluation, kind: KindEvaluation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ideal, measured and calibrated currents of the usable vectors [µA], (vectors, M) each."""
    data = evaluation.data
    usable = data.usable[:, kind.vectors]
    return tuple(
        _MICRO * currents[:, kind.vectors][usable]
        for currents in (data.ideal_a, data.current_a, evaluation.calibrated_a)
    )


def _calibrated_against_ideal(evaluation: Evaluation, kind: KindEvaluation) -> Figure:
    ideal, measured, calibrated = (values.ravel() for values in _scored(evaluation, kind))
    # An even stride keeps the picture the same from run to run.
    shown = slice(None, None, max(1, len(ideal) // _POINTS))
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(ideal[shown], measured[shown], ".", ms=2, color=ORANGE, label="measured", rasterized=True)
    left.plot(ideal[shown], calibrated[shown], ".", ms=2, color=BLUE, label="calibrated", rasterized=True)
    ends = [min(ideal.min(), measured.min()), max(ideal.max(), measured.max())]
    left.plot(ends, ends, color=GREY, lw=0.8)
    left.set(xlabel="ideal current (µA)", ylabel="current (µA)", title="Against ideal")
    left.legend(markerscale=5, frameon=False)
    right.plot(ideal[shown], (calibrated - ideal)[shown], ".", ms=2, color=BLUE, rasterized=True)
    right.axhline(0.0, color=GREY, lw=0.8)
    right.set(xlabel="ideal current (µA)", ylabel="calibrated − ideal (µA)", title="What is left")
    _title(figure, evaluation, kind)
    return figure


def _error_by_column(evaluation: Evaluation, kind: KindEvaluation) -> Figure:
    ideal, measured, calibrated = _scored(evaluation, kind)
    figure = Figure(figsize=(9.6, 4.0), layout="constrained")
    axes = figure.subplots()
    columns = np.arange(1, ideal.shape[1] + 1)
    for values, color, name in ((measured, ORANGE, "measured"), (calibrated, BLUE, "calibrated")):
        rms = np.sqrt(np.mean((values - ideal) ** 2, axis=0))
        axes.step(columns, rms, where="mid", color=color, label=name)
    axes.set(xlabel="column", ylabel="rms error (µA)", yscale="log", xlim=(0.5, len(columns) + 0.5))
    axes.grid(axis="y", color="#dddddd", lw=0.6)
    axes.legend(frameon=False)
    _title(figure, evaluation, kind)
    return figure


def _error_over_array(evaluation: Evaluation, kind: KindEvaluation) -> Figure:
    before = _cell_error(evaluation, kind, evaluation.data.current_a)
    after = _cell_error(evaluation, kind, evaluation.calibrated_a)
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    for axes, error, name in zip(
        figure.subplots(1, 2), (before, after), ("measured", "calibrated"), strict=True
    ):
        _heat_map(figure, axes, error, name)
    _title(figure, evaluation, kind)
    return figure


def _heat_map(figure: Figure, axes: Axes, error: np.ndarray, name: str) -> None:
    rows, columns = error.shape
    largest = float(np.abs(error).max()) or 1.0
    image = axes.imshow(
        error,
        cmap="RdBu_r",
        vmin=-largest,
        vmax=largest,
        aspect="auto",
        extent=(0.5, columns + 0.5, rows + 0.5, 0.5),
    )
    axes.set(xlabel="column", ylabel="row", title=f"{name}: ±{largest:.2g} %")
    figure.colorbar(image, ax=axes, label="error of the effective weight (% of mean target)")


def _cell_error(evaluation: Evaluation, kind: KindEvaluation, current_a: np.ndarray) -> np.ndarray:
    """Mean over the matrices of each cell's effective weight error [% of the mean target], (N, M).

    The effective weight is the slope of a column's current against one row's input, all others held: a linear
    regression over the scored vectors.
    """
    data = evaluation.data
    errors = np.zeros(data.shape)
    for k in range(data.matrices):
        usable = data.usable[k, kind.vectors]
        voltage_v = data.voltage_v[k, kind.vectors][usable]
        error_a = (current_a[k, kind.vectors] - data.ideal_a[k, kind.vectors])[usable]
        slopes, *_ = np.linalg.lstsq(
            voltage_v - voltage_v.mean(axis=0), error_a - error_a.mean(axis=0), rcond=None
        )
        errors += slopes
    return 100.0 * errors / data.matrices / float(data.conductance_s.mean())


def _title(figure: Figure, evaluation: Evaluation, kind: KindEvaluation) -> None:
    rows, columns = evaluation.data.shape
    figure.suptitle(
        f"{evaluation.calibrator}, {rows}×{columns}, {evaluation.data.matrices} matrices never trained on, "
        f"{kind.kind} inputs",
        fontsize=10,
    )


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, dpi=_DPI)
    return path
