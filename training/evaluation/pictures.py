"""Pictures of an evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from crosscal.core.whole_file import whole_file
from crosscal.training.evaluation.evaluation import CALIBRATED, RAW, Evaluation, KindEvaluation
from crosscal.training.evaluation.weight_error import weight_error_percent

# Okabe and Ito (2008): told apart by everyone.
ORANGE, GREEN, BLUE, GREY = "#d55e00", "#009e73", "#0072b2", "#555555"

_MICRO = 1e6  # µA per A
_DPI = 130  # as pictures of the bench: legible, 100 kB
_POINTS = 4000  # of a scatter, where more lie on one another


def draw_pictures(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Draw all pictures into `folder`; return the files.

    One of calibrated against ideal currents for each kind of input; the error by column for the first kind;
    the error over the array, if some kind drives the rows apart; the NMSE of all methods on all kinds.
    """
    drawn = {
        f"calibrated_against_ideal_{kind.kind}": _calibrated_against_ideal(evaluation, kind)
        for kind in evaluation.kinds
    }
    drawn["error_by_column"] = _error_by_column(evaluation, evaluation.kinds[0])
    for kind in evaluation.kinds:
        if (over_array := _error_over_array(evaluation, kind)) is not None:
            drawn["error_over_array"] = over_array
            break
    drawn["methods"] = _methods(evaluation)
    return [save_figure(figure, folder / f"{name}.png") for name, figure in drawn.items()]


def _usable_ua(evaluation: Evaluation, kind: KindEvaluation, method: str | None) -> np.ndarray:
    """Currents of the usable scored vectors [µA], (vectors, M): by a method, or the ideal ones."""
    part = evaluation.data.of_vectors(kind.vectors)
    current_a = part.ideal_a if method is None else evaluation.estimates_a[method][:, kind.vectors]
    return _MICRO * current_a[part.usable]


def _calibrated_against_ideal(evaluation: Evaluation, kind: KindEvaluation) -> Figure:
    ideal, measured, calibrated = (
        _usable_ua(evaluation, kind, method).ravel() for method in (None, RAW, CALIBRATED)
    )
    # Always the same choice, and none that favours some columns, as an even stride would.
    order = np.random.default_rng(0).permutation(len(ideal))[:_POINTS]
    ideal, measured, calibrated = ideal[order], measured[order], calibrated[order]
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(ideal, measured, ".", ms=2, color=ORANGE, label="measured", rasterized=True)
    left.plot(ideal, calibrated, ".", ms=2, color=BLUE, label="calibrated", rasterized=True)
    left.axline((ideal.mean(), ideal.mean()), slope=1.0, color=GREY, lw=0.8, zorder=0)
    left.set(xlabel="ideal current (µA)", ylabel="current (µA)", title="Against ideal")
    left.legend(markerscale=5, frameon=False)
    right.plot(ideal, calibrated - ideal, ".", ms=2, color=BLUE, rasterized=True)
    right.axhline(0.0, color=GREY, lw=0.8)
    right.set(xlabel="ideal current (µA)", ylabel="calibrated − ideal (µA)", title="What is left")
    _title(figure, evaluation, f"{kind.kind} inputs")
    return figure


def _error_by_column(evaluation: Evaluation, kind: KindEvaluation) -> Figure:
    ideal = _usable_ua(evaluation, kind, None)
    figure = Figure(figsize=(9.6, 4.0), layout="constrained")
    axes = figure.subplots()
    shown = {RAW: (ORANGE, "-", "measured"), CALIBRATED: (BLUE, "-", "calibrated")}
    fits = [method for method in kind.scores if method not in shown]
    if fits:
        shown[fits[-1]] = (GREEN, "--", f"{fits[-1]} known vectors of each matrix")
    for method, (color, line, name) in shown.items():
        rms = np.sqrt(np.mean((_usable_ua(evaluation, kind, method) - ideal) ** 2, axis=0))
        axes.stairs(
            rms, np.arange(len(rms) + 1) + 0.5, baseline=None, ls=line, lw=1.5, color=color, label=name
        )
    axes.set(xlabel="column", ylabel="rms error (µA)", yscale="log", xlim=(0.5, ideal.shape[1] + 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3)
    _title(figure, evaluation, f"{kind.kind} inputs")
    return figure


def _error_over_array(evaluation: Evaluation, kind: KindEvaluation) -> Figure | None:
    """Error of the effective weights; None for inputs, such as DC, that cannot tell one row from another."""
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    for axes, method, name in zip(
        figure.subplots(1, 2), (RAW, CALIBRATED), ("measured", "calibrated"), strict=True
    ):
        error = _weight_error(evaluation, kind, method)
        if error is None:
            return None
        _heat_map(figure, axes, error, name)
    _title(figure, evaluation, f"{kind.kind} inputs")
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
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    figure.colorbar(image, ax=axes, label="error of the effective weight (% of mean target)")


def _weight_error(evaluation: Evaluation, kind: KindEvaluation, method: str) -> np.ndarray | None:
    """Error over the array on the vectors of one kind [%], (N, M); None if they do not determine it."""
    return weight_error_percent(
        evaluation.data.of_vectors(kind.vectors), evaluation.estimates_a[method][:, kind.vectors]
    )


def _methods(evaluation: Evaluation) -> Figure:
    """NMSE of every method, one row of dots for each kind of input."""
    figure = Figure(figsize=(9.6, 1.6 + 0.8 * len(evaluation.kinds)), layout="constrained")
    axes = figure.subplots()
    marks = {RAW: ("x", ORANGE), CALIBRATED: ("o", BLUE)}
    for place, kind in enumerate(evaluation.kinds):
        fits = 0
        for method, score in kind.scores.items():
            marker, color = marks.get(method, ("", GREEN))
            if method not in marks:
                marker, fits = ("v", "s", "^")[fits % 3], fits + 1
            name = {RAW: "measured", CALIBRATED: evaluation.calibrator}.get(method, method)
            label = name if place == 0 else None
            axes.plot(score.nmse, place, marker, color=color, ms=8, label=label)
    if evaluation.reference_nmse is not None:
        # It is that of random inputs: it says nothing of the other rows.
        places = [place for place, kind in enumerate(evaluation.kinds) if kind.kind.startswith("random")]
        reference = float(np.mean(evaluation.reference_nmse))
        for place in places:
            label = "reference, random inputs" if place == places[0] else None
            ends = [place - 0.4, place + 0.4]
            axes.plot([reference, reference], ends, color=GREY, lw=1.2, ls=":", label=label)
    axes.set(
        xscale="log",
        xlabel="NMSE (squared error over the variance that the inputs cause)",
        yticks=range(len(evaluation.kinds)),
        yticklabels=[kind.kind for kind in evaluation.kinds],
        ylim=(len(evaluation.kinds) - 0.5, -0.5),
    )
    axes.grid(axis="x", color="#dddddd", lw=0.6)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    _title(figure, evaluation, "all methods scored on the same vectors")
    return figure


def _title(figure: Figure, evaluation: Evaluation, rest: str) -> None:
    figure.suptitle(f"{evaluation.title}, {rest}", fontsize=10)


def save_figure(figure: Figure, path: Path) -> Path:
    with whole_file(path) as part:
        figure.savefig(part, dpi=_DPI)
    return path
