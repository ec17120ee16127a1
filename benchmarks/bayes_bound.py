"""Calibrators beside the Bayes risk: the error that no estimate goes below, sampled with the true circuit.

    python benchmarks/bayes_bound.py --boards 4x4-ohmic-1e-3,8x8-sinh-1e-3 -o bayes_bound/

Each board is the circuit of `memsys2025` in a size of its own, ohmic or sinh, its noise relative to the
largest current. `structured` and `whitebox` are trained on one run and scored on readings of another; the
same readings give the posterior of their inputs by replica exchange (moves in a polynomial stand-in for the
circuit, accepted by the circuit itself), and some of them by sequential Monte Carlo as well. The ratio of a
calibrator is 1 + (its squared distance from the posterior mean) / (Bayes risk), with a 95 % interval by
bootstrap over matrices. Everything finished is kept in the folder: the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from crosscal.commands.benches.simulated_board import linear_gaussian_reference
from crosscal.commands.jobs.simulated_collection import collect_simulated
from crosscal.core.run_file import Run, read_run
from crosscal.front_door import load_calibrator
from crosscal.simulated_bench import Bench
from crosscal.simulated_bench.bayes.posterior import InputPosterior
from crosscal.simulated_bench.bayes.replica_exchange import draw_by_exchange
from crosscal.simulated_bench.bayes.risk import BayesRisk, risk_of_draws
from crosscal.simulated_bench.bayes.sequential import draw_sequentially
from crosscal.simulated_bench.bayes.surrogate import SurrogatePosterior
from crosscal.training import CollectionPlan, Measurements, TrainingPlan, export_calibrator, train

BOARDS = [
    f"{size}-{law}-{noise}"
    for size in ("4x4", "8x8", "16x16")
    for law in ("ohmic", "sinh")
    for noise in ("1e-3", "1e-4")
] + ["24x40-ohmic-1e-3", "24x40-sinh-1e-3"]
LARGEST_A_PER_ROW = 1.08e-3 / 64
"""Current that a column of such matrices carries at most under such inputs, by rows."""

LOW_V, HIGH_V = 0.1, 0.5
TRAINING_MATRICES, TRAINING_VECTORS = 60, 200
KINDS = ("structured", "whitebox")
RESAMPLED = 4000


def write_bench(board: str, folder: Path) -> Path:
    """Write the bench.toml of a board such as `8x8-sinh-1e-3`."""
    size, law, noise = board.split("-", 2)
    rows, columns = (int(part) for part in size.split("x"))
    laws = {"ohmic": '[device]\nlaw = "ohmic"\n', "sinh": ""}
    path = folder / "bench.toml"
    path.write_text(
        f'profile = "memsys2025"\n[array]\nrows = {rows}\ncolumns = {columns}\n{laws[law]}'
        f"[noise]\nread_relative = {noise}\nfull_scale_a = {LARGEST_A_PER_ROW * rows:g}\n"
    )
    return path


def measured(bench: Path, name: str, plan: CollectionPlan) -> Run:
    """Measure a run, or go on with it."""
    path = bench.with_name(name)
    collect_simulated(bench, path, plan, resume=True)
    return read_run(path)


def trained(kind: str, run: Run, folder: Path) -> Path:
    """Train a calibrator, unless it is there."""
    path = folder / f"{kind}.onnx"
    if not path.exists():
        export_calibrator(train(TrainingPlan(calibrator=kind, seed=1), Measurements.from_run(run)), path)
    return path


def posterior_of(bench: Path, run: Run, matrix: int) -> InputPosterior:
    """Take the true circuit of a matrix of the run."""
    board = Bench.from_toml(bench)
    assert run.true_conductance_s is not None, "simulated boards tell the truth"
    aperture_s, averages = float(run.settings["SENS:CURR:APER"]), int(run.settings["SENS:AVER:COUN"])
    return InputPosterior(
        conductance_s=run.true_conductance_s[matrix],
        wires=board.wires(0),
        device=board.device,
        noise_a=board.noise_a(aperture_s=aperture_s, averages=averages),
        low_v=LOW_V,
        high_v=HIGH_V,
    )


def sampled(bench: Path, run: Run, matrix: int, given: argparse.Namespace) -> tuple[BayesRisk, list[float]]:
    """Sample one matrix: all readings by replica exchange, some also sequentially, their variance [A²]."""
    of, target_s = posterior_of(bench, run, matrix), run.target_s[matrix]
    voltage_v, current_a = run.voltage_v[matrix], run.current_a[matrix]
    rng = np.random.default_rng([given.seed, matrix])
    drawn_v = draw_by_exchange(
        of,
        current_a,
        voltage_v,
        rng,
        sweeps=given.sweeps,
        warm_up=given.sweeps // 3,
        levels=given.levels,
        surrogate=SurrogatePosterior.fit(of, voltage_v, rng),
        inner=given.inner,
    )
    again = [
        float((draw_sequentially(of, one_a, rng, particles=given.particles) @ target_s).var(axis=0).mean())
        for one_a in current_a[: given.sequential]
    ]
    return risk_of_draws(of, target_s, voltage_v, current_a, drawn_v), again


def matrix_figures(bench: Path, run: Run, matrix: int, given: argparse.Namespace) -> dict[str, list[float]]:
    """Sample one matrix and compare calibrators with it, unless that is kept."""
    deciding = ("seed", "vectors", "sequential", "sweeps", "inner", "levels", "particles")
    settings = "_".join(str(getattr(given, name)) for name in deciding)
    kept = bench.with_name(f"matrix_{matrix}_{settings}.json")
    if not kept.exists():
        risk, again = sampled(bench, run, matrix, given)
        figures = {
            "variance": risk.variance_a2.tolist(),
            "squared_error": risk.squared_error_a2.tolist(),
            "rank": risk.truth_rank.tolist(),
            "sequential": again,
        }
        target_s = run.target_s[matrix]
        ideal_a = run.voltage_v[matrix] @ target_s
        for kind in KINDS:
            programmed = load_calibrator(bench.with_name(f"{kind}.onnx")).program(target_s)
            answer_a = programmed(run.current_a[matrix], allow_extrapolation=True)
            figures[kind] = ((answer_a - risk.mean_a) ** 2).mean(axis=1).tolist()
            figures[f"{kind} error"] = ((answer_a - ideal_a) ** 2).mean(axis=1).tolist()
        kept.write_text(json.dumps(figures))
    return json.loads(kept.read_text())


def interval(above: np.ndarray, below: np.ndarray) -> tuple[float, float, float]:
    """Ratio of two means over matrices, and its 95 % interval by bootstrap over them."""
    rng = np.random.default_rng(0)
    chosen = rng.integers(len(above), size=(RESAMPLED, len(above)))
    low, high = np.percentile(above[chosen].mean(axis=1) / below[chosen].mean(axis=1), (2.5, 97.5))
    return above.mean() / below.mean(), float(low), float(high)


def board_row(board: str, given: argparse.Namespace) -> str:
    """Measure, train, sample; one line of the table."""
    folder = given.output / board
    folder.mkdir(parents=True, exist_ok=True)
    bench = write_bench(board, folder)
    learned = measured(
        bench, "training.h5", CollectionPlan(matrices=TRAINING_MATRICES, vectors=TRAINING_VECTORS, seed=1)
    )
    test = measured(bench, "test.h5", CollectionPlan(matrices=given.matrices, vectors=given.vectors, seed=2))
    for kind in KINDS:
        trained(kind, learned, folder)
    found = []
    for k in range(given.matrices):
        found.append(matrix_figures(bench, test, k, given))
        print(f"{board}: matrix {k + 1} of {given.matrices}", file=sys.stderr, flush=True)
    part = {name: np.array([np.mean(one[name]) for one in found]) for name in found[0]}
    first = np.array([np.mean(one["variance"][: given.sequential]) for one in found])
    signal_a2 = np.array([(target_s**2).sum(axis=0).mean() for target_s in test.target_s])
    nmse = part["variance"] / (signal_a2 * (HIGH_V - LOW_V) ** 2 / 12.0)
    reference = linear_gaussian_reference(str(bench), test)
    ratios = [interval(part["variance"] + part[kind], part["variance"]) for kind in KINDS]
    sequential, squared = (
        interval(part["sequential"], first),
        interval(part["squared_error"], part["variance"]),
    )
    cells = [f"{ratio:.2f} ({low:.2f}–{high:.2f})" for ratio, low, high in (sequential, squared, *ratios)]
    return (
        " | ".join(
            [
                f"| {board}",
                f"{nmse.mean():.2e}",
                f"{nmse.mean() / reference.mean():.2f}",
                f"{part['rank'].mean():.2f}",
                *cells,
            ]
        )
        + " |"
    )


def main() -> None:
    """Print one line per board."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--boards", default="*", help=f"by commas, of {', '.join(BOARDS)}; * for all")
    parser.add_argument("--matrices", type=int, default=12, help="matrices to score on")
    parser.add_argument("--vectors", type=int, default=20, help="readings of each")
    parser.add_argument("--sequential", type=int, default=2, help="readings of each sampled both ways")
    parser.add_argument("--sweeps", type=int, default=400, help="draws of each reading")
    parser.add_argument("--inner", type=int, default=20, help="moves in the stand-in for each draw")
    parser.add_argument("--levels", type=int, default=12, help="temperatures")
    parser.add_argument("--particles", type=int, default=3000, help="of sequential Monte Carlo")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=Path("bayes_bound"))
    given = parser.parse_args()
    boards = BOARDS if given.boards == "*" else given.boards.split(",")
    if unknown := [board for board in boards if board not in BOARDS]:
        sys.exit(f"Error: no board {unknown[0]!r}; give one of {', '.join(BOARDS)}")
    print("| board | Bayes risk (NMSE) | over the reference | truth's rank | sequential / exchange | "
          "squared error / variance | structured | whitebox |")  # fmt: skip
    print("|---" * 8 + "|")
    for board in boards:
        print(board_row(board, given), flush=True)


if __name__ == "__main__":
    main()
