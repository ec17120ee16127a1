"""Simulated board with a matrix programmed and vectors applied: the start of several commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crosscal.commands.files.arrays import read_numbers
from crosscal.core.errors import InputError, ShapeError, wanted

if TYPE_CHECKING:
    from crosscal.firmware_models import BoardFacts
    from crosscal.simulated_bench import Bench, Snapshot

FILE_SUFFIXES = (".npy", ".csv", ".txt", ".tsv", ".dat", ".npz", ".mat", ".h5")
"""Endings that mean a file even where there is none: a missing file is not taken for kinds of inputs."""


def programmed_bench(
    bench: str, *, matrix: Path | None, seed: int, after_s: float
) -> tuple[Bench, np.ndarray]:
    """Switch a bench on, program it and let time pass; return it with its target [S], (N, M).

    Raises:
        SettingsError, InputError: no such board, or a matrix that does not fit it.
    """
    from crosscal.simulated_bench import Bench, program_bench

    board = Bench.from_toml(bench)
    target_s = target_of(board.facts, matrix=matrix, seed=seed)
    program_bench(board, target_s)
    board.advance_time(after_s)
    return board, target_s


def target_of(facts: BoardFacts, *, matrix: Path | None, seed: int) -> np.ndarray:
    """Read a target from a file, or draw one within the board's limits [S], (N, M).

    Raises:
        InputError: a file without numbers.
    """
    if matrix is not None:
        return read_numbers(matrix)
    limits_s = facts.conductance_min_s, facts.conductance_max_s
    return np.random.default_rng(seed).uniform(*limits_s, (facts.rows, facts.columns))


def bench_snapshot(
    bench: str, *, matrix: Path | None, seed: int, vector: str, after_s: float
) -> tuple[Bench, Snapshot]:
    """Switch a bench on, program it, let time pass and apply vectors; arguments are those of `board_options`.

    Raises:
        SettingsError, InputError: no such board, or a matrix or vectors that do not fit it.
    """
    from crosscal.simulated_bench import take_snapshot

    board, target_s = programmed_bench(bench, matrix=matrix, seed=seed, after_s=after_s)
    return board, take_snapshot(board, target_s, parse_vectors(vector, board.facts, seed))


def tile_snapshot(
    bench: str, tile: tuple[int, int], *, matrix: Path | None, seed: int, vector: str, after_s: float
) -> tuple[Bench, Snapshot]:
    """Make a `bench_snapshot` of a single array of the board: that in a row and column of tiles, from 1.

    Raises:
        SettingsError, InputError: as `bench_snapshot`, or the board has no such tile.
    """
    from crosscal.simulated_bench import take_snapshot

    board, target_s = programmed_bench(bench, matrix=matrix, seed=seed, after_s=after_s)
    tiles = board.settings.tiles
    if tile[0] > tiles.rows or tile[1] > tiles.columns:
        allowed = f"1,1 to {tiles.rows},{tiles.columns} on this board"
        raise InputError(
            wanted(got=f"tile {tile[0]},{tile[1]}", allowed=allowed, remedy="choose one of these")
        )
    rows, columns, part = board.arrays()[(tile[0] - 1) * tiles.columns + tile[1] - 1]
    vectors_v = parse_vectors(vector, board.facts, seed)
    return part, take_snapshot(part, target_s[rows, columns], vectors_v[:, rows])


def parse_vectors(text: str, facts: BoardFacts, seed: int) -> np.ndarray:
    """Make the vectors that `--vector` asks for [V], (B, N).

    Raises:
        InputError: neither a number nor a file nor kinds of inputs.
        ShapeError: not one voltage per row.
        RangeError: a voltage beyond the board's protection after power-on.
    """
    from crosscal.firmware_models.board_settings import power_on_protection_v
    from crosscal.simulated_bench.pictures.snapshot import require_protected

    vectors_v = _vectors(text, facts.rows, seed)
    if vectors_v.ndim != 2 or vectors_v.shape[1] != facts.rows:
        got, allowed = f"vectors of shape {vectors_v.shape}", f"({facts.rows},) or (batch, {facts.rows})"
        raise ShapeError(wanted(got=got, allowed=allowed, remedy="give one voltage per row"))
    require_protected(vectors_v, power_on_protection_v(facts))
    return vectors_v


def _vectors(text: str, rows: int, seed: int) -> np.ndarray:
    from crosscal.training import draw_vectors, parse_inputs

    if Path(text).suffix.lower() in FILE_SUFFIXES or Path(text).is_file():
        return np.atleast_2d(read_numbers(Path(text)))
    try:
        return np.full((1, rows), float(text))
    except ValueError:
        counts = [part.partition(":")[2] for part in text.split(",")]
        count = sum(int(asked) if asked.isdecimal() else 1 for asked in counts)
        return draw_vectors(parse_inputs(text, count), rows, np.random.default_rng([seed, 1]))
