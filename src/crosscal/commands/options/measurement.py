"""Options of programming and driving: ranges, draws, kinds of inputs, given matrices and vectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np

from crosscal.commands.files.arrays import read_numbers
from crosscal.commands.options.quantity_range import QuantityRange
from crosscal.core.errors import InputError, wanted
from crosscal.core.signed_pairs import signed_pairs
from crosscal.training import CollectionPlan

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_VECTORS = 120
"""Vectors for each matrix: 100 known ones for the widest plain fit of `evaluate`, and 20 to score."""


def measurement_options(command: F) -> F:
    """Add the options of what is programmed, driven and read back to a command."""
    for option in reversed(
        (
            click.option(
                "--conductance",
                type=QuantityRange("S", least=0.0),
                metavar="LOW:HIGH",
                help="Conductances to program, such as 2uS:20uS.  [default: the board's limits]",
            ),
            click.option(
                "--draw",
                default="uniform",
                show_default=True,
                help="uniform, log-uniform, levels:1uS,100uS, off:0.9 (that fraction at LOW) or off:0.9@0S.",
            ),
            click.option(
                "--voltage",
                type=QuantityRange("V"),
                metavar="LOW:HIGH",
                help="Window of inputs, such as -0.2V:0.2V.  [default: 0 V to the board's protection]",
            ),
            click.option(
                "--inputs",
                default="random",
                show_default=True,
                help="random, binary, ternary, one-hot, sine, dc or fir; with counts: random:100,dc:20.",
            ),
            click.option(
                "--matrices-from",
                type=click.Path(path_type=Path),
                metavar="FILE",
                help="Matrices to program instead of drawn ones: .npy of (N, M) or (K, N, M), in siemens.",
            ),
            click.option(
                "--weights",
                type=click.Path(path_type=Path),
                metavar="FILE",
                help="Signed weights to program as differential pairs of columns, (N, M) or (K, N, M) for a "
                "board of N×2M, mapped to --conductance.",
            ),
            click.option(
                "--vectors-from",
                type=click.Path(path_type=Path),
                metavar="FILE",
                help="Inputs to measure instead of drawn ones: .npy of (N,) or (V, N), in volts.",
            ),
            click.option(
                "--no-read-back",
                "read_back",
                flag_value=False,
                type=bool,
                default=True,
                help="Do not read the cells back after programming, where the board can.",
            ),
            click.option(
                "--repeats",
                type=click.IntRange(0),
                default=0,
                show_default=True,
                help="Readings of one vector on the first matrix: they tell how far averaging helps; 512 "
                "are enough.",
            ),
            click.option(
                "--repeats-after",
                "repeats_after_s",
                type=click.FloatRange(0.0),
                default=0.0,
                show_default=True,
                help="Seconds that this matrix stands before them.",
            ),
        )
    ):
        command = option(command)
    return command


def plan_of(
    *,
    matrices: int,
    vectors: int | None,
    seed: int,
    conductance: tuple[float, float] | None,
    draw: str,
    voltage: tuple[float, float] | None,
    inputs: str,
    matrices_from: Path | None,
    weights: Path | None,
    vectors_from: Path | None,
    read_back: bool = True,
    repeats: int = 0,
    repeats_after_s: float = 0.0,
) -> CollectionPlan:
    """Make the plan of a collection from the options of `measurement_options`.

    Args:
        matrices: number of matrices.
        vectors: vectors for each; as many as `--vectors-from` holds, or `DEFAULT_VECTORS`, if None.
        seed: draws matrices and vectors.
        conductance, draw, voltage, inputs, matrices_from, weights, vectors_from, read_back, repeats,
            repeats_after_s: as given.

    Raises:
        InputError: options that exclude each other, or a file without such numbers.
    """
    for given, name, others in (
        (
            matrices_from,
            "--matrices-from",
            {"--conductance": conductance, "--draw": draw != "uniform", "--weights": weights},
        ),
        (weights, "--weights", {"--draw": draw != "uniform"}),
        (vectors_from, "--vectors-from", {"--voltage": voltage, "--inputs": inputs != "random"}),
    ):
        for other, value in others.items():
            if given is not None and value:
                raise InputError(
                    wanted(got=f"{name} with {other}", allowed="one of them", remedy="leave one of them out")
                )
    given_s = None if matrices_from is None else _of_rank(read_numbers(matrices_from), 3, matrices_from)
    if weights is not None:
        given_s = _pairs(weights, conductance)
    given_v = None if vectors_from is None else _of_rank(read_numbers(vectors_from), 2, vectors_from)
    if vectors is None:
        vectors = DEFAULT_VECTORS if given_v is None else len(given_v)
    return CollectionPlan(
        matrices=matrices,
        vectors=vectors,
        inputs=inputs,
        seed=seed,
        conductance_range_s=conductance,
        voltage_range_v=voltage,
        draw=draw,
        matrices_s=given_s,
        vectors_v=given_v,
        read_back=read_back,
        repeats=repeats,
        repeats_after_s=repeats_after_s,
    )


def plan_text(plan: CollectionPlan) -> str:
    """Say in one line what a resolved plan programs and drives."""
    low_s, high_s = plan.conductance_range_s or (np.nan, np.nan)
    low_v, high_v = plan.voltage_range_v or (np.nan, np.nan)
    matrices = "given matrices" if plan.matrices_s is not None else plan.draw
    vectors = "given vectors" if plan.vectors_v is not None else plan.inputs
    return (
        f"conductances {1e6 * low_s:.4g} to {1e6 * high_s:.4g} µS ({matrices}), "
        f"inputs {low_v:.4g} to {high_v:.4g} V ({vectors})"
    )


def _pairs(path: Path, range_s: tuple[float, float] | None) -> np.ndarray:
    """Map signed weights to pairs of columns [S], (K, N, 2M)."""
    if range_s is None:
        raise InputError(
            wanted(
                got="--weights without --conductance",
                allowed="the range of conductances that the weights are mapped to",
                remedy="give --conductance LOW:HIGH, within the board's limits",
            )
        )
    stack = _of_rank(read_numbers(path), 3, path)
    return np.stack([signed_pairs(matrix, range_s).conductance_s for matrix in stack])


def _of_rank(numbers: np.ndarray, rank: int, path: Path) -> np.ndarray:
    if numbers.ndim not in (rank - 1, rank):
        raise InputError(
            wanted(
                got=f"{path}, numbers of shape {numbers.shape}",
                allowed="(N, M) or (K, N, M) siemens" if rank == 3 else "(N,) or (V, N) volts",
                remedy="save the array in this shape",
            )
        )
    return numbers.reshape((-1, *numbers.shape[1 - rank :]))
