"""Files that commands are given: each that cannot be used is one clear error, whatever is wrong with it."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from crosscal.command_line import crosscal
from crosscal.commands.files.arrays import read_matrix, read_numbers
from crosscal.commands.suite.boards import load_suite
from crosscal.core.errors import CrosscalError, InputError
from crosscal.core.settings import load_toml
from crosscal.simulated_bench import Bench, load_settings

BENCH = """profile = "lab-16x12"
[array]
rows = 5
columns = 3
"""
TABLE = np.arange(4.0, 19.0).reshape(5, 3) * 5e-6


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bench.toml").write_text(BENCH, encoding="utf-8")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(crosscal, arguments)


def saved(save: Callable[[io.BytesIO], object]) -> Callable[[Path], object]:
    """Write whatever numpy would save, under any name."""

    def write(path: Path) -> None:
        content = io.BytesIO()
        save(content)
        path.write_bytes(content.getvalue())

    return write


def huge_header(path: Path) -> None:
    """A .npy file of 128 bytes that claims 7 PiB."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)})
    path.write_bytes(header.getvalue())


UNUSABLE: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(missing_ok=True),
    "a folder": lambda path: path.mkdir(),
    "empty": lambda path: path.write_bytes(b""),
    "bytes of noise": lambda path: path.write_bytes(bytes(range(256)) * 40),
    "a .npz archive": saved(lambda file: np.savez(file, g=TABLE)),
    "a header that claims 7 PiB": huge_header,
    "a pickled object": saved(lambda file: np.save(file, np.array([{}]), allow_pickle=True)),
    "truth values": saved(lambda file: np.save(file, np.ones((5, 3), dtype=bool))),
    "complex numbers": saved(lambda file: np.save(file, TABLE + 1j)),
    "no numbers": saved(lambda file: np.save(file, np.zeros((0, 3)))),
    "a page of text": lambda path: path.write_text("the quick brown fox\n" * 20),
}


@pytest.mark.parametrize("fault", UNUSABLE)
@pytest.mark.parametrize(
    "arguments",
    [
        ("plot", "voltages", "bench.toml", "--matrix"),
        ("plot", "voltages", "bench.toml", "--vector"),
        ("export-spice", "bench.toml", "--matrix"),
        ("export-spice", "bench.toml", "--vector"),
        ("plot", "page", "bench.toml", "--vector"),
        ("recalibrate", "ASRL1::INSTR", "b.onnx", "-o", "new.onnx", "--matrix"),
        ("export-c", "b.onnx", "--matrix"),
        ("collect", "ASRL1::INSTR", "--backend", "@py", "--matrices-from"),
        ("collect", "ASRL1::INSTR", "--backend", "@py", "--vectors-from"),
    ],
    ids=lambda arguments: f"{arguments[0]} {arguments[-1]}",
)
def test_an_array_that_cannot_be_read_is_one_clear_error(arguments: tuple[str, ...], fault: str) -> None:
    name = "g.npy"
    UNUSABLE[fault](Path(name))
    result = run(*arguments, name)
    assert isinstance(result.exception, CrosscalError), result.exception
    message = str(result.exception)
    assert name in message
    assert "\n" not in message
    assert len(message) < 400


@pytest.mark.parametrize("fault", ["missing", "a folder", "empty", "bytes of noise", "a page of text"])
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("train", "{}"), "run.h5"),
        (("train", "good.h5", "--validation", "{}"), "run.h5"),
        (("evaluate", "b.onnx", "{}"), "run.h5"),
        (("evaluate", "--suite", "--table", "{}"), "table.toml"),
        (("recalibrate", "ASRL1::INSTR", "{}", "-o", "new.onnx"), "b.onnx"),
        (("plot", "voltages", "{}"), "board.toml"),
        (("plot", "iv", "{}"), "board.toml"),
        (("export-spice", "{}"), "board.toml"),
        (("bench", "{}", "--tcp", "0"), "board.toml"),
        (("study", "{}"), "board.toml"),
        (("collect", "TCPIP::localhost::INSTR", "--backend", "{}@crosscal"), "board.toml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_a_file_of_any_command_that_cannot_be_read_is_one_clear_error(
    arguments: tuple[str, ...], name: str, fault: str
) -> None:
    UNUSABLE[fault](Path(name))
    result = run(*(each.format(name) for each in arguments))
    assert isinstance(result.exception, CrosscalError), result.exception
    message = str(result.exception)
    assert name in message or "good.h5" in message
    assert "can be written" not in message


def test_a_suffix_in_capitals_and_a_wrong_one_are_read_by_content() -> None:
    np.save("g.npy", TABLE)
    Path("g.npy").rename("G.NPY")
    np.savetxt("V.CSV", TABLE, delimiter=",")
    np.save("really_numpy.npy", TABLE)
    Path("really_numpy.npy").rename("really_numpy.csv")
    for name in ("G.NPY", "V.CSV", "really_numpy.csv"):
        np.testing.assert_array_equal(read_numbers(Path(name)), TABLE)
        np.testing.assert_array_equal(read_matrix(Path(name)), TABLE)
    np.save("v.npy", np.full(5, 0.2))
    Path("v.npy").rename("V.NPY")
    result = run(
        "plot", "voltages", "bench.toml", "--matrix", "G.NPY", "--vector", "V.NPY", "--data", "D.CSV"
    )
    assert result.exception is None, result.exception
    assert Path("D.CSV").stat().st_size > 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize(
    "text",
    ["1.5,2\n3,4\n", "1.5,2\r\n3,4\r\n", "1,5;2\n3;4\n", "1.5 2\n3 4\n", "# µS\n1.5\t2\n3\t4\n"],
    ids=["commas", "windows", "decimal comma", "spaces", "tabs"],
)
def test_numbers_that_a_spreadsheet_saved_are_read(encoding: str, text: str) -> None:
    Path("g.csv").write_bytes(text.encode(encoding))
    np.testing.assert_array_equal(read_matrix(Path("g.csv")), [[1.5, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_settings_and_suites_with_a_byte_order_mark_are_read(encoding: str) -> None:
    Path("marked.toml").write_bytes(BENCH.encode(encoding))
    assert load_toml(Path("marked.toml"))["array"]["rows"] == 5
    assert load_settings("marked.toml").array.rows == 5
    assert Bench.from_toml("marked.toml").facts.rows == 5
    shipped = Path(sys.modules["crosscal"].__file__ or "").parent / "shipped" / "suite.toml"
    Path("suite.toml").write_bytes(shipped.read_text(encoding="utf-8").encode(encoding))
    assert load_suite(Path("suite.toml")) == load_suite()


def test_a_calibrator_and_a_run_that_are_swapped_are_told_apart() -> None:
    Path("b.onnx").write_bytes(b"\x08\x08" + bytes(100))
    Path("run.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    result = run("evaluate", "run.h5", "b.onnx")
    assert result.exit_code == 2
    assert "give CALIBRATOR first, then RUN" in result.output
    result = run("recalibrate", "b.onnx", "ASRL1::INSTR", "-o", "new.onnx")
    assert result.exit_code == 2
    assert "give RESOURCE first, then CALIBRATOR" in result.output
    with pytest.raises(CrosscalError, match=r"b\.onnx is an ONNX file, no run\.h5"):
        raise run("train", "b.onnx").exception or AssertionError
    with pytest.raises(CrosscalError, match=r"run\.h5 is an HDF5 file, no calibrator\.onnx"):
        raise run("recalibrate", "ASRL1::INSTR", "run.h5", "-o", "new.onnx").exception or AssertionError


WRITING = [
    ("plot", "iv", "bench.toml", "-o", "out.png"),
    ("plot", "loop", "-o", "out.svg"),
    ("plot", "voltages", "bench.toml", "-o", "p.png", "--data", "out.csv"),
    ("plot", "page", "bench.toml", "-o", "out.html"),
    ("export-spice", "bench.toml", "-o", "out.cir"),
]


@pytest.mark.parametrize("arguments", WRITING, ids=lambda arguments: " ".join(arguments[:2]))
def test_a_file_that_exists_is_replaced_only_by_force(arguments: tuple[str, ...]) -> None:
    path = Path(arguments[-1])
    path.write_bytes(b"precious")
    result = run(*arguments)
    assert isinstance(result.exception, InputError)
    assert f"{path}, a file that exists already" in str(result.exception)
    assert "--force to replace it" in str(result.exception)
    assert path.read_bytes() == b"precious"
    assert run(*arguments, "--force").exception is None
    assert path.read_bytes() != b"precious"


LIMITED = """
import resource, sys
from crosscal.command_line import main
limit = int(sys.argv.pop(1))
sys.argv[0] = "crosscal"
{warm}
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
main()
"""


@pytest.mark.parametrize("arguments", WRITING, ids=lambda arguments: " ".join(arguments[:2]))
def test_a_disk_that_is_full_is_one_clear_error_and_leaves_no_part_of_a_file(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("resource")
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "0")
    # Warmed up before the limit: compiled kernels are files, too.
    warm = (
        "from click.testing import CliRunner; from crosscal.command_line import crosscal; import os\n"
        "os.mkdir('warm'); os.chdir('warm'); "
        "CliRunner().invoke(crosscal, [a.replace('bench.toml', '../bench.toml') for a in sys.argv[1:]]); "
        "os.chdir('..')"
    )
    code = LIMITED.format(warm=warm)
    ended = subprocess.run(
        [sys.executable, "-c", code, "1000", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    first = arguments[arguments.index("-o") + 1]
    assert f"crosscal: {first}: File too large; raise the limit" in ended.stderr
    left = {path.name for path in Path.cwd().iterdir()} - {"bench.toml", "warm"}
    assert left == set()
