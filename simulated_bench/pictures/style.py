"""Style of the pictures: colours that everyone can tell apart, units with prefixes, one way of saving."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from crosscal.core.errors import InputError, wanted
from crosscal.core.whole_file import whole_file

# Okabe and Ito (2008): told apart by everyone.
ORANGE, GREEN, BLUE, SKY, PURPLE, GREY = "#d55e00", "#009e73", "#0072b2", "#56b4e9", "#cc79a7", "#555555"
RISING, SIGNED = "viridis", "RdBu_r"
"""Maps for values from zero on and for values with a sign, both safe for the colour-blind."""

SIGN_PART = 0.02
"""Of the largest magnitude: values that reach no further below zero need no colours for a sign."""

MAP_PERCENTILE, MAP_OUTLIER = 97.0, 4.0
"""Values this many times beyond that percentile are drawn in the last colour."""

FORMATS = (".png", ".svg", ".pdf")
# By the power of ten.
PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}
_DPI = 130  # legible in a page of 1400 pixels; some 100 kB


def prefixed(values: np.ndarray, unit: str) -> tuple[float, str]:
    """Choose the prefix that suits the largest of some values.

    Returns:
        Factor to multiply them by, and the unit to write beside them.
    """
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max()) if finite.size else 0.0
    power = 0 if largest == 0 else int(np.floor(np.log10(largest * (1 + 1e-9)) / 3)) * 3
    power = min(max(power, min(PREFIXES)), max(PREFIXES))
    return 10.0**-power, f"{PREFIXES[power]}{unit}"


def heat_map(
    figure: Figure, axes: Axes, values: np.ndarray, *, title: str, label: str, unit: str, signed: bool = False
) -> Colorbar:
    """Draw values over the array (N, M), rows and columns counted from 1; NaN stays grey."""
    largest = _largest_shown(values)
    factor, prefixed_unit = prefixed(np.array([largest]), unit)
    shown = np.ma.masked_invalid(values * factor)
    rows, columns = values.shape
    beyond = bool((np.abs(shown) > factor * largest * (1 + 1e-9)).any())
    most = factor * largest if beyond or signed else None
    axes.set_facecolor("#bbbbbb")
    image = axes.imshow(
        shown,
        cmap=SIGNED if signed else RISING,
        aspect="auto",
        interpolation="nearest",
        extent=(0.5, columns + 0.5, rows + 0.5, 0.5),
        vmin=-factor * largest if signed else None,
        vmax=most,
    )
    axes.set(title=title, xlabel="column", ylabel="row")
    whole_numbers(axes.xaxis)
    whole_numbers(axes.yaxis)
    extend = ("both" if signed else "max") if beyond else "neither"
    return figure.colorbar(image, ax=axes, label=f"{label} ({prefixed_unit})", extend=extend)


def has_two_signs(values: np.ndarray) -> bool:
    """Tell whether values are negative beyond a touch, as wires that are cut off may be."""
    finite = values[np.isfinite(values)]
    return bool(finite.size and finite.min() < -SIGN_PART * np.abs(finite).max())


def _largest_shown(values: np.ndarray) -> float:
    """Choose the magnitude at the end of a map's colours: a few cells far out must not hide all others."""
    magnitudes = np.abs(values[np.isfinite(values)])
    if not magnitudes.size or not magnitudes.any():
        return 1.0
    most, usual = float(magnitudes.max()), float(np.percentile(magnitudes, MAP_PERCENTILE))
    return usual if 0 < usual < most / MAP_OUTLIER else most


def whole_numbers(axis: Axis) -> None:
    """Count rows or columns in whole numbers."""
    axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def legend_below(axes: Axes, *, columns: int = 3, title: str | None = None) -> None:
    """Put the legend under the axis label, where no curve is."""
    handles, names = axes.get_legend_handles_labels()
    axes.legend(
        handles,
        names,
        title=title,
        title_fontsize=8,
        fontsize=8,
        frameon=False,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.13),
        ncols=columns,
    )


def column_steps(axes: Axes, values: np.ndarray, *, color: str, label: str, ls: str = "-") -> None:
    """Draw one value per column, counted from 1, as steps of equal width."""
    edges = np.arange(len(values) + 1) + 0.5
    axes.stairs(values, edges, baseline=None, color=color, label=label, ls=ls, lw=1.5)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_axisbelow(True)


def require_format(path: Path) -> None:
    """Refuse a picture of a kind that is not drawn.

    Raises:
        InputError: the suffix names none.
    """
    if path.suffix.lower() not in FORMATS:
        allowed = ", ".join(FORMATS)
        raise InputError(wanted(got=f"{path}", allowed=allowed, remedy="give the picture such a suffix"))


def save_picture(figure: Figure, path: Path) -> None:
    """Write a picture in the format that its suffix names, the same to the byte for the same picture.

    Raises:
        InputError: the suffix names no format.
    """
    require_format(path)
    no_date = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with whole_file(path) as part:
        figure.savefig(part, dpi=_DPI, metadata=no_date[path.suffix.lower()])
