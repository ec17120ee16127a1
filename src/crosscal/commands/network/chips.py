"""Chips of an evaluation: each is a task of its own, and finished ones are kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crosscal.commands.network.board import BoardChoice
from crosscal.core.network.fingerprint import fingerprint
from crosscal.core.network.tile_port import Tiles
from crosscal.core.whole_file import write_whole_text
from crosscal.simulated_bench.tiles.chip import Chip
from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
from crosscal.training.networks.calibration.methods import COLUMNS, calibrate
from crosscal.training.networks.mapping.mapped_network import MappedNetwork
from crosscal.training.networks.running.chip_run import MERGED_METHOD, ChipRun
from crosscal.training.networks.running.scoring import ChipScore, score_chip
from crosscal.training.networks.running.software import SoftwareRun


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipTask:
    """Everything that decides a chip's score.

    Attributes:
        network: mapped.
        settings: of the chips.
        seed: of all chips.
        x, y: inputs and classes.
        known: inputs to calibrate with; None: no calibration.
        calibration: one of `crosscal.training.networks.calibration.methods.METHODS`.
        vectors: known vectors for each row of tiles.
        board: multiplies for some layers; None: none does.
    """

    network: MappedNetwork
    settings: ChipSettings
    seed: int
    x: np.ndarray
    y: np.ndarray
    known: np.ndarray | None
    calibration: str
    vectors: int
    board: BoardChoice | None = None

    def score(self, number: int, advance: Callable[[int], None] = lambda _: None) -> ChipScore:
        """Program a chip and score it."""
        chip = Chip(self.settings, seed=self.seed, number=number)
        with nullcontext(chip) if self.board is None else self.board.tiles(chip) as tiles:
            return self._score(tiles, number, advance)

    def _score(self, tiles: Tiles, number: int, advance: Callable[[int], None]) -> ChipScore:
        device, merged = self.settings.device, self.settings.mode == "merged"
        run = ChipRun(self.network, tiles, merged=merged, seed=self.seed + number, device=device)
        software = SoftwareRun(self.network, device)
        if self.known is not None:
            known = torch.from_numpy(self.known)
            calibrate(run, software, known, self.calibration, vectors=self.vectors, check=lambda: advance(0))
        x, y = torch.from_numpy(self.x), torch.from_numpy(self.y)
        return score_chip(run, software, x, y, number=number, advance=advance)

    def fingerprint(self) -> str:
        """Tell tasks apart by everything that decides their scores."""
        samples = self.settings.cells.samples
        files = [Path(samples)] if samples else []
        if self.board is not None:
            files += self.board.files
        calibration = None if self.known is None else (self.calibration, self.vectors, self.known)
        if calibration is not None and self.calibration == COLUMNS:
            calibration = self.calibration, self.known
        decisive = self.network, self.settings, self.seed, self.x, self.y, self.board
        method = [MERGED_METHOD] if self.settings.mode == "merged" else []
        return fingerprint(decisive, calibration, files, *method, *self.settings.methods)


class KeptScores:
    """Scores of finished chips, in a file beside the report.

    Args:
        path: the file.
        fingerprint: of the task; scores of another are not used.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._path, self._fingerprint = path, fingerprint
        self.scores: dict[int, ChipScore] = {}
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            if document["fingerprint"] == fingerprint:
                self.scores = {each["number"]: _score(each) for each in document["chips"]}
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            self.scores = {}

    def keep(self, score: ChipScore) -> None:
        """Add a score, and write the file anew."""
        self.scores[score.number] = score
        chips = [asdict(self.scores[number]) for number in sorted(self.scores)]
        write_whole_text(self._path, json.dumps({"fingerprint": self._fingerprint, "chips": chips}) + "\n")


def _score(values: dict[str, Any]) -> ChipScore:
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return ChipScore(**{**values, **lists})


def scores_on_cluster(task: ChipTask, numbers: list[int], scheduler: str) -> Iterator[ChipScore]:
    """Score chips on a Dask cluster, as they come."""
    from crosscal.commands.jobs.cluster import cluster, map_unordered

    with cluster(scheduler) as client:
        shared = client.scatter(task, broadcast=True)
        # Dask puts the task in the place of its future where this stands in an argument.
        tasks: list[Any] = [(shared, number) for number in numbers]
        yield from map_unordered(client, _score_one, tasks)


def _score_one(task_and_number: tuple[ChipTask, int]) -> ChipScore:
    task, number = task_and_number
    return task.score(number)
