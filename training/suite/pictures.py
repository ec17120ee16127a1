"""Pictures of a suite: error against noise, known vectors and cost of a read, and over the arrays."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from crosscal.core.whole_file import whole_file
from crosscal.training.evaluation.evaluation import RAW
from crosscal.training.suite.results import AFFINE, RECALIBRATED, RIDGE, BoardResult, MethodScore, label_of

# Okabe and Ito (2008): told apart by everyone.
_COLORS = {
    RAW: "#d55e00",
    RIDGE: "#cc79a7",
    "affine": "#009e73",
    "concatsquash": "#e69f00",
    "structured": "#0072b2",
    "whitebox": "#56b4e9",
}
_OTHER, _GREY = "#000000", "#555555"
_MARKS = ("o", "s", "^", "D", "P", "v")
_DPI = 110
_PANELS_ACROSS = 4
_MOST_KNOWN = 100

Content = TypeVar("Content")


def draw_suite(results: Sequence[BoardResult], calibrators: Sequence[str], folder: Path) -> list[Path]:
    """Draw the pictures that the results allow; boards without scores are left out.

    Args:
        results: board by board.
        calibrators: names, in the order of the legend.
        folder: exists.

    Returns:
        The files: `reference_ratio.png`, `error_against_known_vectors.png`, `pareto.png`, and, if some boards
        differ in nothing but noise, `error_against_noise.png`.
    """
    shown = [result for result in results if result.scores]
    if not shown:
        return []
    drawn = {"reference_ratio": _reference_ratios(shown, calibrators)}
    if noise := _by_noise(shown):
        drawn["error_against_noise"] = _panels(noise, lambda axes, group: _noise(axes, group, calibrators))
    drawn["error_against_known_vectors"] = _panels(
        {_title(result): result for result in shown}, lambda axes, result: _known(axes, result, calibrators)
    )
    drawn["pareto"] = _panels({_title(result): result for result in shown}, _pareto)
    return [_save(figure, folder / f"{name}.png") for name, figure in drawn.items()]


def draw_array_errors(result: BoardResult, errors: Mapping[str, np.ndarray], path: Path) -> Path:
    """Draw the error over one board's array, a panel for each method.

    Args:
        result: the board.
        errors: by label, error of each cell's effective weight [% of the mean target], (N, M).
        path: the PNG file.
    """
    figure = _panels(dict(errors), _heat_map, legend=False)
    figure.suptitle(f"{_title(result)}: error of the effective weights, % of the mean target", fontsize=10)
    return _save(figure, path)


def _panels(
    contents: Mapping[str, Content], draw: Callable[[Axes, Content], None], *, legend: bool = True
) -> Figure:
    """One panel for each entry, and one legend for all."""
    across = min(len(contents), _PANELS_ACROSS)
    down = math.ceil(len(contents) / across)
    figure = Figure(figsize=(1.2 + 3.1 * across, 0.9 + 2.7 * down), layout="constrained")
    places = figure.subplots(down, across, squeeze=False).ravel()
    handles: dict[str, Artist] = {}
    for place, (title, content) in zip(places, contents.items(), strict=False):
        draw(place, content)
        place.set_title(title, fontsize=9)
        for handle, label in zip(*place.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    for place in places[len(contents) :]:
        place.set_visible(False)
    if legend:
        figure.legend(
            list(handles.values()),
            list(handles),
            loc="outside lower center",
            ncols=max(2, 2 * across - 1),
            frameon=False,
            fontsize=8,
        )
    return figure


def _reference_ratios(results: Sequence[BoardResult], calibrators: Sequence[str]) -> Figure:
    """All boards at a glance: a row of dots for each, in parts of its reference."""
    figure = Figure(figsize=(9.6, 1.8 + 0.3 * len(results)), layout="constrained")
    axes = figure.subplots()
    methods = ((RAW, 0), (AFFINE, _MOST_KNOWN), (RIDGE, _MOST_KNOWN), *((name, 0) for name in calibrators))
    for mark, method in zip(_cycled(_MARKS, len(methods)), methods, strict=True):
        found = [(result.find(*method), place) for place, result in enumerate(results)]
        points = [
            (score.score.reference_ratio, place)
            for score, place in found
            if score is not None and score.score.reference_ratio is not None
        ]
        if points:
            ratios, places = zip(*points, strict=True)
            axes.plot(ratios, places, mark, color=_color(*method), ms=6, ls="", label=label_of(*method))
    axes.axvline(1.0, color=_GREY, lw=1.0, ls=":", label="reference")
    axes.set(
        xscale="log",
        xlabel="NMSE relative to the linear-Gaussian reference",
        yticks=range(len(results)),
        yticklabels=[result.board for result in results],
        ylim=(len(results) - 0.5, -0.5),
    )
    axes.grid(color="#dddddd", lw=0.6)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _by_noise(results: Sequence[BoardResult]) -> dict[str, list[BoardResult]]:
    """Groups of boards, two or more, that differ in nothing but noise; lowest noise first."""
    groups: dict[str, list[BoardResult]] = {}
    for result in results:
        rest = {name: table for name, table in result.bench.items() if name not in ("noise", "board")}
        groups.setdefault(json.dumps(rest, sort_keys=True), []).append(result)
    found = {}
    for group in groups.values():
        if len({result.noise_relative for result in group}) > 1:
            rows, columns = group[0].shape
            title = f"{rows}×{columns}, {group[0].bench['device']['law']}"
            while title in found:
                title += ", other"
            found[title] = sorted(group, key=lambda result: result.noise_relative)
    return found


def _noise(axes: Axes, group: Sequence[BoardResult], calibrators: Sequence[str]) -> None:
    methods = ((RAW, 0), (AFFINE, _MOST_KNOWN), (RIDGE, _MOST_KNOWN), *((name, 0) for name in calibrators))
    for mark, method in zip(_cycled(_MARKS, len(methods)), methods, strict=True):
        found = [(result.noise_relative, result.find(*method)) for result in group]
        points = [(noise, score.score.nmse) for noise, score in found if score is not None]
        if points:
            _line(axes, points, mark, _color(*method), label_of(*method))
    references = [
        (result.noise_relative, result.reference_nmse)
        for result in group
        if result.reference_nmse is not None
    ]
    if references:
        axes.plot(*zip(*references, strict=True), color=_GREY, ls=":", marker="_", label="reference")
    axes.set(xscale="log", yscale="log", xlabel="read noise (parts of full scale)", ylabel="NMSE")
    axes.grid(color="#dddddd", lw=0.6)


def _known(axes: Axes, result: BoardResult, calibrators: Sequence[str]) -> None:
    """Fits and recalibrated calibrators against K; a method without known vectors is a level line."""
    for method, mark in ((AFFINE, "s"), (RIDGE, "^")):
        points = _against_known(result, lambda score, method=method: score.method == method)
        if points:
            _line(axes, points, mark, _color(method, _MOST_KNOWN), f"{method}, K known vectors")
    for name in calibrators:
        alone = result.find(name)
        if alone is not None:
            axes.axhline(alone.score.nmse, color=_color(name, 0), lw=1.2, label=alone.label)
        points = _against_known(result, lambda score, name=name: score.method == name + RECALIBRATED)
        if points:
            _line(axes, points, "o", _color(name, 0), f"{name} recalibrated", dashed=True)
    if result.reference_nmse is not None:
        axes.axhline(result.reference_nmse, color=_GREY, lw=1.0, ls=":", label="reference")
    axes.set(xscale="log", yscale="log", xlabel="known vectors of each matrix, K", ylabel="NMSE")
    counts = sorted({score.known_vectors for score in result.scores if score.known_vectors})
    axes.set_xticks(counts, labels=[str(count) for count in counts])
    axes.minorticks_off()
    axes.grid(color="#dddddd", lw=0.6)


def _against_known(result: BoardResult, wanted: Callable[[MethodScore], bool]) -> list[tuple[float, float]]:
    return [
        (score.known_vectors, score.score.nmse)
        for score in result.scores
        if wanted(score) and score.known_vectors > 0
    ]


def _pareto(axes: Axes, result: BoardResult) -> None:
    """Error against cost; the step line joins methods that nothing cheaper beats; no calibration is free."""
    points = [
        (score.multiply_accumulates, score.score.nmse, score)
        for score in result.scores
        if score.multiply_accumulates and not score.method.endswith(RECALIBRATED)
    ]
    for cost, nmse, score in points:
        mark = {AFFINE: "s", RIDGE: "^"}.get(score.method, "o") if score.known_vectors else "o"
        faded = 1.0 if score.known_vectors in (0, _MOST_KNOWN) else 0.4
        axes.plot(
            cost,
            nmse,
            mark,
            color=_color(score.method, score.known_vectors),
            alpha=faded,
            ls="",
            label=score.label,
        )
    front, best = [], math.inf
    for cost, nmse, _ in sorted(points, key=lambda point: point[:2]):
        if nmse < best:
            front.append((cost, nmse))
            best = nmse
    if front:
        axes.step(*zip(*front, strict=True), where="post", color=_GREY, lw=0.8, zorder=0)
    raw = result.find(RAW)
    if raw is not None:
        axes.axhline(raw.score.nmse, color=_color(RAW, 0), lw=0.8, label="raw, no cost")
    if result.reference_nmse is not None:
        axes.axhline(result.reference_nmse, color=_GREY, lw=1.0, ls=":", label="reference")
    axes.set(xscale="log", yscale="log", xlabel="multiply–accumulates per read", ylabel="NMSE")
    axes.grid(color="#dddddd", lw=0.6)


def _heat_map(axes: Axes, error: np.ndarray) -> None:
    rows, columns = error.shape
    largest = float(np.abs(error).max()) or 1.0
    extent = (0.5, columns + 0.5, rows + 0.5, 0.5)
    image = axes.imshow(error, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto", extent=extent)
    axes.set(xlabel="column", ylabel="row")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.figure.colorbar(image, ax=axes)


def _line(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    mark: str,
    color: str,
    label: str,
    *,
    dashed: bool = False,
) -> None:
    x, y = zip(*points, strict=True)
    axes.plot(x, y, marker=mark, ms=5, lw=1.2, color=color, ls="--" if dashed else "-", label=label)


def _color(method: str, known: int) -> str:
    if method == AFFINE and known == 0:
        # The trained calibrator of that name, beside the fits to known vectors.
        return "#8c510a"
    return _COLORS.get(method, _OTHER)


def _cycled(marks: Sequence[str], count: int) -> list[str]:
    return [marks[index % len(marks)] for index in range(count)]


def _title(result: BoardResult) -> str:
    rows, columns = result.shape
    size = f"{rows}×{columns}"
    return size if result.board == f"{rows}x{columns}" else f"{result.board} ({size})"


def _save(figure: Figure, path: Path) -> Path:
    with whole_file(path) as part:
        figure.savefig(part, dpi=_DPI)
    return path
