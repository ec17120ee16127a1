"""Metrics of a daemon in the names and units that Prometheus asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from crosscal.daemon.states import State
from crosscal.daemon.status import Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_COUNTERS = {
    "reads": ("crosscal_reads", "Acquisitions that clients have made."),
    "alarms": ("crosscal_alarms", "Alarms that were raised."),
    "board_seconds": ("crosscal_board_time_seconds", "Time of the board spent on known vectors."),
}


class _SnapshotCollector:
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        document = self._snapshot.document
        state = GaugeMetricFamily("crosscal_state", "1 for the present state.", labels=["state"])
        for each in State:
            state.add_metric([str(each)], float(document["state"] == each))
        yield state
        for key, (name, text) in _COUNTERS.items():
            yield CounterMetricFamily(name, text, value=self._snapshot.metrics[key])
        for name, text, value in _gauges(document):
            if value is not None:
                yield GaugeMetricFamily(name, text, value=float(value))


def _gauges(document: Any) -> Iterator[tuple[str, str, float | None]]:
    drift = document["drift"]
    yield "crosscal_clients", "Clients that are connected.", document["clients"]
    yield "crosscal_calibration_in_doubt", "1 while the calibration is in doubt.", document["in_doubt"]
    yield "crosscal_calibration_version", "Version of the calibration in use.", document["version"]
    yield (
        "crosscal_calibration_age_seconds",
        "Time since the calibration was last verified.",
        document["age_s"],
    )
    yield (
        "crosscal_board_share_ratio",
        "Share of the board's time spent on known vectors.",
        document["board_share"],
    )
    yield (
        "crosscal_drift_statistic_ratio",
        "Statistic of the drift test; above 1, an alarm.",
        drift["statistic"],
    )
    yield "crosscal_sentinel_nmse_ratio", "Error of calibrated sentinel currents.", drift["nmse"]
    yield "crosscal_board_temperature_celsius", "Temperature of the board.", drift["temperature_c"]


def metrics_text(snapshot: Snapshot) -> bytes:
    """Write the metrics of a snapshot in the text format of Prometheus."""
    registry = CollectorRegistry()
    registry.register(_SnapshotCollector(snapshot))
    return generate_latest(registry)
