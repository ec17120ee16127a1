"""Run of a study: trainings, trainings that go on from them, then scores; finished ones are kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from crosscal.commands.network.study.row import StudyRow, name_of
from crosscal.commands.network.study.study_data import StudyData
from crosscal.commands.network.study.tasks import Scoring, score, train
from crosscal.core.whole_file import whole_file
from crosscal.training.networks.learning.plan import LearningPlan
from crosscal.training.networks.learning.trainer import NetworkTrainer


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One file of a study that is to be made.

    Attributes:
        path: of the file.
        data: name of the data set.
        arguments: of the task after the data; paths stand for their contents.
        begun: network that a training goes on from.
        inputs: that are learned from or scored.
        note: for people.
    """

    path: Path
    data: str
    arguments: tuple[Any, ...]
    begun: Path | None = None
    inputs: int
    note: str

    def given(self) -> tuple[Any, ...]:
        """Return the arguments, files read."""
        return tuple(each.read_bytes() if isinstance(each, Path) else each for each in self.arguments)


class Study:
    """A study in a folder that keeps its networks and rows.

    Args:
        folder: exists.
        rows: of the study.
        data: by name.
        scoring: of all rows.
        device: torch's device.
    """

    def __init__(
        self,
        folder: Path,
        rows: list[StudyRow],
        data: Mapping[str, StudyData],
        scoring: Scoring,
        device: str = "cpu",
    ) -> None:
        self._folder, self._rows, self._data = folder, rows, data
        self._scoring, self._device = scoring, device
        for name in ("networks", "rows"):
            (folder / name).mkdir(exist_ok=True)

    def stages(self) -> list[tuple[Callable[..., bytes], list[Job]]]:
        """List tasks with the jobs that are missing; jobs of a later stage need those before it."""
        trainings: dict[Path, tuple[StudyRow, LearningPlan, Path | None]] = {}
        for row in self._rows:
            begun = None if row.start is None else self._network(row, row.start, None)
            if row.start is not None and begun is not None:
                trainings.setdefault(begun, (row, row.start, None))
            trainings.setdefault(self._network(row, row.plan, begun), (row, row.plan, begun))
        missing = [self._training(*each) for path, each in trainings.items() if not path.exists()]
        rows = {self._row(row): row for row in self._rows}
        return [
            (train, [job for job in missing if job.begun is None]),
            (train, [job for job in missing if job.begun is not None]),
            (score, [self._score(row) for path, row in rows.items() if not path.exists()]),
        ]

    def here(self, advance: Callable[[int], None], begin: Callable[[str], None]) -> None:
        """Do the missing jobs one after the other.

        Args:
            advance: is told the number of inputs done.
            begin: is told what begins.
        """
        for task, jobs in self.stages():
            for job in jobs:
                begin(job.note)
                checkpoint = job.path.with_suffix(".training")
                more = {"checkpoint": checkpoint} if task is train else {}
                _keep(job.path, task(self._data[job.data], *job.given(), advance=advance, **more))
                checkpoint.unlink(missing_ok=True)

    def on_cluster(self, scheduler: str, done: Callable[[Job], None]) -> None:
        """Share the missing jobs over a Dask cluster.

        Args:
            scheduler: its address.
            done: is told each job that is finished.
        """
        from crosscal.commands.jobs.cluster import cluster, map_unordered

        with cluster(scheduler) as client:
            shared = {name: client.scatter(data, broadcast=True) for name, data in self._data.items()}
            for task, jobs in self.stages():
                paths = {str(job.path): job for job in jobs}
                # Dask puts the data in the place of their future where it stands in an argument.
                arguments: Iterator[Any] = ((str(job.path), shared[job.data], job.given()) for job in jobs)
                for path, content in map_unordered(client, partial(_do, task), arguments):
                    _keep(paths[path].path, content)
                    done(paths[path])

    def results(self) -> list[dict[str, Any]]:
        """Return the scores of all rows with their labels."""
        return [
            {"labels": row.labels} | json.loads(self._row(row).read_text(encoding="utf-8"))
            for row in self._rows
        ]

    def plain_networks(self) -> Iterator[tuple[StudyRow, StudyData, bytes]]:
        """Yield every row that is not trained for crossbars with its data and its trained network."""
        for row in self._rows:
            if row.start is None:
                yield row, self._data[row.data], self._network(row, row.plan, None).read_bytes()

    def _training(self, row: StudyRow, plan: LearningPlan, begun: Path | None) -> Job:
        data = self._data[row.data]
        return Job(
            path=self._network(row, plan, begun),
            data=row.data,
            arguments=(plan, begun, self._device),
            begun=begun,
            inputs=NetworkTrainer(plan, data.x_train, data.y_train).left,
            note="plain training" if plan.method == "plain" else f"training for {_note(row)}",
        )

    def _score(self, row: StudyRow) -> Job:
        begun = None if row.start is None else self._network(row, row.start, None)
        inputs = len(self._data[row.data].x_test) + row.training_inputs
        return Job(
            path=self._row(row),
            data=row.data,
            arguments=(row, self._network(row, row.plan, begun), self._scoring),
            inputs=inputs if row.mapping is None else inputs * (1 + 2 * self._scoring.chips),
            note=f"scores of {_note(row)}",
        )

    def _network(self, row: StudyRow, plan: LearningPlan, begun: Path | None) -> Path:
        origin = None if begun is None else begun.stem
        name = name_of(plan, origin, self._data[row.data].fingerprint)
        return self._folder / "networks" / f"{name}.pt"

    def _row(self, row: StudyRow) -> Path:
        name = name_of(row.kept_as, self._scoring, self._data[row.data].fingerprint)
        return self._folder / "rows" / f"{name}.json"


def _note(row: StudyRow) -> str:
    return ", ".join(row.labels.values())


def _do(task: Callable[..., bytes], job: tuple[str, StudyData, tuple[Any, ...]]) -> tuple[str, bytes]:
    path, data, arguments = job
    torch.set_num_threads(1)  # as here: sums in another order round differently
    return path, task(data, *arguments)


def _keep(path: Path, content: bytes) -> None:
    with whole_file(path) as part:
        part.write_bytes(content)
