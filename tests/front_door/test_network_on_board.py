"""Layers of a network on a board: a simulated one over VISA, tile by tile, as good as the simulated chip."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.commands import call

from crosscal.commands.network.board import choose_board, require_lasting_cells
from crosscal.core.errors import InputError, RangeError
from crosscal.front_door import open_board
from crosscal.training.networks.mapping.mapped_file import load_mapped
from crosscal.training.networks.mapping.mapped_network import MappedLayer

CELLS = """
levels_s = [16.6e-6, 44.4e-6, 72.2e-6, 100e-6]
read_v = 0.1
"""
BOARD = ("--board", "TCPIP0::localhost::inst0::INSTR", "--backend")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of two products, mapped to tiles of half the board's size, and a board of 16x16."""
    from crosscal.training.networks.graph.torch_module import module_to_onnx

    folder = tmp_path_factory.mktemp("board")
    torch.manual_seed(2)
    network = torch.nn.Sequential(torch.nn.Linear(12, 20), torch.nn.ReLU(), torch.nn.Linear(20, 3))
    (folder / "net.onnx").write_bytes(module_to_onnx(network.eval(), (12,)))
    x = np.random.default_rng(1).random((60, 12)).astype(np.float32)
    y = network(torch.from_numpy(x)).argmax(dim=1).numpy()
    np.savez(folder / "data.npz", x_train=x[:30], x_test=x[30:], y_test=y[30:])
    (folder / "cells.toml").write_text(CELLS, encoding="utf-8")
    (folder / "bench.toml").write_text(
        'profile = "memsys2025"\n[array]\nrows = 16\ncolumns = 16\n[noise]\nread_relative = 0.0\n'
        "[wires]\nrow_ohm = 0.0\ncolumn_ohm = 0.0\nsource_ohm = 0.0\nsense_ohm = 0.0\n"
        '[device]\nlaw = "ohmic"\n',
        encoding="utf-8",
    )
    call(
        *(
            "network",
            "map",
            folder / "net.onnx",
            "-o",
            folder / "net.mapped",
            "--cells",
            folder / "cells.toml",
        ),
        *("--tile", "8x16", "--representation", "offset", "--no-read-back", "--adc-bits", "none"),
        *("--ranges-from", folder / "data.npz"),
    )
    return folder


def report(files: Path, name: str, *options: object) -> dict:
    data = ("--data", files / "data.npz", "--report", files / name, "--chips", 1)
    shown = call("network", "evaluate", files / "net.mapped", *data, *options)
    document = json.loads((files / name / "report.json").read_text(encoding="utf-8"))
    return {**document, "shown": " ".join(shown.split())}


def test_an_ideal_board_gives_the_sums_of_an_ideal_chip(files: Path) -> None:
    chip = report(files, "chip")
    backend = f"{files / 'bench.toml'}@crosscal"
    board = report(files, "board", *BOARD, backend, "--board-layers", "/0/Gemm,/2/Gemm", "--wires", 5)
    assert "--wires, --driver and --age are those of the simulated layers" in board["shown"]
    assert board["settings"]["board"]["names"] == ["/0/Gemm", "/2/Gemm"]
    assert board["accuracy"] == chip["accuracy"] > 0.9
    for mine, other in zip(board["layers"], chip["layers"], strict=True):
        # The board's converters round, too.
        assert mine["output_error"] == pytest.approx(other["output_error"], rel=0.05, abs=2e-4)


def test_a_calibrated_layer_on_a_board_with_wires_is_closer(files: Path) -> None:
    errors = {}
    for name, more in (
        ("raw", []),
        ("calibrated", ["--calibrate", files / "data.npz", "--calibration", "structured"]),
    ):
        found = report(files, name, *BOARD, "memsys2025@crosscal", *more)
        errors[name] = found["layers"][-1]["output_error"]
    assert errors["calibrated"] < 0.2 * errors["raw"]


def test_the_matrix_found_on_the_board_is_put_back(files: Path) -> None:
    from crosscal.core.network.cell_profile import load_cell_profile
    from crosscal.core.port import target_restored
    from crosscal.training.networks.running.board_tiles import BoardArray

    with open_board("TCPIP0::localhost::inst0::INSTR", backend=f"{files / 'bench.toml'}@crosscal") as board:
        before_s = np.full((16, 16), 50e-6)
        board.program(before_s)
        with target_restored(board):
            array = BoardArray(board, load_cell_profile(str(files / "cells.toml")))
            codes = np.random.default_rng(0).integers(0, 4, (5, 2, 4, 1))
            sums = array.sums(codes, np.eye(5), 1)
            levels = np.array([16.6, 44.4, 72.2, 100.0]) / 27.8
            assert np.abs(sums - levels[codes[..., 0]].transpose(0, 2, 1)).max() < 0.01
        assert np.allclose(board.target_s, before_s)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (["--board-layers", "/9/Gemm"], InputError, "the layer '/9/Gemm'; allowed: /0/Gemm, /2/Gemm"),
        (["--cells", "wan-2022"], RangeError, "levels of 0 to 4e-05 S; allowed: 1.66e-05 to 0.0001 S"),
        (["--mode", "merged"], InputError, "the mode merged for /2/Gemm on a board"),
        (["--device", "meta"], InputError, "another --device than cpu"),
    ],
)
def test_what_a_board_cannot_do_is_one_clear_error(
    files: Path, options: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        report(files, "bad", *BOARD, f"{files / 'bench.toml'}@crosscal", *options)


@pytest.mark.parametrize("calibration", ["recalibrated", "read-back"])
def test_single_cells_are_not_learned_where_tiles_take_turns(files: Path, calibration: str) -> None:
    options = ("--calibrate", files / "data.npz", "--calibration", calibration)
    with pytest.raises(InputError, match=f"the calibration {calibration} with 3 tiles on the board"):
        report(files, "bad", *BOARD, f"{files / 'bench.toml'}@crosscal", *options)


def test_cells_are_not_read_back_where_tiles_take_turns(files: Path) -> None:
    network = load_mapped(files / "net.mapped")
    network = replace(network, options=replace(network.options, read_back=True))
    board = choose_board(network, BOARD[1], None, "/0/Gemm")
    assert board is not None
    with pytest.raises(InputError, match=r"reads cells back with 10 tiles on the board.*--no-read-back"):
        require_lasting_cells(network, board, None)
    whole = replace(network, layers=tuple(_in_one_tile(layer) for layer in network.layers))
    require_lasting_cells(whole, board, "read-back")


def _in_one_tile(layer: MappedLayer) -> MappedLayer:
    codes = tuple(replace(each, tile_rows=512, tile_columns=512) for each in layer.codes)
    return replace(layer, codes=codes)


def test_tiles_larger_than_the_board_are_refused(files: Path) -> None:
    (files / "small.toml").write_text(
        'profile = "memsys2025"\n[array]\nrows = 4\ncolumns = 16\n', encoding="utf-8"
    )
    with pytest.raises(RangeError, match=r"tiles of 8x16 for a board of 4x16.*--tile 4x16"):
        report(files, "bad", *BOARD, f"{files / 'small.toml'}@crosscal")
