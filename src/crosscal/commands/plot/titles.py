"""Titles of pictures of a board with one vector applied."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crosscal.commands.benches.programmed_bench import bench_snapshot
from crosscal.core.errors import InputError, wanted

if TYPE_CHECKING:
    from crosscal.simulated_bench import Bench, Snapshot


def one_vector_snapshot(bench: str, board_arguments: dict[str, Any]) -> tuple[Bench, Snapshot]:
    board, snapshot = bench_snapshot(bench, **board_arguments)
    require_one_vector(len(snapshot.voltage_v))
    return board, snapshot


def require_one_vector(vectors: int) -> None:
    if vectors != 1:
        remedy = "give one vector; `plot page` shows several"
        raise InputError(wanted(got=f"{vectors} vectors", allowed="one", remedy=remedy))


def array_title(bench: str, board: Bench, snapshot: Snapshot) -> str:
    wires = snapshot.wires
    return (
        f"{Path(bench).stem}, {board.facts.rows}×{board.facts.columns}, wires {wires.row_ohm:g} Ω by row, "
        f"{wires.column_ohm:g} Ω by column, {describe_volts(snapshot.voltage_v[0])}, "
        f"{board.temperature_c():g} °C"
    )


def describe_volts(vector_v: np.ndarray) -> str:
    same = np.ptp(vector_v) == 0
    return f"{vector_v[0]:.3g} V on all rows" if same else f"{vector_v.min():.3g} to {vector_v.max():.3g} V"
