"""The seed paper's network as a co-author's public code has it, beside ours, on both ways to split readings.

    python benchmarks/seed_paper/authors_form.py -o authors_form/

In that code a kernel as large as the array maps two channels, the conductances' codes and the conductances,
to a context of 256 numbers; one modulated layer leads in, a second is applied four times with the same
weights, a third leads out, 128 wide; Adam from 1e-4 by a cosine to 1e-6, batches of 32. Nothing is normalised
by matrix. Readings are split 80 to 20 at random, so that a matrix stands on both sides ("by reading"); this
project tests on other matrices ("by matrix"). Both are trained on the same readings of a 16×32 board with the
circuit of `memsys2025`. Printed is the NMSE, beside gain and offset per column fitted to known vectors.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from crosscal.commands.jobs.simulated_collection import collect_simulated
from crosscal.core.run_file import read_run
from crosscal.runtime import Calibrator
from crosscal.training import CollectionPlan, Measurements, TrainingPlan, export_calibrator, score, train
from crosscal.training.calibrators.affine_fit import affine_per_matrix
from crosscal.training.calibrators.concatsquash.layer import ConcatSquashLayer
from crosscal.training.evaluation.evaluation import calibrate_run

ROWS, COLUMNS, FULL_SCALE_A = 16, 32, 0.27e-3
CONTEXT, WIDTH, TURNS = 256, 128, 4
CODES = 255  # of 8 bits, their hardware's
BATCH, FIRST_RATE, LAST_RATE = 32, 1e-4, 1e-6
KNOWN = 32
LEARNED = 0.8
"""Part of the readings that is learned from."""


class AuthorsForm(torch.nn.Module):
    """Network of the public code: (B, M) currents and (B, 2, N, M) channels to (B, M)."""

    def __init__(self, shape: tuple[int, int]) -> None:
        super().__init__()
        rows, columns = shape
        self.encoder = torch.nn.Conv2d(2, CONTEXT, kernel_size=(rows, columns))
        self.way_in, self.turn, self.way_out = (
            ConcatSquashLayer(before, after, CONTEXT)
            for before, after in ((columns, WIDTH), (WIDTH, WIDTH), (WIDTH, columns))
        )
        for layer in (self.way_in, self.turn, self.way_out):
            torch.nn.init.kaiming_uniform_(layer.weight, a=5**0.5)
            for weight in (layer.gate_weight, layer.shift_weight):
                torch.nn.init.kaiming_uniform_(weight, a=5**0.5)

    def forward(self, current: torch.Tensor, channels: torch.Tensor) -> torch.Tensor:
        z = self.encoder(channels).flatten(1)
        hidden = torch.relu(self.way_in(current[:, None], z))
        for _ in range(TURNS):
            hidden = torch.relu(self.turn(hidden, z))
        return self.way_out(hidden, z)[:, 0]


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """Mean and spread of all currents together [A]."""

    mean_a: float
    spread_a: float

    @classmethod
    def of(cls, current_a: np.ndarray) -> _Scale:
        return cls(mean_a=float(current_a.mean()), spread_a=float(current_a.std()))

    def normal(self, current_a: np.ndarray) -> torch.Tensor:
        return torch.from_numpy((current_a - self.mean_a) / self.spread_a).float()


def channels_of(target_s: np.ndarray) -> torch.Tensor:
    """Codes and conductances of matrices, both from 0 to 1, (K, 2, N, M)."""
    part = (target_s - target_s.min()) / np.ptp(target_s)
    return torch.from_numpy(np.stack([np.round(part * CODES) / CODES, part], axis=1)).float()


def authors_estimates(learned: Measurements, tested: Measurements, epochs: int, seed: int) -> np.ndarray:
    """Train the public code's network on some readings and calibrate others [A], (K, V, M)."""
    torch.manual_seed(seed)
    network = AuthorsForm(learned.shape)
    of_current, of_ideal = _Scale.of(learned.current_a), _Scale.of(learned.ideal_a)
    current, ideal = of_current.normal(learned.current_a), of_ideal.normal(learned.ideal_a)
    channels = channels_of(learned.conductance_s)
    matrices, vectors = current.shape[:2]
    optimizer = torch.optim.Adam(network.parameters(), lr=FIRST_RATE)
    steps = epochs * (matrices * vectors // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=LAST_RATE)
    for _ in range(epochs):
        for chosen in torch.randperm(matrices * vectors).split(BATCH)[: matrices * vectors // BATCH]:
            k, v = chosen // vectors, chosen % vectors
            loss = torch.mean((network(current[k, v], channels[k]) - ideal[k, v]) ** 2)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    channels, current = channels_of(tested.conductance_s), of_current.normal(tested.current_a)
    with torch.no_grad():
        found = [network(x, one.expand(len(x), -1, -1, -1)) for x, one in zip(current, channels, strict=True)]
    return torch.stack(found).double().numpy() * of_ideal.spread_a + of_ideal.mean_a


def nmse(estimate_a: np.ndarray, tested: Measurements) -> float:
    return score(estimate_a, tested.ideal_a, tested.usable, full_scale_a=FULL_SCALE_A).nmse


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--matrices", type=int, default=300)
    parser.add_argument("--vectors", type=int, default=100)
    parser.add_argument("--splits", default="by reading,by matrix")
    parser.add_argument("--epochs", type=int, default=50, help="of the authors' form")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=Path("authors_form"))
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    bench = given.output / "bench.toml"
    array = f"[array]\nrows = {ROWS}\ncolumns = {COLUMNS}\n"
    bench.write_text(f'profile = "memsys2025"\n{array}[noise]\nfull_scale_a = {FULL_SCALE_A}\n')
    plan = CollectionPlan(matrices=given.matrices, vectors=given.vectors, seed=given.seed)
    collect_simulated(bench, given.output / "run.h5", plan, resume=True)
    data = Measurements.from_run(read_run(given.output / "run.h5"))
    vectors, matrices = round(LEARNED * given.vectors), round(LEARNED * given.matrices)
    splits = {
        # Vectors of a matrix are drawn independently: the first are as good as any.
        "by reading": [data.of_vectors(part) for part in (slice(vectors), slice(vectors, None))],
        "by matrix": [data.of_matrices(part) for part in (slice(matrices), slice(matrices, None))],
    }
    parameters = sum(weight.numel() for weight in AuthorsForm(data.shape).parameters())
    print(f"authors' form: {parameters} parameters")
    print(f"| split | raw | affine K = {KNOWN} | authors' form | `concatsquash` |\n|---|---|---|---|---|")
    for name in given.splits.split(","):
        learned, tested = splits[name]
        file = given.output / f"{name.replace(' ', '_')}.onnx"
        export_calibrator(train(TrainingPlan(calibrator="concatsquash", seed=given.seed), learned), file)
        affine_a = affine_per_matrix(data if name == "by reading" else tested, KNOWN)
        cells = (
            tested.current_a,
            affine_a[:, vectors:] if name == "by reading" else affine_a,
            authors_estimates(learned, tested, given.epochs, given.seed),
            calibrate_run(Calibrator.load(file), tested),
        )
        print(
            f"| {name} | " + " | ".join(f"{nmse(cell_a, tested):.2e}" for cell_a in cells) + " |", flush=True
        )


if __name__ == "__main__":
    main()
