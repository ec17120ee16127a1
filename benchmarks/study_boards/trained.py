"""Simulated boards of a study, each with a calibrator trained on a run of it, both kept if wished."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crosscal.commands.jobs.simulated_collection import collect_simulated
from crosscal.commands.suite.boards import load_suite
from crosscal.core.run_file import Run, read_run
from crosscal.runtime import Calibrator
from crosscal.simulated_bench import profile_names
from crosscal.training import CollectionPlan, Measurements, TrainingPlan, export_calibrator, train

VECTORS = 100
"""Of each training matrix."""

REPEATS, _REPEATS_AFTER_S = 512, 60.0
"""Of one vector in the training run: they tell noise that is not white, which the bench begins with age."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedBoard:
    """A simulated board and its calibrator.

    Attributes:
        name: of the profile, or of the suite's board.
        bench: profile or bench.toml.
        folder: for runs on it.
        run: trained on.
        calibrator: trained.
    """

    name: str
    bench: str
    folder: Path
    run: Run
    calibrator: Calibrator

    @property
    def window_v(self) -> tuple[float, float]:
        """Lowest and highest input [V]."""
        return window_v(self.name)

    def measured(self, part: str, *, matrices: int, vectors: int, seed: int) -> Run:
        """Measure matrices, or read the run that was kept."""
        path = self.folder / f"{self.name}-{part}.h5"
        return _measured(self.name, self.bench, path, matrices=matrices, vectors=vectors, seed=seed)


def add_options(parser: argparse.ArgumentParser, boards: str) -> None:
    """Add the options of a study of such boards; `boards` are the default ones, by commas."""
    parser.add_argument("--boards", default=boards, help="profiles, and boards of the suite, by commas")
    parser.add_argument("--calibrator", default="structured")
    parser.add_argument("--counts", default="4,8,16,32,64", help="numbers of known vectors, by commas")
    parser.add_argument("--training", type=int, default=48, help="matrices to train on")
    parser.add_argument("--matrices", type=int, default=8, help="matrices to test on")
    parser.add_argument(
        "--keep", type=Path, help="folder for runs and calibrators; those there are used again"
    )


def trained_boards(given: argparse.Namespace) -> Iterator[TrainedBoard]:
    """Prepare one board after the other as the options say."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for name in given.boards.split(","):
            bench = _bench(name, folder)
            sizes = {"matrices": given.training, "vectors": VECTORS}
            run = _measured(name, bench, folder / f"{name}.h5", **sizes, seed=1, repeats=REPEATS)
            calibrator = _trained(given.calibrator, run, folder / f"{name}-{given.calibrator}.onnx")
            yield TrainedBoard(name=name, bench=bench, folder=folder, run=run, calibrator=calibrator)


def window_v(board: str) -> tuple[float, float]:
    """Choose the inputs' window: read voltages of memories stay low."""
    return (0.0, 0.3) if board.startswith(("pcm", "rram", "cmo")) else (0.1, 0.5)


def _bench(board: str, folder: Path) -> str:
    """Name a profile's bench; that of one of the suite's boards is written into the folder."""
    if board in profile_names():
        return board
    path = folder / f"{board}.toml"
    path.write_text(load_suite().selected([board])[0].to_toml())
    return str(path)


def _measured(
    board: str, bench: str, path: Path, *, matrices: int, vectors: int, seed: int, repeats: int = 0
) -> Run:
    if not path.exists():
        plan = CollectionPlan(
            matrices=matrices,
            vectors=vectors,
            seed=seed,
            voltage_range_v=window_v(board),
            repeats=repeats,
            repeats_after_s=_REPEATS_AFTER_S,
        )
        collect_simulated(bench, path, plan, resume=False)
    run = read_run(path)
    held = (run.plan.matrices, run.plan.vectors, run.plan.repeats)
    if held != (matrices, vectors, repeats):
        raise SystemExit(
            f"{path} holds {held[0]} matrices × {held[1]} vectors and {held[2]} repeats, "
            f"not {matrices} × {vectors} and {repeats}: give --keep another folder"
        )
    return run


def _trained(kind: str, run: Run, path: Path) -> Calibrator:
    if not path.exists():
        export_calibrator(train(TrainingPlan(calibrator=kind, seed=1), Measurements.from_run(run)), path)
    return Calibrator.load(path)
