"""Peers on one network: accuracy, predictions and time per image, here and in CrossSim."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from rich import box
from rich.table import Table
from torch import Tensor

from crosscal.commands.network.study.crosssim import HOW_TO_GET_IT, CrossSim, CrossSimRun
from crosscal.commands.network.study.row import StudyRow
from crosscal.commands.network.study.running import Study
from crosscal.commands.network.study.tasks import module_and_mapped
from crosscal.core.network.layer_codes import LayerCodes
from crosscal.simulated_bench.tiles.chip import Chip
from crosscal.training.networks.mapping.mapped_network import MappedNetwork
from crosscal.training.networks.mapping.options import MappingOptions
from crosscal.training.networks.running.chip_run import ChipRun
from crosscal.training.networks.running.scoring import classes_of

BATCH = 100  # images at a time in every row, so that times compare
OFF_TIES = 1.0007
"""Widens converters' ranges by less than a fifth of a code: sums of ideal cells are whole numbers, and one
simulator rounds ties between two codes upwards, the other one to even codes."""

FLOAT, OURS, PEER = "plain torch", "crosscal, converted", "CrossSim, ISAAC mode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Predictions of one simulator.

    Attributes:
        name: of the row.
        classes: of all test inputs, (B,).
        cpu_s: CPU time of one input [s].
    """

    name: str
    classes: np.ndarray
    cpu_s: float


def run_peers(
    study: Study, crosssim: CrossSim | None, advance: Callable[[int], None]
) -> list[dict[str, Any]]:
    """Compare the float network, one chip and, where there is one, CrossSim, for every row of a study.

    Args:
        study: whose networks are trained.
        crosssim: loaded; None leaves it out.
        advance: is told the number of inputs done.
    """
    reports = []
    for row, data, network in study.plain_networks():
        x = data.x_test
        mapping = MappingOptions(
            cells=row.chip.cells, representation="offset", scale="layer", read_back=False
        )
        module, mapped = module_and_mapped(data, row, mapping, network)
        mapped = cut_evenly(mapped)
        chip = _chip_run(mapped, row)
        runs: dict[str, Callable[[Tensor], Tensor]] = {FLOAT: module, OURS: chip.run}
        if crosssim is not None:
            runs[PEER] = CrossSimRun(crosssim, module, mapped).run
        report = peer_report([_peer(name, run, x, advance) for name, run in runs.items()], data.y_test)
        reports.append({"labels": row.labels} | report)
    return reports


def _chip_run(mapped: MappedNetwork, row: StudyRow) -> ChipRun:
    return ChipRun(mapped, Chip(row.chip, seed=1, number=0), device=row.chip.device)


def cut_evenly(mapped: MappedNetwork) -> MappedNetwork:
    """Return the network with rows of tiles cut evenly and converters without ties, so that both round alike.

    Mapping fills tiles one after the other, CrossSim takes as many rows for each.
    """
    return replace(
        mapped,
        layers=tuple(
            replace(layer, codes=tuple(_cut_evenly(codes) for codes in layer.codes))
            for layer in mapped.layers
        ),
    )


def _cut_evenly(codes: LayerCodes) -> LayerCodes:
    rows = math.ceil(codes.shape[0] / codes.tile_counts[0])
    return replace(codes, tile_rows=rows, adc_range=OFF_TIES * codes.adc_range)


@torch.no_grad()
def _peer(name: str, run: Callable[[Tensor], Tensor], x: Tensor, advance: Callable[[int], None]) -> Peer:
    run(x[:2])  # what is compiled or filled once
    found, cpu_s = [], 0.0
    for part in x.split(BATCH):
        start = time.process_time()
        outputs = run(part)
        cpu_s += time.process_time() - start
        found.append(classes_of(outputs, len(part)).numpy())
        advance(len(part))
    return Peer(name=name, classes=np.concatenate(found), cpu_s=cpu_s / len(x))


def peer_report(peers: list[Peer], y: Tensor) -> dict[str, Any]:
    """Return accuracies with their sampling errors, and the last two rows against each other.

    The error of a difference counts only the inputs that one of both classifies rightly and the other does
    not: both saw the same inputs.
    """
    truth = y.numpy()
    right = {peer.name: peer.classes == truth for peer in peers}
    report: dict[str, Any] = {"inputs": len(truth)}
    report["rows"] = [
        {
            "name": peer.name,
            "accuracy": float(right[peer.name].mean()),
            "sampling_error": _sampling_error(float(right[peer.name].mean()), len(truth)),
            "cpu_s": peer.cpu_s,
        }
        for peer in peers
    ]
    if peers[-1].name == PEER:
        ours, other = peers[-2], peers[-1]
        apart = right[ours.name].astype(int) - right[other.name].astype(int)
        report["difference"] = float(apart.mean())
        report["difference_error"] = float(apart.std() / math.sqrt(len(truth)))
        report["predictions_agree"] = float(np.mean(ours.classes == other.classes))
    return report


def _sampling_error(part: float, count: int) -> float:
    return math.sqrt(part * (1 - part) / count)


def peer_table(report: dict[str, Any]) -> Table:
    """Lay the rows out for the terminal; without CrossSim its row says how to get it."""
    labels = ", ".join(report["labels"].values())
    title = f"peers: {labels}, ideal wires, {report['inputs']} test inputs"
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for head in ("", "accuracy (%)", "CPU per image"):
        table.add_column(head, justify="left" if not head else "right", overflow="fold")
    for row in report["rows"]:
        accuracy = f"{100 * row['accuracy']:.2f} ± {100 * row['sampling_error']:.2f}"
        table.add_row(row["name"], accuracy, f"{1e3 * row['cpu_s']:.2f} ms")
    if "difference" not in report:
        table.add_row(PEER, "not run", "")
    return table


def peer_lines(report: dict[str, Any]) -> list[str]:
    """State the comparison in words."""
    if "difference" not in report:
        return [f"CrossSim is not on PyPI: {HOW_TO_GET_IT}"]
    difference, error = 100 * report["difference"], 100 * report["difference_error"]
    ours, other = (row["cpu_s"] for row in report["rows"][-2:])
    return [
        f"predictions agree for {100 * report['predictions_agree']:.2f} % of the inputs",
        f"accuracies differ by {difference:.2f} ± {error:.2f} points (sampling error of the pair)",
        f"CrossSim takes {other / ours:.1f} × the CPU time",
    ]
