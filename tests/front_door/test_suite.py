"""`crosscal evaluate --suite`: everything side by side on boards that differ, resumable, and nothing lost."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest
from command_process import crosscal_process

from crosscal.commands.benches.data_sheet import data_sheet_estimates
from crosscal.commands.evaluate import command
from crosscal.commands.jobs.simulated_collection import collect_simulated
from crosscal.commands.suite import folder as folder_module
from crosscal.commands.suite import run as run_module
from crosscal.commands.suite import steps as suite_module
from crosscal.commands.suite.boards import load_suite
from crosscal.commands.suite.folder import BoardFolder
from crosscal.commands.suite.request import BASELINES, DATA_SHEET, SuiteRequest
from crosscal.core.errors import InputError, SettingsError, SolverError, TrainingError
from crosscal.core.run_file import read_run
from crosscal.runtime import Calibrator
from crosscal.simulated_bench import Bench, Hopping, Ohmic, Saturating, Sinh, solve_currents
from crosscal.training import CollectionPlan, evaluate, read_scores

TABLE = """
[full]
training_matrices = 9
training_vectors = 20
test_matrices = 3
test_vectors = 70
[quick]
training_matrices = 6
training_vectors = 12
test_matrices = 2
test_vectors = 64

[reference]
array = { rows = 3, columns = 5, inputs_v = [0.1, 0.5] }
wires = { row_ohm = 2.0, column_ohm = 3.0 }
device = { law = "hopping" }
noise = { read_relative = 1e-3, full_scale_a = 1e-4 }
programming = { residual_error = 0.0 }
front_end = { profile = "ideal" }

[[board]]
name = "wide"

[[board]]
name = "wide-quiet"
noise = { read_relative = 1e-4 }

[[board]]
name = "tall"
array = { rows = 6, columns = 4 }
device = { law = "ohmic" }
front_end = { profile = "lab" }
"""

LAWS = {"ohmic": Ohmic(), "sinh": Sinh(), "hopping": Hopping(), "saturating": Saturating()}


def written(folder: Path, text: str = TABLE) -> Path:
    path = folder / "boards.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Boards that nothing was measured of yet."""
    return written(tmp_path)


def run_suite(table: Path, *arguments: str, folder: str = "suite") -> Path:
    """Run the command in this process and return its folder."""
    output = table.parent / folder
    given = ["--suite", "--table", str(table), "-o", str(output), "--calibrators", "affine", *arguments]
    command.main(given, standalone_mode=False)
    return output


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of two boards from the command line, beside its table and what it said; never changed."""
    folder = tmp_path_factory.mktemp("boards")
    table = written(folder)
    ended = crosscal_process(
        *("evaluate", "--suite", "--table", table.name, "--quick"),
        *("--boards", "wide*", "--calibrators", "affine"),
        cwd=folder,
    )
    assert ended.returncode == 0, ended.stderr
    (folder / "stdout.txt").write_text(ended.stdout, encoding="utf-8")
    (folder / "stderr.txt").write_text(ended.stderr, encoding="utf-8")
    return folder / "suite"


def test_plans_leave_ranges_to_the_boards_and_those_that_come_along_have_the_papers_inputs() -> None:
    table = load_suite()
    request = SuiteRequest(size=table.quick, calibrators=("affine",), seed=1, retry=False)
    for plan in (request.training_plan, request.test_plan):
        assert plan.conductance_range_s is None
        assert plan.voltage_range_v is None
    assert all(board.bench["array"]["inputs_v"] == [0.1, 0.5] for board in table.boards)


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take longer than all else on boards as small as these."""
    monkeypatch.setattr(run_module, "draw_suite", lambda *_: [])
    monkeypatch.setattr(run_module, "draw_array_errors", lambda *_: None)


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time of writing and content of every file of the boards, but pictures and the time that steps took."""
    files = [path for path in folder.glob("*/*") if path.suffix not in (".png", ".seconds")]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files if path.is_file()}


def test_all_methods_stand_side_by_side_with_the_linear_gaussian_reference(finished: Path) -> None:
    boards = json.loads((finished / "suite.json").read_text())["boards"]
    assert [board["board"] for board in boards] == ["wide", "wide-quiet"]
    for board in boards:
        found = {(score["method"], score["known_vectors"]): score["score"] for score in board["scores"]}
        assert {("nothing", 0), ("affine", 8), ("affine", 32), ("ridge", 32), ("affine", 0)} <= set(found)
        assert not board["failures"]
        assert 0.0 < board["reference_nmse"] < found["ridge", 32]["nmse"] < found["nothing", 0]["nmse"]
        for score in found.values():
            assert score["reference_ratio"] == pytest.approx(score["nmse"] / board["reference_nmse"])
            assert score["reference_ratio_geometric"] > 0
            assert score["reference_ratio_low"] is None, "two matrices tell no interval"
        # The circuit is that of the data sheet: who inverts it leaves little more than the reference.
        assert found["data-sheet estimate", 0]["nmse"] < 2.0 * board["reference_nmse"]
        assert found["data-sheet estimate", 0]["nmse"] <= 1.1 * found["data-sheet inverse", 0]["nmse"]
    # More columns than rows: a tenth of the noise leaves about a hundredth of the error.
    assert boards[1]["reference_nmse"] == pytest.approx(boards[0]["reference_nmse"] / 100, rel=0.1)


def test_the_scores_are_those_that_evaluate_gives_for_the_same_files(finished: Path) -> None:
    folder = finished / "wide"
    run, references = read_run(folder / "test.h5"), np.load(folder / "reference.npy")
    expected = (
        evaluate(Calibrator.load(folder / "affine.onnx"), run, reference_nmse=references).kinds[0].scores
    )
    scores = (*read_scores(folder / "baselines.json"), *read_scores(folder / "affine.json"))
    found = {(score.method, score.known_vectors): score.score for score in scores}
    assert found["nothing", 0] == expected["nothing"]
    assert found["affine", 8] == expected["affine K=8"]
    assert found["affine", 32] == expected["affine K=32"]
    assert found["affine", 0] == expected["calibrator"]


def test_tables_and_pictures_are_written(finished: Path) -> None:
    rows = list(csv.DictReader((finished / "suite.csv").read_text().splitlines()))
    assert {row["board"] for row in rows} == {"wide", "wide-quiet"}
    assert {row["law"] for row in rows} == {"hopping"}
    assert all(float(row["nmse"]) > 0 for row in rows)
    lines = (finished / "suite.md").read_text().splitlines()
    # NMSE, times the reference, its interval, and what methods make of the same known vectors.
    assert sum(line.startswith("| wide-quiet | 3×5 |") for line in lines) == 4
    said = (finished.parent / "stderr.txt").read_text()
    assert re.search(r"2 boards took [0-9.]+ minutes of a processor", said)
    assert float((finished / "wide" / "measuring.seconds").read_text()) > 0
    pictures = ["reference_ratio", "error_against_noise", "error_against_known_vectors", "pareto"]
    for path in (
        *(finished / f"{name}.png" for name in pictures),
        finished / "wide" / "error_over_array.png",
    ):
        assert path.read_bytes().startswith(b"\x89PNG"), path


def test_a_data_sheet_that_solves_nothing_costs_its_own_scores_alone(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shutil.copytree(finished / "wide", tmp_path / "wide")
    for step in (BASELINES, DATA_SHEET):
        (path / f"{step}.json").unlink()
    size = load_suite(finished.parent / "boards.toml").quick
    request = SuiteRequest(size=size, calibrators=("affine",), seed=1, retry=False)
    plans = read_run(path / "training.h5").plan, request.training_plan
    assert plans[0].seed == plans[1].seed, "it would be measured again"

    def unsolved(*_: object) -> None:
        raise SolverError("the circuit has no solution")

    monkeypatch.setattr(suite_module, "data_sheet_estimates", unsolved)
    folder = BoardFolder(path=path, retry=False)
    for step in request.steps:
        suite_module.run_step(folder, request, step)
    assert list(folder.failures(request.steps)) == [DATA_SHEET]
    found = {score.method for score in read_scores(path / f"{BASELINES}.json")}
    assert found == {"nothing", "affine", "ridge"}


def test_a_data_sheet_leaves_vectors_without_a_reading_out(finished: Path) -> None:
    run = read_run(finished / "wide" / "test.h5")
    whole = data_sheet_estimates(finished / "wide" / "bench.toml", run)
    current_a = run.current_a.copy()
    current_a[1, 5, 2] = np.nan
    spoilt = data_sheet_estimates(finished / "wide" / "bench.toml", replace(run, current_a=current_a))
    for method, estimate_a in spoilt.items():
        assert np.isnan(estimate_a[1, 5]).all()
        kept = np.ones(run.current_a.shape[:2], dtype=bool)
        kept[1, 5] = False
        np.testing.assert_allclose(estimate_a[kept], whole[method][kept], rtol=1e-6)


def test_a_data_sheet_knows_the_tiles_of_a_board(tmp_path: Path) -> None:
    bench = tmp_path / "bench.toml"
    bench.write_text(
        'profile = "memsys2025"\n[array]\nrows = 4\ncolumns = 6\n[tiles]\nrows = 2\ncolumns = 2\n'
        '[device]\nlaw = "ohmic"\n[noise]\nread_relative = 1e-6\n[wires]\nrow_ohm = 100.0\n'
    )
    collect_simulated(
        bench,
        tmp_path / "run.h5",
        CollectionPlan(matrices=1, vectors=9, seed=1),
        resume=False,
        label="measuring",
    )
    run = read_run(tmp_path / "run.h5")
    ideal_a = run.voltage_v @ run.target_s
    for estimate_a in data_sheet_estimates(bench, run).values():
        assert np.std(estimate_a - ideal_a) < 1e-3 * np.std(ideal_a)


@pytest.mark.usefixtures("without_pictures")
def test_the_second_time_nothing_is_measured_trained_or_scored_again(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, report = contents(finished), (finished / "suite.json").read_bytes()

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a finished step was done again")

    for name in (
        "collect_simulated",
        "train_and_export",
        "linear_gaussian_reference",
        "load_calibrator",
    ):
        monkeypatch.setattr(suite_module, name, forbidden)
    run_suite(finished.parent / "boards.toml", "--quick", "--boards", "wide*")
    assert contents(finished) == before
    assert (finished / "suite.json").read_bytes() == report


def test_scores_of_an_earlier_method_are_deleted_and_that_is_said(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = shutil.copytree(finished / "wide", tmp_path / "wide")
    folder = BoardFolder(path=path, retry=False)
    settings, before = folder.bench.read_text(), {file.name for file in path.iterdir()}
    measured = {"bench.toml", "training.h5", "test.h5", "affine.onnx", "methods.json", "measuring.seconds"}

    def left() -> set[str]:
        folder.prepare(settings)
        return {file.name for file in path.iterdir() if file.suffix != ".png"}

    assert left() == before - {"error_over_array.png"}
    assert not caplog.messages
    monkeypatch.setitem(folder_module.METHODS, DATA_SHEET, 99)
    assert before - left() == {f"{DATA_SHEET}.{kind}" for kind in ("json", "npz", "seconds")} | {
        "error_over_array.png"
    }
    assert caplog.messages == ["wide: found again by another method: data-sheet"]
    monkeypatch.setitem(folder_module.METHODS, "score", 99)
    assert left() == measured | {"reference.npy"}
    monkeypatch.setitem(folder_module.METHODS, "reference", 99)
    assert left() == measured
    # A folder from before methods had numbers.
    (path / "methods.json").unlink()
    (path / "affine.json").write_text("[]")
    assert left() == measured
    assert caplog.messages[-1] == "wide: found again by another method: affine"


@pytest.mark.usefixtures("without_pictures")
def test_a_suite_goes_on_where_it_was_cut_off(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collect, opened = suite_module.collect_simulated, []

    def cut_off(bench: Path, path: Path, plan: object, **keys: object) -> object:
        opened.append(path.parent.name + "/" + path.stem)
        if opened[-1] == "wide-quiet/test":
            raise KeyboardInterrupt
        return collect(bench, path, plan, **keys)

    monkeypatch.setattr(suite_module, "collect_simulated", cut_off)
    with pytest.raises((KeyboardInterrupt, click.Abort)):
        run_suite(table, "--quick", "--boards", "wide*")
    folder = table.parent / "suite"
    boards = json.loads((folder / "suite.json").read_text())["boards"]
    assert [board["board"] for board in boards] == ["wide"], "the finished board was lost"
    monkeypatch.setattr(suite_module, "collect_simulated", collect)
    kept = contents(folder)
    run_suite(table, "--quick", "--boards", "wide*")
    assert {name: contents(folder)[name] for name in kept} == kept
    whole = json.loads((folder / "suite.json").read_text())["boards"]
    assert whole[0] == boards[0]
    assert [board["board"] for board in whole] == ["wide", "wide-quiet"]
    assert {score["method"] for score in whole[1]["scores"]} == {s["method"] for s in boards[0]["scores"]}


@pytest.mark.usefixtures("without_pictures")
def test_a_calibrator_that_fails_on_a_board_is_recorded_and_the_suite_goes_on(
    table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train, asked = suite_module.train_and_export, []

    def fails_on_tall(plan: object, data: object, path: Path, **keys: object) -> object:
        asked.append(path.parent.name)
        if path.parent.name == "tall":
            raise TrainingError("got nothing to learn from")
        return train(plan, data, path, **keys)

    monkeypatch.setattr(suite_module, "train_and_export", fails_on_tall)
    folder = run_suite(table, "--quick", "--boards", "tall,wide")
    boards = {board["board"]: board for board in json.loads((folder / "suite.json").read_text())["boards"]}
    assert boards["tall"]["failures"] == {"affine": "TrainingError: got nothing to learn from"}
    assert {score["method"] for score in boards["tall"]["scores"]} == {
        "nothing",
        "affine",
        "ridge",
        "data-sheet inverse",
        "data-sheet estimate",
    }
    assert not boards["wide"]["failures"]
    shown = capsys.readouterr()
    assert "failed" in shown.out
    assert "nothing to learn from" in (folder / "suite.md").read_text()

    run_suite(table, "--quick", "--boards", "tall,wide")
    assert sorted(asked) == ["tall", "wide"], "a failure stands until it is asked for again"
    monkeypatch.setattr(suite_module, "train_and_export", train)
    run_suite(table, "--quick", "--boards", "tall", "--retry")
    (board,) = json.loads((folder / "suite.json").read_text())["boards"]
    assert board["failures"] == {}
    assert any(score["method"] == "affine" and score["known_vectors"] == 0 for score in board["scores"])


@pytest.mark.usefixtures("without_pictures")
def test_calibrators_are_trained_and_scored_again_on_request_and_nothing_is_measured_again(
    table: Path,
) -> None:
    folder = run_suite(table, "--quick", "--boards", "wide*")
    before = contents(folder)
    run_suite(table, "--quick", "--boards", "wide", "--again")
    after = contents(folder)
    assert set(after) == set(before)
    written_again = {Path(path).relative_to(folder) for path in before if after[path] != before[path]}
    names = (
        "affine.onnx",
        "affine.json",
        "affine.npz",
        "affine-recalibrated.json",
        "affine-recalibrated.npz",
    )
    assert written_again == {Path("wide") / name for name in names}


@pytest.mark.usefixtures("without_pictures")
def test_a_board_that_cannot_be_measured_is_recorded_and_the_suite_goes_on(tmp_path: Path) -> None:
    text = TABLE.replace('front_end = { profile = "lab" }', 'front_end = { profile = "no-such" }')
    folder = run_suite(written(tmp_path, text), "--quick", "--boards", "tall,wide-quiet")
    boards = {board["board"]: board for board in json.loads((folder / "suite.json").read_text())["boards"]}
    assert "no-such" in boards["tall"]["failures"]["measuring"]
    assert boards["tall"]["scores"] == []
    assert boards["wide-quiet"]["scores"]


@pytest.mark.parametrize("changed", [("--boards", "wide", "--seed", "5", "--quick"), ("--boards", "wide")])
def test_a_folder_of_another_suite_is_refused_and_left_as_it_was(
    finished: Path, changed: tuple[str, ...]
) -> None:
    before = contents(finished)
    with pytest.raises(InputError, match="another folder"):
        run_suite(finished.parent / "boards.toml", *changed)
    assert contents(finished) == before


def test_a_board_that_has_changed_is_refused(finished: Path, tmp_path: Path) -> None:
    before = contents(finished)
    table = written(tmp_path, TABLE.replace("row_ohm = 2.0", "row_ohm = 4.0"))
    with pytest.raises(InputError, match="another board"):
        run_suite(table, "--quick", "--boards", "wide", folder=str(finished))
    assert contents(finished) == before


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (["--suite", "b.onnx", "run.h5"], click.UsageError, "CALIBRATOR does not go with --suite"),
        (["--suite", "--truth", "memsys2025"], click.UsageError, "--truth does not go with --suite"),
        (["b.onnx", "run.h5", "--quick"], click.UsageError, "--quick goes with --suite only"),
        (["b.onnx", "run.h5", "--again"], click.UsageError, "--again goes with --suite only"),
        ([], click.UsageError, "CALIBRATOR"),
        (["b.onnx"], click.UsageError, "RUN"),
        (["--suite", "--boards", "8x8,nowhere"], InputError, "nowhere"),
        (["--suite", "--calibrators", "magic"], click.BadParameter, "magic"),
    ],
)
def test_wrong_usage_is_explained_and_leaves_no_folder(
    arguments: list[str], error: type[Exception], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=said):
        command.main(arguments, standalone_mode=False)
    assert not list(tmp_path.iterdir())


def test_the_boards_that_come_along_cover_what_they_promise() -> None:
    boards = load_suite().boards
    benches = [board.bench for board in boards]
    sizes = {(bench["array"]["rows"], bench["array"]["columns"]) for bench in benches}
    assert {(8, 8), (16, 16), (24, 40), (40, 24), (64, 64), (128, 64)} <= sizes
    wires_ohm = {bench["wires"][key] for bench in benches for key in ("row_ohm", "column_ohm")}
    assert (min(wires_ohm), max(wires_ohm)) == (0.35, 6.0)
    assert {bench["device"]["law"] for bench in benches} == {"ohmic", "sinh", "hopping", "saturating"}
    noise = {bench["noise"]["read_relative"] for bench in benches}
    assert (min(noise), max(noise)) == (1e-5, 1e-2)
    assert {bench["programming"]["residual_error"] for bench in benches} == {0.0, 0.01, 0.05}
    assert {bench["front_end"]["profile"] for bench in benches} == {"ideal", "lab", "budget"}


@pytest.mark.parametrize("board", load_suite().boards, ids=lambda board: board.name)
def test_every_board_that_comes_along_is_one_that_the_bench_takes(board, tmp_path: Path) -> None:
    """Its noise, too, is in parts of what its columns really carry, to within a fifth."""
    path = tmp_path / "bench.toml"
    path.write_text(board.to_toml(), encoding="utf-8")
    bench = Bench.from_toml(path)
    assert (bench.facts.rows, bench.facts.columns) == (
        board.bench["array"]["rows"],
        board.bench["array"]["columns"],
    )
    rng = np.random.default_rng(1)
    limits_s = bench.facts.conductance_min_s, bench.facts.conductance_max_s
    conductance_s = rng.uniform(*limits_s, (bench.facts.rows, bench.facts.columns))
    voltage_v = rng.uniform(0.1, 0.5, (30, bench.facts.rows))
    law, wires = LAWS[board.bench["device"]["law"]], bench.wires(len(bench.settings.front_end.ranges_a) - 1)
    current_a = solve_currents(conductance_s, voltage_v, wires=wires, device=law)
    assert board.bench["noise"]["full_scale_a"] == pytest.approx(np.abs(current_a).max(), rel=0.2)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "wide-quiet"', 'name = "wide"', "twice"),
        ('name = "wide-quiet"', 'name = "../outside"', "name"),
        ("full_scale_a = 1e-4", "aperture_s = 1e-3", "noise.full_scale_a"),
        ("test_matrices = 2\n", "", "test_matrices"),
        ("training_matrices = 6", "training_matrices = 1", "training_matrices"),
    ],
)
def test_an_impossible_table_is_an_error_that_names_the_entry(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        load_suite(written(tmp_path, TABLE.replace(old, new)))


def test_the_tables_are_printed_and_progress_goes_to_standard_error(finished: Path) -> None:
    shown = (finished.parent / "stdout.txt").read_text(encoding="utf-8")
    for name in ("wide", "wide-quiet", "reference", "raw", "affine", "trained", "ridge", "K=32"):
        assert name in shown
    said = (finished.parent / "stderr.txt").read_text(encoding="utf-8")
    for name in ("training matrices", "test matrices", "linear-Gaussian reference", "board 2 of 2"):
        assert name in said
