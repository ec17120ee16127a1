"""Bound where cells are not known exactly: Gaussian, as the studies print it, beside exact draws at 4×4.

    python benchmarks/bounds/unknown_cells.py -o unknown_cells/

Targets are uniform in the range of `memsys2025` on a 4×4 array with its wires, cells normal about them,
inputs uniform, noise 1e-3 of the largest current. For each reading the joint posterior of four inputs and
sixteen cells, given target, K known vectors and, if told, a read-back, is drawn by replica exchange with the
true circuit and noise. The truth is one more draw: its rank among the others is 0.5 on average, and the
squared error of the posterior mean is the posterior variance. Intervals of 95 % are by bootstrap over
matrices. The Gaussian bound takes cells for Gaussian around the true circuit, the circuit for linear in them,
and inputs for Gaussian. Rows that are finished are kept in the folder.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from crosscal.simulated_bench import Bench, Ohmic, Sinh, sensitivity, solve_currents
from crosscal.simulated_bench.bayes.replica_exchange import draw_by_exchange
from crosscal.simulated_bench.bayes.risk import risk_of_draws
from crosscal.simulated_bench.bayes.unknown_cells import JointPosterior
from crosscal.simulated_bench.linear_gaussian import Sensed, reference_of_sensed
from crosscal.simulated_bench.unknown_cells import posterior_covariance
from crosscal.simulated_bench.variability.fluctuating_currents import cell_sensitivities

SIZE = 4
LOW_S, HIGH_S = 16.6e-6, 100e-6
LOW_V, HIGH_V = 0.1, 0.5
NOISE_A = 1e-3 * SIZE * 1.08e-3 / 64  # of the largest current of such an array
DEVICES = {"ohmic": Ohmic(), "sinh": Sinh()}
RESAMPLED = 4000


def posterior_of(row: dict, rng: np.random.Generator) -> tuple[JointPosterior, np.ndarray]:
    """Draw a matrix with its known vectors, and the true deviations of its cells, (N·M,)."""
    wires, device = Bench.from_profile("memsys2025").wires(0), DEVICES[row["law"]]
    target_s = rng.uniform(LOW_S, HIGH_S, (SIZE, SIZE))
    deviation = rng.standard_normal(SIZE * SIZE)
    true_s = target_s * (1.0 + row["spread"] * deviation.reshape(SIZE, SIZE))
    known_v = rng.uniform(LOW_V, HIGH_V, (row["known"], SIZE))
    known_a = np.zeros((0, SIZE))
    if len(known_v):
        known_a = solve_currents(true_s, known_v, wires=wires, device=device)
    told_s = true_s + row["read_back"] * target_s * rng.standard_normal(true_s.shape)
    of = JointPosterior(
        target_s=target_s,
        spread=row["spread"],
        known_v=known_v,
        known_a=known_a + NOISE_A * rng.standard_normal(known_a.shape),
        read_back_s=told_s if row["read_back"] else None,
        read_back_spread=row["read_back"],
        wires=wires,
        device=device,
        noise_a=NOISE_A,
        low_v=LOW_V,
        high_v=HIGH_V,
    )
    return of, deviation


def gaussian_mse_a2(of: JointPosterior, true_s: np.ndarray, voltage_v: np.ndarray) -> float:
    """Compute the Gaussian bound of readings [A²]."""
    circuit = {"wires": of.wires, "device": of.device}
    variance = np.full(true_s.shape, of.spread**2)
    if of.read_back_s is not None:
        variance *= of.read_back_spread**2 / (of.spread**2 + of.read_back_spread**2)
    change_a = np.stack(list(cell_sensitivities(true_s, voltage_v, **circuit)))
    told_a = np.stack(list(cell_sensitivities(true_s, of.known_v, **circuit))) if len(of.known_v) else None
    nothing = np.zeros((len(of.known_v), SIZE, SIZE))  # inputs that are known tell of cells alone
    left = posterior_covariance(variance, told_a, Sensed(jacobian_s=nothing, noise_a=of.noise_a))
    sensed = Sensed(
        jacobian_s=sensitivity(true_s, voltage_v, **circuit),
        noise_a=of.noise_a,
        covariance_a2=change_a @ left @ change_a.transpose(0, 2, 1),
    )
    return reference_of_sensed(sensed, of.target_s).mse_a2


def matrix_figures(row: dict, seed: int, given: argparse.Namespace) -> dict[str, float]:
    """Sample the readings of one matrix; means over them."""
    rng = np.random.default_rng([given.seed, seed])
    of, deviation = posterior_of(row, rng)
    voltage_v = rng.uniform(LOW_V, HIGH_V, (given.vectors, SIZE))
    truth = np.concatenate([voltage_v, np.tile(deviation, (given.vectors, 1))], axis=1)
    true_s = of.cells_s(truth[0])
    current_a = solve_currents(true_s, voltage_v, wires=of.wires, device=of.device)
    current_a += NOISE_A * rng.standard_normal(current_a.shape)
    drawn = draw_by_exchange(
        of, current_a, truth, rng, sweeps=given.sweeps, warm_up=given.sweeps // 3, levels=given.levels
    )
    # Ideal currents are the target's: cells' deviations weigh nothing in them.
    weights_s = np.concatenate([of.target_s, np.zeros((SIZE * SIZE, SIZE))])
    thin = slice(None, None, 4)  # neighbours in a chain are alike, and each is solved once more
    risk = risk_of_draws(of, weights_s, truth, current_a, drawn[:, thin])
    return {
        "variance": float(risk.variance_a2.mean()),
        "squared_error": float(risk.squared_error_a2.mean()),
        "rank": float(risk.truth_rank.mean()),
        "gaussian": gaussian_mse_a2(of, true_s, voltage_v),
        "signal": float((of.target_s**2).sum(axis=0).mean() * (HIGH_V - LOW_V) ** 2 / 12.0),
    }


def interval(above: np.ndarray, below: np.ndarray) -> str:
    """Phrase a ratio of two means over matrices, with its 95 % interval by bootstrap over them."""
    chosen = np.random.default_rng(0).integers(len(above), size=(RESAMPLED, len(above)))
    low, high = np.percentile(above[chosen].mean(axis=1) / below[chosen].mean(axis=1), (2.5, 97.5))
    return f"{above.mean() / below.mean():.2f} ({low:.2f}–{high:.2f})"


def row_of(row: dict, given: argparse.Namespace) -> str:
    """Sample all matrices of a row, unless they are kept; one line of the table."""
    name = "-".join(str(value) for value in row.values())
    kept = (
        given.output
        / f"{name}_{given.matrices}_{given.vectors}_{given.sweeps}_{given.levels}_{given.seed}.json"
    )
    if not kept.exists():
        kept.write_text(json.dumps([matrix_figures(row, k, given) for k in range(given.matrices)]))
    found = json.loads(kept.read_text())
    part = {key: np.array([one[key] for one in found]) for key in found[0]}
    told = f"{row['read_back']:.0%}" if row["read_back"] else "–"
    sampled, gaussian = (np.mean(part[key] / part["signal"]) for key in ("variance", "gaussian"))
    return (
        f"| {row['law']} | {row['spread']:.0%} | {told} | {row['known']} | {sampled:.2e} | {gaussian:.2e} | "
        f"{interval(part['variance'], part['gaussian'])} | {part['rank'].mean():.2f} | "
        f"{interval(part['squared_error'], part['variance'])} |"
    )


def main() -> None:
    """Print one line for each law, scatter of the cells, read-back and number of known vectors."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--laws", default="ohmic,sinh")
    parser.add_argument("--spreads", default="0.05,0.2", help="of the cells, relative")
    parser.add_argument("--read-backs", default="0,0.01", help="relative errors of these; 0 for none")
    parser.add_argument("--known", default="0,4,16", help="numbers of known vectors")
    parser.add_argument("--matrices", type=int, default=12)
    parser.add_argument("--vectors", type=int, default=4, help="readings of each")
    parser.add_argument("--sweeps", type=int, default=2000, help="draws of each reading")
    parser.add_argument("--levels", type=int, default=8, help="temperatures")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=Path("unknown_cells"))
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    print("| cells | scatter | read-back | K | sampled (NMSE) | Gaussian | sampled / Gaussian | ", end="")
    print("truth's rank | squared error / variance |\n" + "|---" * 9 + "|")
    for law in given.laws.split(","):
        for spread in (float(text) for text in given.spreads.split(",")):
            for told in (float(text) for text in given.read_backs.split(",")):
                for known in (int(text) for text in given.known.split(",")):
                    row = {"law": law, "spread": spread, "read_back": told, "known": known}
                    print(row_of(row, given), flush=True)


if __name__ == "__main__":
    main()
