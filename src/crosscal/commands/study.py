"""`crosscal study`: reproduce the seed paper's table on the simulated bench, through VISA, resumable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from crosscal.commands.collect import collect_with_bar
from crosscal.commands.evaluate import evaluate_with_bar, noise_floor
from crosscal.commands.progress import console
from crosscal.commands.score_table import score_table
from crosscal.commands.train import train_and_export
from crosscal.core.run_file import Run, read_run
from crosscal.front_door import open_board
from crosscal.training import (
    CollectionPlan,
    Evaluation,
    Measurements,
    Score,
    TrainingPlan,
    calibrator_names,
    write_report,
)

RESOURCE = "TCPIP0::localhost::inst0::INSTR"
TEST_INPUTS = "random:200,sine:100,dc:100,fir:100"
TEST_VECTORS = 500
LEARNT_VECTORS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """A row of the seed paper's table: MSE before and after calibration [mA²]."""

    name: str
    before_ma2: float
    after_ma2: float


PUBLISHED = (
    PublishedRow(name="training", before_ma2=0.131878, after_ma2=0.000139),
    PublishedRow(name="validation", before_ma2=0.122114, after_ma2=0.000149),
    PublishedRow(name="sine", before_ma2=0.032687, after_ma2=0.003398),
    PublishedRow(name="dc", before_ma2=0.031794, after_ma2=0.003185),
)


@click.command("study")
@click.argument("profile", default="memsys2025")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("study"),
    show_default=True,
    help="Folder for runs, calibrators and reports.",
)
@click.option(
    "--calibrators", default="affine,concatsquash", show_default=True, help="Which to train, by commas."
)
@click.option(
    "--matrices", type=click.IntRange(2), default=1000, show_default=True, help="Matrices to train on."
)
@click.option(
    "--test-matrices", type=click.IntRange(1), default=50, show_default=True, help="Matrices to test on."
)
@click.option(
    "--noise", type=click.FloatRange(0), help="Read noise, in parts of full scale.  [default: the profile's]"
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Everything random.")
def command(
    profile: str,
    output: Path,
    calibrators: str,
    matrices: int,
    test_matrices: int,
    noise: float | None,
    seed: int,
) -> None:
    """Reproduce the seed paper's table on the simulated board PROFILE, and say how far from it we are.

    Collects training matrices with 100 random vectors each, and test matrices never trained on with random,
    sinusoidal, DC and FIR inputs; trains; evaluates; prints the table in mA² and NMSE. Everything is kept in
    the folder: a study that was cut off goes on where it stopped when the same command is given again.
    """
    names = [name.strip() for name in calibrators.split(",")]
    for name in names:
        if name not in calibrator_names():
            raise click.BadParameter(
                f"{name!r}; allowed: {', '.join(calibrator_names())}", param_hint="--calibrators"
            )
    output.mkdir(parents=True, exist_ok=True)
    bench = _bench_file(output, profile, noise)
    train_plan = CollectionPlan(matrices=matrices, vectors=LEARNT_VECTORS, seed=seed)
    test_plan = CollectionPlan(
        matrices=test_matrices, vectors=TEST_VECTORS, inputs=TEST_INPUTS, seed=seed + 1
    )
    training_run = _collected(bench, output / "training.h5", train_plan, "training matrices")
    test_run = _collected(bench, output / "test.h5", test_plan, "test matrices")
    floor_nmse = noise_floor(str(bench), test_run)
    evaluations = {}
    for name in names:
        path = output / f"{name}.onnx"
        if not path.exists():
            plan = TrainingPlan(calibrator=name, seed=seed)
            train_and_export(
                plan, Measurements.from_run(training_run), path, resume=True, provenance={"study": profile}
            )
        on_training = evaluate_with_bar(path, _first_matrices(training_run, test_matrices))
        on_test = evaluate_with_bar(path, test_run, floor_nmse=floor_nmse)
        write_report(on_test, output / name)
        evaluations[name] = (on_training, on_test)
    out = Console()
    for _, on_test in evaluations.values():
        out.print(score_table(on_test))
    out.print(paper_table(evaluations))
    console.print(f"runs, calibrators, reports and pictures are in {output}")


def paper_table(evaluations: dict[str, tuple[Evaluation, Evaluation]]) -> Table:
    """Lay out the paper's four rows: published, the affine fit on known vectors, and each calibrator."""
    table = Table(title="the seed paper's table", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("row", "calibration"):
        table.add_column(name, no_wrap=True)
    for name in ("before (mA²)", "after (mA²)", "factor", "NMSE"):
        table.add_column(name, justify="right")
    for row in PUBLISHED:
        factor = row.before_ma2 / row.after_ma2
        table.add_row(
            row.name, "published", f"{row.before_ma2:.6f}", f"{row.after_ma2:.6f}", f"{factor:.4g}", ""
        )
        on_training, on_test = next(iter(evaluations.values()))
        for method, score in _scores(row.name, on_training, on_test).items():
            if method.startswith("affine"):
                _add(table, method, _scores(row.name, on_training, on_test)["nothing"], score)
        for name, (training, test) in evaluations.items():
            scores = _scores(row.name, training, test)
            _add(table, f"{name}, none known", scores["nothing"], scores["calibrator"])
        table.add_section()
    return table


def _scores(row: str, on_training: Evaluation, on_test: Evaluation) -> dict[str, Score]:
    if row == "training":
        return on_training.kinds[0].scores
    kind = "random" if row == "validation" else row
    return next(found.scores for found in on_test.kinds if found.kind == kind)


def _add(table: Table, method: str, before: Score, after: Score) -> None:
    table.add_row(
        "",
        method,
        f"{before.mse_ma2:.6f}",
        f"{after.mse_ma2:.3e}",
        f"{before.mse_ma2 / after.mse_ma2:.4g}",
        f"{after.nmse:.3g}",
    )


def _bench_file(folder: Path, profile: str, noise: float | None) -> Path:
    """Write the bench's settings beside the results, so that the folder says what it was measured on."""
    path = folder / "bench.toml"
    text = f'profile = "{profile}"\n'
    if noise is not None:
        text += f"\n[noise]\nread_relative = {noise!r}\n"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise click.UsageError(f"{path} describes another bench; choose another folder with -o")
    path.write_text(text, encoding="utf-8")
    return path


def _collected(bench: Path, path: Path, plan: CollectionPlan, what: str) -> Run:
    with open_board(RESOURCE, backend=f"{bench}@crosscal") as board:
        collect_with_bar(board, path, plan, resume=True, what=what)
    return read_run(path)


def _first_matrices(run: Run, count: int) -> Run:
    """The first matrices of a run: enough to score on."""
    from dataclasses import fields, replace

    arrays = {
        field.name: value[:count]
        for field in fields(run)
        if field.name not in ("plan", "settings") and (value := getattr(run, field.name)) is not None
    }
    return replace(run, **arrays)
