"""Time of programming, reads, recalibration and the simulated array, beside another commit in one run.

    python benchmarks/beside_commit.py HEAD~1               # a commit, checked out in a temporary folder
    python benchmarks/beside_commit.py ../older --rounds 9  # a checkout that stands somewhere

Both take turns in processes of their own, so that a busy machine slows both alike; printed are medians of CPU
time, and their ratio with the least and the largest of all rounds: this checkout's over the other's. Only
names are used that other people's scripts rely on, so that old commits can be asked too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent.parent
ROOMS = ("drivers", "firmware_models", "runtime", "simulated_bench", "training")
KNOWN_VECTORS = 48
BENCH = 'profile = "lab-12x16"\n[drift]\nlaw = "cmo-hfox"\n'
RESOURCE = "GPIB0::9::INSTR"


def measure() -> dict[str, float]:
    """Time everything with the crosscal that is imported here; CPU seconds of one call, medians."""
    import crosscal
    from crosscal.runtime import write_recalibrated
    from crosscal.simulated_bench import Sinh, Wires, solve_dc

    rng = np.random.default_rng(1)
    shipped = Path(crosscal.__file__).parent / "shipped" / "demo.onnx"
    calibrator = crosscal.load_calibrator(shipped)
    conductance_s = rng.uniform(20e-6, 95e-6, (12, 16))
    voltage_v = rng.uniform(0.1, 0.5, (KNOWN_VECTORS, 12))
    current_a = readings(conductance_s, voltage_v)
    programmed = calibrator.program(conductance_s)
    recalibrated = programmed.recalibrated(voltage_v, current_a)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recalibrated.onnx"
        write_recalibrated(path, shipped, recalibrated, facts={})
        remembering = crosscal.load_calibrator(path)
    wires = Wires(row_ohm=2.0, column_ohm=2.0, source_ohm=50.0, sense_ohm=10.0)
    large_s, large_v = rng.uniform(20e-6, 95e-6, (64, 64)), rng.uniform(0.1, 0.5, (16, 64))
    one_a, out_a = current_a[0].copy(), np.empty(16)
    return {
        "program": median(lambda: calibrator.program(conductance_s), 1, 15),
        "program, recalibrated file": median(lambda: remembering.program(conductance_s), 1, 15),
        "read of one vector": median(lambda: programmed(one_a, out=out_a), 200, 25),
        "read of 48 vectors": median(lambda: programmed(current_a), 10, 25),
        "the same with deviations": median(lambda: programmed.with_uncertainty(current_a), 1, 15),
        "recalibration, 48 vectors": median(lambda: programmed.recalibrated(voltage_v, current_a), 1, 7),
        "solve, 64×64, 16 vectors": median(
            lambda: solve_dc(large_s, large_v, wires=wires, device=Sinh()), 1, 15
        ),
    }


def readings(conductance_s: np.ndarray, voltage_v: np.ndarray) -> np.ndarray:
    """Measure on the board that the shipped calibrator is of [A]."""
    import crosscal

    with tempfile.TemporaryDirectory() as folder:
        bench = Path(folder) / "bench.toml"
        bench.write_text(BENCH)
        with crosscal.open_board(RESOURCE, backend=f"{bench}@crosscal") as board:
            board.program(conductance_s)
            return board.measure(voltage_v)


def median(call: Callable[[], object], calls: int, samples: int) -> float:
    """Median CPU time of a call [s], from so many samples of so many calls."""
    call()
    taken_s = []
    for _ in range(samples):
        begin_s = time.process_time()
        for _ in range(calls):
            call()
        taken_s.append((time.process_time() - begin_s) / calls)
    return float(np.median(taken_s))


@contextmanager
def checkout(other: str) -> Iterator[Path]:
    """Find the other checkout, or make one of a commit."""
    if Path(other).is_dir():
        yield Path(other).resolve()
        return
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(HERE), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), other], check=True)
        try:
            for room in ROOMS:  # early commits have no links of their own
                link = tree / "src" / "crosscal" / room
                if not link.exists():
                    link.symlink_to(Path("..", "..", room))
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def measured(tree: Path) -> dict[str, float]:
    """Measure in a process of its own, on one thread."""
    environment = os.environ | {
        "PYTHONPATH": str(tree / "src"),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, __file__, "--measure"]
    done = subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    """Take turns, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", nargs="?", help="commit, or folder of a checkout")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each")
    parser.add_argument("--measure", action="store_true", help="only this checkout, as JSON")
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure()))
        return
    if given.other is None:
        parser.error("give a commit or a folder")
    with checkout(given.other) as tree:
        for each in (tree, HERE):
            measured(each)  # compiles kernels
        rounds = [(measured(tree), measured(HERE)) for _ in range(given.rounds)]
    print(f"{'CPU time [µs]':30}{'other':>10}{'here':>10}   ratio (least to largest of {given.rounds})")
    for name in rounds[0][0]:
        then, now = (np.array([turn[k][name] for turn in rounds]) for k in (0, 1))
        ratios = now / then
        print(
            f"{name:30}{1e6 * np.median(then):10.1f}{1e6 * np.median(now):10.1f}"
            f"   {np.median(now) / np.median(then):.2f} ({ratios.min():.2f} to {ratios.max():.2f})"
        )


if __name__ == "__main__":
    main()
