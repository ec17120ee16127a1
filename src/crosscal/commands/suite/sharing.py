"""Suite shared over a Dask cluster: the workers fill the boards' folders that the suite then reads.

A task does one step of one board in a folder of its own, from the files of the steps before it, and sends the
new files back. They are kept as they come: work lost with a worker is done again, and files finished before
the cluster or this process ended are found by the same command given again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from threadpoolctl import threadpool_limits

from crosscal.commands.jobs.cluster import cluster, map_unordered
from crosscal.commands.suite.boards import SuiteBoard
from crosscal.commands.suite.folder import RECALIBRATED, BoardFolder, kept_steps
from crosscal.commands.suite.request import BASELINES, DATA_SHEET, MEASURING, SuiteRequest
from crosscal.commands.suite.steps import run_step
from crosscal.commands.terminal.interrupt import interruptible, keeping
from crosscal.commands.terminal.progress import progress_bar
from crosscal.core.whole_file import whole_file

Files = dict[str, bytes]

SENT = {".toml", ".h5", ".npy", ".onnx", ".json", ".npz", ".failed"}
"""Of a board's folder: no pictures, checkpoints or halves of files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A step to be done on a board, the folder it is for, and the files that it begins with."""

    board: SuiteBoard
    step: str
    home: Path
    files: Files


def run_suite_on_cluster(
    boards: Sequence[SuiteBoard], request: SuiteRequest, folder: Path, scheduler: str
) -> None:
    """Have a cluster do every step that the boards' folders do not hold yet.

    Args:
        boards: of the suite.
        request: sizes, calibrators and seed.
        folder: the suite's, with the folder of each board in it.
        scheduler: address of the Dask scheduler.

    Raises:
        ClusterError: the scheduler does not answer, or the workers gave up.
        InputError: a folder holds another board of that name.
    """
    folders = {board.name: BoardFolder(path=folder / board.name, retry=request.retry) for board in boards}
    for board in boards:
        folders[board.name].prepare(board.to_toml())
        if request.retry:
            for note in folders[board.name].path.glob("*.failed"):
                note.unlink()
    with (
        keeping(lambda: kept_steps(folder)),
        cluster(scheduler) as client,
        interruptible() as check,
        progress_bar() as bar,
    ):
        for label, steps in (("measuring boards", (MEASURING,)), ("training and scoring", request.steps)):
            tasks = [
                _task(board, step, folders[board.name].path)
                for board in boards
                for step in steps
                if not _finished(folders[board.name], step)
            ]
            shown = bar.add_task(f"{label}, shared", total=len(tasks), note="")
            for name, files in map_unordered(client, partial(_run_task, request), tasks):
                check()
                _write_files(files, folders[name].path)
                bar.advance(shown)


def _task(board: SuiteBoard, step: str, home: Path) -> Task:
    return Task(board=board, step=step, home=home, files=_read_files(home))


def _finished(folder: BoardFolder, step: str) -> bool:
    """Tell whether every file of a step is there, or a failure that stands."""
    if folder.failed(MEASURING) or folder.failed(step):
        return True
    if step == MEASURING:
        return (folder.path / "reference.npy").exists()
    again = f"{step}{RECALIBRATED}"
    parts = (step,) if step in (BASELINES, DATA_SHEET) or folder.failed(again) else (step, again)
    return all((folder.path / f"{part}.json").exists() for part in parts)


def _read_files(path: Path) -> Files:
    return {file.name: file.read_bytes() for file in path.iterdir() if file.suffix in SENT}


def _run_task(request: SuiteRequest, task: Task) -> tuple[str, Files]:
    """Do a task on a worker, with one thread, for sums are taken in another order by several."""
    with tempfile.TemporaryDirectory() as parent, threadpool_limits(1):
        path = Path(parent) / task.board.name
        path.mkdir()
        _write_files(task.files, path)
        run_step(BoardFolder(path=path, retry=request.retry), request, task.step)
        done = {name: data for name, data in _read_files(path).items() if data != task.files.get(name)}
    for name in done:
        if name.endswith(".failed"):
            # Told to people, who have their own folder and not this one.
            done[name] = done[name].replace(bytes(path), bytes(task.home))
    return task.board.name, done


def _write_files(files: Files, path: Path) -> None:
    """Write files whole: one that is there is finished."""
    for name, data in files.items():
        with whole_file(path / name) as part:
            part.write_bytes(data)
