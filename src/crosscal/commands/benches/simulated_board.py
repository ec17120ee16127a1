"""Simulated board that commands measure through VISA, like any other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crosscal.commands.terminal.progress import console, progress_bar
from crosscal.core.errors import InputError, wanted
from crosscal.core.run_file import Run
from crosscal.front_door import open_board

if TYPE_CHECKING:
    from crosscal.drivers import Board
    from crosscal.simulated_bench import Bench
    from crosscal.simulated_bench.variability.remaining_noise import Succession

RESOURCE = "TCPIP0::localhost::inst0::INSTR"
"""One of the names that every simulated board answers to."""

REFERENCE_VECTORS = 8
"""Inputs that the reference of a matrix is averaged over; it hardly depends on them."""

REFERENCE_METHOD = 2
"""Number of the way to compute the reference, raised when its values change, so that kept ones are found
again. 2: slow noise counts by what the run's other readings leave unknown of it, and no longer by its
variance of all time."""


def open_simulated_board(bench: str | Path) -> Board:
    """Open the board that a bench.toml or a profile describes."""
    return open_board(RESOURCE, backend=f"{bench}@crosscal")


def simulated_bench(backend: str | None) -> str | None:
    """Name the bench that a PyVISA backend simulates in this process; None for any other backend."""
    name, _, library = (backend or "").rpartition("@")
    if library != "crosscal":
        return None
    # Imported here: a machine beside a physical board need not have the simulated one installed.
    from crosscal.simulated_bench.instrument.visa_backend import DEFAULT_BENCH

    return name or DEFAULT_BENCH


def linear_gaussian_reference(truth: str, run: Run) -> np.ndarray:
    """Compute the linear-Gaussian reference of each matrix of a run on a simulated board, (K,).

    The prior has the standard deviation of the run's inputs, those of the first kind if there are several.
    The board is taken as it was at the end of each matrix's readings: its temperature, and the ages of its
    cells, on which their own noise depends; slow noise counts by what the run's other readings leave unknown
    of it. A run that does not tell them (before format version 3) is taken
    as freshly written, which is said if it matters.

    Args:
        truth: bench.toml or profile.
        run: measured on it.

    Raises:
        InputError: the run holds no true conductances, or is of another size than the bench.
    """
    from crosscal.simulated_bench.variability.read_noise import NoFlicker

    bench = bench_of_run(truth, run)
    assert run.true_conductance_s is not None
    if run.cell_age_s is None and not isinstance(bench.settings.flicker, NoFlicker):
        console.print(
            "[yellow]this run does not tell how old its cells were: the reference assumes that they were "
            "written just before, without 1/f noise",
            soft_wrap=True,
        )
    sigma_v = input_deviation_v(run)
    with progress_bar() as bar:
        task = bar.add_task("linear-Gaussian reference", total=len(run.target_s), note="")
        references = []
        for k in range(len(run.target_s)):
            recall_matrix(bench, run, k)
            references.append(
                bench.linear_gaussian_reference(
                    run.target_s[k],
                    run.true_conductance_s[k],
                    run.voltage_v[k, :REFERENCE_VECTORS],
                    float(run.range_a[k]),
                    **reading_settings(run),
                    prior_sigma_v=sigma_v,
                    among=succession(run, k),
                )
            )
            bar.advance(task)
    return np.array(references)


def bench_of_run(truth: str, run: Run) -> Bench:
    """Build the bench that a run was measured on.

    Args:
        truth: bench.toml or profile.
        run: measured on it.

    Raises:
        InputError: the run holds no true conductances, or is of another size than the bench.
    """
    from crosscal.simulated_bench import Bench

    if run.true_conductance_s is None:
        raise InputError(
            wanted(
                got="a run without true conductances",
                allowed="a run measured on a simulated board",
                remedy="leave --truth out",
            )
        )
    bench = Bench.from_toml(truth)
    simulated, measured = (bench.facts.rows, bench.facts.columns), run.target_s.shape[1:]
    if simulated != measured:
        raise InputError(
            wanted(
                got=f"the bench {truth} of {simulated[0]}×{simulated[1]}",
                allowed=f"the bench that the run was measured on, {measured[0]}×{measured[1]}",
                remedy="give its bench.toml or profile, or leave --truth out",
            )
        )
    return bench


def input_deviation_v(run: Run) -> float:
    """Return the standard deviation of a run's inputs [V], those of the first kind if there are several."""
    from crosscal.training import parse_inputs

    first = parse_inputs(run.plan.inputs, run.plan.vectors)[0]
    return float(np.sqrt(run.voltage_v[:, : first.count].var(axis=(0, 1)).mean()))


def reading_settings(run: Run) -> dict[str, Any]:
    """Return the aperture and averages of a run, as arguments of `Bench.sensed`."""
    return {
        "aperture_s": float(run.settings["SENS:CURR:APER"]),
        "averages": int(run.settings["SENS:AVER:COUN"]),
    }


def succession(run: Run, k: int) -> Succession:
    """Return the readings of matrix `k` as they followed each other."""
    from crosscal.simulated_bench.variability.remaining_noise import Succession

    reading = reading_settings(run)
    # A board without sequences has no dwell; what passes beyond the window only makes noise newer.
    dwell_s = float(run.settings.get("SOUR:SEQ:DWEL", 0.0))
    return Succession.of(run.voltage_v[k], dwell_s + reading["aperture_s"] * reading["averages"])


def recall_matrix(bench: Bench, run: Run, k: int) -> None:
    """Put a bench in the state of matrix `k` while it was read, as far as the run tells it."""
    told_c = float(run.temperature_c[k])
    temperature_c = told_c if np.isfinite(told_c) else bench.settings.temperature_c
    written_s = run.true_conductance_s if run.written_s is None else run.written_s
    age_s = np.zeros_like(run.target_s) if run.cell_age_s is None else run.cell_age_s
    if written_s is not None:
        bench.recall(written_s[k], age_s[k], temperature_c)
