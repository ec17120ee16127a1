"""Report of a mapped network on chips: `report.json`, pictures, and one HTML page with all of it."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crosscal.core.whole_file import write_whole_text
from crosscal.training.networks.mapping.mapped_network import MappedNetwork
from crosscal.training.networks.running.scoring import ChipScore

FORMAT, FORMAT_VERSION = "crosscal-network-report", 1  # grows when an entry changes its meaning

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 0 auto; padding: 20px; }
table { border-collapse: collapse; margin: 12px 0 24px; }
th, td { padding: 3px 12px; text-align: right; border-bottom: 1px solid #8886; }
th:first-child, td:first-child, .facts td { text-align: left; vertical-align: top; }
img { max-width: 100%; background: #fff; border-radius: 6px; margin: 8px 0; }
"""

LAYER_COLUMNS = (
    ("name", "layer", 1.0),
    ("groups", "groups", 1.0),
    ("inputs", "inputs", 1.0),
    ("outputs", "outputs", 1.0),
    ("tiles", "tiles", 1.0),
    ("utilisation", "cells in use (%)", 100.0),
    ("output_error", "output error (%)", 100.0),
    ("energy_j", "energy (nJ)", 1e9),
)
"""Columns of the page's table of layers: entry, head, factor."""

SETTING_NAMES = {
    "wires_ohm": "wires (Ω per segment)",
    "driver_ohm": "drivers (Ω)",
    "age_s": "age (s)",
    "levels_s": "levels (S)",
    "levels_f": "levels (F)",
    "deviation_s": "deviations (S)",
    "deviation_f": "deviations (F)",
    "read_v": "read at (V)",
}
OFF = (None, 0.0, "none", "")  # values that say nothing on a page


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkReport:
    """Everything that an evaluation found.

    Attributes:
        network: mapped.
        scores: of the chips.
        software_accuracy: of the float network on the same inputs.
        inputs: number of them.
        settings: of the chips, as people gave them.
    """

    network: MappedNetwork
    scores: Sequence[ChipScore]
    software_accuracy: float
    inputs: int
    settings: dict[str, Any]

    @property
    def accuracy(self) -> float:
        """Mean over chips."""
        return float(np.mean([score.accuracy for score in self.scores]))

    @property
    def accuracy_std(self) -> float:
        """Standard deviation over chips; 0 of one chip."""
        each = [score.accuracy for score in self.scores]
        return float(np.std(each, ddof=1)) if len(each) > 1 else 0.0

    def to_json(self) -> dict[str, Any]:
        """Everything as plain JSON values; units are in the names."""
        first = self.scores[0]
        errors = np.mean([score.layer_errors for score in self.scores], axis=0)
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "accuracy": self.accuracy,
            "accuracy_std": self.accuracy_std,
            "accuracy_per_chip": [score.accuracy for score in self.scores],
            "software_accuracy": self.software_accuracy,
            "energy_j": first.energy_j,
            "latency_s": first.latency_s,
            "area_m2": first.area_m2,
            "tiles": first.tiles,
            "conversions": first.conversions,
            "inputs": self.inputs,
            "settings": self.settings,
            "notes": list(self.network.notes),
            "layers": [
                {
                    **row,
                    "output_error": float(errors[k]),
                    "energy_j": first.layer_energy_j[k],
                }
                for k, row in enumerate(layer_rows(self.network))
            ],
        }


def layer_rows(network: MappedNetwork) -> list[dict[str, Any]]:
    """Describe every layer: size, tiles, utilisation, converters."""
    rows = []
    for layer in network.layers:
        first = layer.codes[0]
        inputs, outputs = first.shape
        tiles = sum(codes.tiles for codes in layer.codes)
        cells = sum(codes.codes.size for codes in layer.codes) / layer.matrix.packed  # the others stand at 0
        rows.append(
            {
                "name": layer.matrix.name,
                "groups": layer.matrix.groups,
                "packed": layer.matrix.packed,
                "inputs": inputs,
                "outputs": outputs,
                "tiles": tiles,
                "utilisation": cells / (tiles * first.tile_rows * first.tile_columns),
                "slices": first.codes.shape[2],
                "signed_inputs": first.coding.signed,
                "input_range": layer.inputs.largest,
                "adc_bits": first.adc_bits,
                "weight_error": layer.weight_error,
            }
        )
    return rows


def write_network_report(report: NetworkReport, folder: Path) -> list[Path]:
    """Write `report.json`, pictures and `report.html` into a folder that exists.

    Returns:
        The files written.
    """
    from crosscal.training.networks.reporting.pictures import draw_report

    content = report.to_json()
    path = folder / "report.json"
    write_whole_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")
    pictures = draw_report(content, folder)
    page = folder / "report.html"
    write_whole_text(page, report_page(content, pictures))
    return [path, page, *pictures]


def report_page(content: dict[str, Any], pictures: Sequence[Path]) -> str:
    """Write the HTML page, pictures within."""
    chips = len(content["accuracy_per_chip"])
    facts = {
        "accuracy": f"{100 * content['accuracy']:.2f} % ± {100 * content['accuracy_std']:.2f} over "
        f"{chips} chip{'s'[: chips > 1]}",
        "software": f"{100 * content['software_accuracy']:.2f} %",
        "inputs": f"{content['inputs']}",
        "energy per input": f"{1e6 * content['energy_j']:.3g} µJ",
        "time per input, layers in turn": f"{1e6 * content['latency_s']:.3g} µs",
        "area": f"{1e6 * content['area_m2']:.3g} mm²",
        "tiles": f"{content['tiles']}",
        "conversions per input": f"{content['conversions']:,}",
        **{_with_unit(name): _in_words(value) for name, value in content["settings"].items()},
    }
    head = "".join(f"<th>{head}</th>" for _, head, _ in LAYER_COLUMNS)
    body = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape(_shown(layer[name], factor))}</td>" for name, _, factor in LAYER_COLUMNS)
        + "</tr>"
        for layer in content["layers"]
    )
    images = "".join(
        f'<img alt="{html.escape(path.stem.replace("_", " "))}" src="data:image/png;base64,'
        f'{base64.b64encode(path.read_bytes()).decode()}">'
        for path in pictures
    )
    rows = "".join(f"<tr><td>{html.escape(k)}</td><td>{html.escape(v)}</td></tr>" for k, v in facts.items())
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in content["notes"])
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Network on crossbars</title>'
        f"<style>{STYLE}</style></head><body><h1>Network on crossbars</h1><table class=facts>{rows}</table>"
        f"<ul>{notes}</ul>{images}<table><tr>{head}</tr>{body}</table></body></html>\n"
    )


def _with_unit(name: str) -> str:
    return SETTING_NAMES.get(name, name.replace("_", " "))


def _in_words(value: Any) -> str:
    """Write a setting; of a group those that are not off."""
    if isinstance(value, dict):
        return "; ".join(f"{_with_unit(k)} {_in_words(v)}" for k, v in value.items() if v not in OFF)
    if isinstance(value, list | tuple):
        return ", ".join(_in_words(each) for each in value)
    return f"{value:.4g}" if isinstance(value, float) else f"{value}"


def _shown(value: Any, factor: float) -> str:
    return f"{factor * value:.3g}" if isinstance(value, float) else str(value)
