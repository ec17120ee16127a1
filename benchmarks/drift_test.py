"""Drift tests beside their promise: run lengths, delays, and the diagnosis's confusion table.

    python benchmarks/drift_test.py                      # everything, about ten minutes on one core
    python benchmarks/drift_test.py published run-length --alarms 100
    python benchmarks/drift_test.py --keep runs.json     # goes on where it was cut off
    python benchmarks/drift_test.py slow-noise --board 2 --alarms 100

`published`: the plain two-sided CUSUM, computed and simulated, beside Montgomery's table. `run-length`: mean
number of sentinel readings to a false alarm on white noise. `slow-noise`: the same on a board whose cells
fluctuate with 1/f, its noise learned from earlier readings. `delay`: readings from a change to its alarm on
that board. `diagnosis`: what is found beside what was changed. Boards have ohmic cells and no wires.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from drift_boards.board import Board, simulated_plain

from crosscal.runtime.drift import DriftTest, cusum_run_length

PUBLISHED = {(4.0, 0.0): 168.0, (5.0, 0.0): 465.0, (4.0, 1.0): 8.38, (5.0, 1.0): 10.4}
"""Montgomery, Introduction to Statistical Quality Control: k = 0.5, two-sided."""

STATED = (500, 5_000, 14_400)
DRIFTS = (0.02, 0.05, 0.20)
KINDS = ("nothing", "gain", "temperature", "offsets", "relaxation", "column", "row", "cell")
BATCH = 25


@dataclass(slots=True)
class Kept:
    """Results that survive an interrupt."""

    path: Path | None
    found: dict[str, list[float]]

    @classmethod
    def at(cls, path: Path | None) -> Kept:
        known = json.loads(path.read_text()) if path is not None and path.exists() else {}
        return cls(path, known)

    def more(self, key: str, wanted: int, draw) -> np.ndarray:
        """Draw batches until there are enough, and keep each."""
        got = self.found.setdefault(key, [])
        while len(got) < wanted:
            rng = np.random.default_rng([*key.encode(), len(got)])
            got.extend(float(draw(rng)) for _ in range(min(BATCH, wanted - len(got))))
            if self.path is not None:
                self.path.write_text(json.dumps(self.found))
        return np.array(got[:wanted])


def show_published(kept: Kept, alarms: int) -> None:
    print("plain CUSUM, k = 0.5, two-sided: mean run length")
    print("  h  shift  published  computed  simulated ± standard error")
    for (h, shift), value in PUBLISHED.items():
        runs = kept.more(
            f"plain {h} {shift}", 10 * alarms, lambda rng, h=h, s=shift: simulated_plain(h, s, rng)
        )
        error = runs.std() / np.sqrt(len(runs))
        computed, simulated = cusum_run_length(0.5, h, shift=shift), f"{runs.mean():.2f} ± {error:.2f}"
        print(f"  {h:.0f}  {shift:.0f}      {value:<9g}  {computed:<8.2f}  {simulated}")


def show_run_lengths(kept: Kept, alarms: int) -> None:
    print(f"false alarms on white noise, {alarms} each: stated, mean ± standard error, ratio")
    for vectors, columns in ((4, 8), (8, 16)):
        for stated in STATED:
            test = DriftTest(vectors, columns, run_length=stated)
            none = np.zeros((vectors, columns))
            runs = kept.more(
                f"white {vectors}x{columns} {stated}",
                alarms,
                lambda rng, t=test, n=none: t.delays(n, n + 1.0, rng=rng, trials=1, warm_up=0)[0],
            )
            print(f"  {vectors} vectors, {columns} columns: {_against(stated, runs)}")


def show_slow_noise(kept: Kept, alarms: int, seed: int) -> None:
    print(f"false alarms on board {seed} with 1/f noise, {alarms} each: stated, mean ± standard error, ratio")
    for wander in (0.0, 3e-4, 1e-3, 3e-3):
        board = Board.with_noise(wander=wander, seed=seed)
        print(f"  cells wander by {100 * wander:g} % a decade; learned: {board.described()}")
        for stated in STATED[:2]:
            runs = kept.more(
                f"slow {seed} {wander} {stated}",
                alarms,
                lambda rng, b=board, s=stated: b.run(rng, run_length=s),
            )
            print(f"    {_against(stated, runs)}")


def show_delays(kept: Kept, trials: int) -> None:
    print("readings from a change to its alarm at a stated run length of 14,400; percentiles 5, 50, 95, mean")
    for noise in (1e-3, 1e-2):
        board = Board.with_noise(wander=3e-4, noise=noise)
        print(f"  read noise {noise:g} of full scale, cells wander by 0.03 % a decade")
        for kind, ramp in (("gain", 1), ("gain", 200), ("relaxation", 1), ("relaxation", 200), ("cell", 1)):
            for drift in DRIFTS:
                key = f"delay {noise} {kind} {ramp} {drift}"
                runs = kept.more(
                    key,
                    trials,
                    lambda rng, b=board, k=kind, r=ramp, d=drift: b.delay(
                        rng, k, d, ramp=r, run_length=14_400
                    ),
                )
                low, middle, high = np.percentile(runs, [5, 50, 95])
                name = f"{kind} {'at once' if ramp == 1 else f'over {ramp} readings'}, {100 * drift:g} %"
                print(f"    {name:36s} {low:6.0f} {middle:6.0f} {high:6.0f} {runs.mean():8.1f}")


def show_diagnosis(kept: Kept, cases: int, vectors: int) -> None:
    print(f"diagnosis from {vectors} known vectors, {cases} cases of each kind: rows true, columns found [%]")
    print(" " * 14 + "".join(f"{kind[:10]:>12s}" for kind in KINDS) + "       where")
    total = 0
    for true in KINDS:
        found = kept.more(
            f"diagnosis {vectors} {true}", cases, lambda rng, t=true: _diagnosed(t, vectors, rng)
        )
        kinds, placed = np.abs(found).astype(int) - 1, found > 0
        total += int((kinds == KINDS.index(true)).sum())
        shares = [100.0 * (kinds == i).mean() for i in range(len(KINDS))]
        right = kinds == KINDS.index(true)
        where = (
            f"{100.0 * placed[right].mean():10.0f}"
            if true in ("column", "row", "cell") and right.any()
            else ""
        )
        print(f"  {true:12s}" + "".join(f"{share:12.1f}" for share in shares) + where)
    print(f"  right: {100.0 * total / (len(KINDS) * cases):.1f} %")


def _diagnosed(true: str, vectors: int, rng: np.random.Generator) -> float:
    """Number of the kind that was found, negative if it was found in the wrong place."""
    case = Board.changed(true, vectors, rng)
    found = case.diagnosis()
    sign = 1 if found.where == case.where else -1
    return sign * (1 + KINDS.index(found.change))


def _against(stated: int, runs: np.ndarray) -> str:
    error = runs.std() / np.sqrt(len(runs))
    return f"{stated:6d}  {runs.mean():9.0f} ± {error:<6.0f} {runs.mean() / stated:.2f}"


def main() -> None:
    parts = ("published", "run-length", "slow-noise", "delay", "diagnosis")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="*", help=", ".join(parts))
    parser.add_argument("--alarms", type=int, default=400, help="false alarms, and trials of a delay")
    parser.add_argument("--cases", type=int, default=100, help="of each kind of change")
    parser.add_argument("--vectors", type=int, default=16, help="known vectors of a diagnosis")
    parser.add_argument("--board", type=int, default=1, help="seed of the board with 1/f noise")
    parser.add_argument("--keep", type=Path, help="file that results are kept in")
    given = parser.parse_args()
    unknown = set(given.part) - set(parts)
    if unknown:
        parser.error(f"got {', '.join(unknown)}; allowed: {', '.join(parts)}")
    kept = Kept.at(given.keep)
    for part in given.part or parts:
        if part == "published":
            show_published(kept, given.alarms)
        elif part == "run-length":
            show_run_lengths(kept, given.alarms)
        elif part == "slow-noise":
            show_slow_noise(kept, given.alarms, given.board)
        elif part == "delay":
            show_delays(kept, given.alarms)
        else:
            show_diagnosis(kept, given.cases, given.vectors)


if __name__ == "__main__":
    main()
