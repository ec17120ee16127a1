"""Picture of the error against the number of matrices trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from crosscal.training.evaluation.pictures import BLUE, GREY, save_figure


def draw_learning_curve(
    matrices: Sequence[int], nmse: Sequence[float], levels: dict[str, float], path: Path
) -> Path:
    """Draw NMSE on matrices never trained on against matrices trained on, both logarithmic.

    Args:
        matrices, nmse: one of each for every round.
        levels: NMSE of methods that do not learn from matrices, by name, drawn as lines.
        path: the PNG file.
    """
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.loglog(matrices, nmse, "o-", color=BLUE, label="calibrator")
    for (name, level), style in zip(levels.items(), ("-", "--", ":", "-."), strict=False):
        axes.axhline(level, color=GREY, lw=1.0, ls=style, label=name)
    axes.set_xticks(list(matrices), [str(count) for count in matrices])
    axes.minorticks_off()
    axes.set(xlabel="matrices trained on", ylabel="NMSE", title="Error on matrices never trained on")
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=3)
    return save_figure(figure, path)
