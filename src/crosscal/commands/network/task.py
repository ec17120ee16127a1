"""Task of an evaluation, from what the command line gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from crosscal.commands.network.board import choose_board, require_lasting_cells
from crosscal.commands.network.chips import ChipTask
from crosscal.core.network.cell_profile import load_cell_profile
from crosscal.simulated_bench import Wires
from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
from crosscal.training.networks.data import fit_shape, read_data
from crosscal.training.networks.mapping.mapped_file import load_mapped


def read_task(mapped: Path, data: Path, given: dict[str, Any]) -> ChipTask:
    """Read a mapped network and its data, and put the chips' settings together.

    Args:
        mapped, data: files.
        given: options by name, as `evaluate` has them.

    Raises:
        CrosscalError: files that cannot be used, or options that do not go together.
    """
    network = load_mapped(mapped)
    cells = network.options.cells if given["cells"] is None else load_cell_profile(given["cells"])
    ohm = given["wires"]
    settings = ChipSettings(
        cells=cells,
        wires=Wires(row_ohm=ohm, column_ohm=ohm, source_ohm=given["driver"]),
        mode=given["mode"],
        age_s=given["age"],
        device=given["device"],
    )
    test = read_data(data, "test")
    known = None
    if given["calibrate"] is not None:
        known = read_data(given["calibrate"], "train", labels=False).x[: given["known"]]
        known = fit_shape(known, network.graph.input_shape)
    count = given["inputs"] or len(test.x)
    board = choose_board(network, given.get("board"), given.get("backend"), given.get("board_layers"))
    if board is not None:
        require_lasting_cells(network, board, None if known is None else given["calibration"])
    return ChipTask(
        network=network,
        settings=settings,
        seed=given["seed"],
        x=fit_shape(test.x[:count], network.graph.input_shape),
        y=test.y[:count],
        known=known,
        calibration=given["calibration"],
        vectors=given["vectors"],
        board=board,
    )


def settings_in_words(task: ChipTask, given: dict[str, Any]) -> dict[str, Any]:
    """State everything that a report of the task needs, in plain values."""
    return {
        "mode": given["mode"],
        "wires_ohm": given["wires"],
        "driver_ohm": given["driver"],
        "age_s": given["age"],
        "seed": given["seed"],
        "calibration": "none" if task.known is None else _calibration(task, len(task.known)),
        "cells": msgspec.to_builtins(task.settings.cells),
        **({} if task.board is None else {"board": msgspec.to_builtins(task.board)}),
    }


def _calibration(task: ChipTask, known: int) -> str:
    if task.calibration == "columns":
        return f"gain and offset, {known} known inputs"
    return f"{task.calibration}, {task.vectors} vectors for each row of tiles, {known} known inputs"
