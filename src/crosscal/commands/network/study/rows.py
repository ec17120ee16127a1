"""Rows of a study: a network, its mapping and its chips; trained, scored and kept one by one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from crosscal.core.whole_file import whole_file, write_whole_text
from crosscal.simulated_bench.tiles.chip import Chip
from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
from crosscal.simulated_bench.tiles.transfer import TransferCache
from crosscal.training.networks.graph.onnx_reader import read_onnx
from crosscal.training.networks.graph.torch_module import module_to_onnx
from crosscal.training.networks.learning.plan import LearningPlan
from crosscal.training.networks.learning.trainer import NetworkTrainer
from crosscal.training.networks.mapping.mapped_network import MappedNetwork
from crosscal.training.networks.mapping.mapper import map_graph
from crosscal.training.networks.mapping.options import MappingOptions
from crosscal.training.networks.running.chip_run import ChipRun
from crosscal.training.networks.running.column_calibration import calibrate_columns
from crosscal.training.networks.running.scoring import accuracy_of
from crosscal.training.networks.running.software import SoftwareRun

RANGE_INPUTS = 256  # 256 to 2048 agree within a few percent (`training.networks.mapping.ranges`)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRow:
    """One row.

    Attributes:
        labels: by column of the table.
        plan: of the training.
        mapping: of the network.
        chip: cells, wires, age, mode.
    """

    labels: dict[str, str]
    plan: LearningPlan
    mapping: MappingOptions
    chip: ChipSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyData:
    """Data of a study.

    Attributes:
        x_train, y_train, x_test, y_test: inputs (B, channels, height, width) and classes.
        chips: number of chips.
        known: inputs that columns are calibrated with.
        seed: of the chips.
    """

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    chips: int
    known: int
    seed: int


def _plain(value: Any) -> Any:
    if isinstance(value, MappingOptions | ChipSettings | LearningPlan):
        fields = value.__dataclass_fields__
        return {name: _plain(getattr(value, name)) for name in fields}
    return msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else _dataclass(value)


def _dataclass(value: Any) -> Any:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value


def _name(*parts: Any) -> str:
    text = json.dumps([_plain(part) for part in parts], sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class Study:
    """A study under way, in a folder that keeps its networks and rows.

    Args:
        folder: exists.
        data: of all rows.
    """

    def __init__(self, folder: Path, data: StudyData) -> None:
        self._folder, self._data = folder, data
        self._cache = TransferCache()
        for name in ("networks", "rows"):
            (folder / name).mkdir(exist_ok=True)

    def result(self, row: StudyRow, check: Callable[[], None]) -> dict[str, Any]:
        """Train, map and score a row, or read it if it is there already."""
        data = self._data
        sizes = [len(data.x_train), len(data.x_test), data.chips, data.known, data.seed]
        path = self._folder / "rows" / f"{_name(row.plan, row.mapping, row.chip, sizes)}.json"
        if path.exists():
            return json.loads(path.read_text(encoding="utf-8")) | {"labels": row.labels}
        network = map_graph(
            read_onnx(self._network(row.plan, check)),
            row.mapping,
            ranges_from=data.x_train[:RANGE_INPUTS],
        )
        found = {"labels": row.labels, **self._scores(network, row.chip, check)}
        write_whole_text(path, json.dumps(found) + "\n")
        return found

    def _network(self, plan: LearningPlan, check: Callable[[], None]) -> Path:
        data = self._data
        path = self._folder / "networks" / f"{_name(plan, list(data.x_train.shape))}.onnx"
        if path.exists():
            return path
        trainer = NetworkTrainer(plan, data.x_train, data.y_train)
        for _ in trainer.epochs(lambda _: check(), path.with_suffix(".training")):
            pass
        network, factors = trainer.finished()
        with whole_file(path) as part:
            part.write_bytes(module_to_onnx(network, tuple(data.x_train.shape[1:]), factors=factors))
        path.with_suffix(".training").unlink(missing_ok=True)
        return path

    def _scores(
        self, network: MappedNetwork, chip: ChipSettings, check: Callable[[], None]
    ) -> dict[str, Any]:
        data = self._data
        software = SoftwareRun(network)
        raw, calibrated = [], []
        for number in range(data.chips):
            check()
            programmed = Chip(chip, seed=data.seed, number=number, cache=self._cache)
            run = ChipRun(network, programmed, merged=chip.mode == "merged", seed=data.seed + number)
            raw.append(accuracy_of(run.run, data.x_test, data.y_test))
            calibrate_columns(run, software, data.x_train[-data.known :])
            calibrated.append(accuracy_of(run.run, data.x_test, data.y_test))
        return {
            "software": accuracy_of(software.run, data.x_test, data.y_test),
            "raw": raw,
            "calibrated": calibrated,
        }


def spread(values: list[float]) -> str:
    """Write mean and standard deviation in percent."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return f"{100 * float(np.mean(values)):.1f} ± {100 * deviation:.1f}"


def set_threads() -> None:
    """Keep products of small matrices on one thread: two are slower."""
    torch.set_num_threads(1)
