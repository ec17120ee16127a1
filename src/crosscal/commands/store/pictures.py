"""Pictures of a span of time in a store: error, statistic and temperature, and residuals over the array."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from crosscal.core.whole_file import whole_file
from crosscal.runtime.store import Activation, Event, SentinelRecord, Temperature
from crosscal.runtime.store.records import utc_text

# Okabe and Ito (2008): told apart by everyone; markers differ in shape as well.
_ORANGE, _GREEN, _BLUE, _GREY = "#d55e00", "#009e73", "#0072b2", "#555555"
_DPI = 130
_SHOWN_DEVIATIONS = 4.0


def draw_span(
    readings: Sequence[SentinelRecord],
    temperatures: Sequence[Temperature],
    events: Sequence[Event],
    activations: Sequence[Activation],
    path: Path,
) -> None:
    """Draw error, drift statistic and temperature over time, with alarms and calibrations marked."""
    figure = Figure(figsize=(9.0, 6.5), layout="constrained")
    error, statistic, temperature = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 1))
    times = _times([each.time_s for each in readings])
    nmse = np.array([np.nan if each.nmse is None else each.nmse for each in readings])
    error.semilogy(times, np.where(nmse > 0, nmse, np.nan), ".-", color=_BLUE, markersize=3, linewidth=0.8)
    error.set_ylabel("NMSE of sentinels")
    statistic.plot(times, [each.statistic for each in readings], color=_BLUE, linewidth=0.8)
    statistic.axhline(1.0, color=_GREY, linestyle="--", linewidth=0.8)
    statistic.set_ylabel("test statistic\n(alarm above 1)")
    temperature.plot(
        _times([each.time_s for each in temperatures]),
        [each.temperature_c for each in temperatures],
        color=_GREEN,
        linewidth=0.8,
    )
    temperature.set_ylabel("°C")
    alarms = _times([each.time_s for each in events if each.kind == "alarm"])
    drifts = _times([each.time_s for each in readings if each.alarm is not None])
    commits = _times([each.time_s for each in activations])
    for axes in (error, statistic):
        _mark(axes, commits, _GREEN, ":", "calibration")
        _mark(axes, drifts, _ORANGE, "-", "drift found")
        _mark(axes, alarms, "black", "--", "alarm")
    error.legend(loc="upper right", fontsize="small")
    locator = AutoDateLocator(tz=UTC)
    temperature.xaxis.set_major_locator(locator)
    temperature.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))
    temperature.set_xlabel("UTC")
    _save(figure, path)


def draw_residuals(readings: Sequence[SentinelRecord], path: Path) -> None:
    """Draw the whitened residuals of the latest reading over vectors and columns."""
    latest = readings[-1]
    figure = Figure(figsize=(7.0, 3.2), layout="constrained")
    axes = figure.subplots()
    columns = latest.residual.shape[1]
    axes.set_facecolor("#bbbbbb")
    image = axes.imshow(
        np.ma.masked_invalid(latest.residual),
        cmap="RdBu_r",
        vmin=-_SHOWN_DEVIATIONS,
        vmax=_SHOWN_DEVIATIONS,
        aspect="auto",
        extent=(0.5, columns + 0.5, len(latest.residual) + 0.5, 0.5),
    )
    axes.set_xlabel("column")
    axes.set_ylabel("combination of vectors")
    axes.set_title(f"whitened residuals at {utc_text(latest.time_s)}, version {latest.version}")
    figure.colorbar(image, label="standard deviations")
    _save(figure, path)


def summary(
    readings: Sequence[SentinelRecord], events: Sequence[Event], activations: Sequence[Activation]
) -> dict[str, Any]:
    """Sum a span of time up in numbers."""
    nmse = np.array([each.nmse for each in readings if each.nmse is not None])
    return {
        "since": utc_text(readings[0].time_s),
        "until": utc_text(readings[-1].time_s),
        "readings": len(readings),
        "drifts_found": sum(each.alarm is not None for each in readings),
        "alarms": sum(each.kind == "alarm" for each in events),
        "activations": len(activations),
        "nmse_median": float(np.median(nmse)) if nmse.size else None,
        "nmse_mean": float(nmse.mean()) if nmse.size else None,
        "nmse_worst": float(nmse.max()) if nmse.size else None,
        "statistic_worst": max(each.statistic for each in readings),
    }


def _mark(axes: Axes, times: list[datetime], colour: str, style: str, name: str) -> None:
    for index, moment in enumerate(times):
        axes.axvline(
            float(_day(moment)),
            color=colour,
            linestyle=style,
            linewidth=0.8,
            alpha=0.7,
            label=name if index == 0 else None,
        )


def _times(times_s: Sequence[float]) -> list[datetime]:
    return [datetime.fromtimestamp(each, UTC) for each in times_s]


def _day(moment: datetime) -> float:
    return moment.timestamp() / 86_400.0


def _save(figure: Figure, path: Path) -> None:
    with whole_file(path) as part:
        figure.savefig(part, dpi=_DPI)
