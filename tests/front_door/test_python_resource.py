import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import crosscal
from crosscal.core.errors import BoardConnectionError, IncompatibleBoardError, InputError

LAB = "python:core.fake_lab:"


def test_a_board_is_opened_by_its_class_with_converted_arguments():
    with crosscal.open_board(f"{LAB}WrittenBoard?gain=0.5&port=COM3") as board:
        assert board.port == "COM3"
        board.program(np.full((5, 9), 1e-5))
        np.testing.assert_allclose(board.measure(np.full(5, 0.1)), 0.5 * 5 * 1e-6)
    assert board.closed == 1


def test_a_board_is_opened_by_any_callable():
    with crosscal.open_board(f"{LAB}open_written?gain=2") as board:
        assert board.gain == 2.0


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ("python:", "python:module:callable"),
        ("python:my_lab", "python:module:callable"),
        ("python:my lab:Board", "python:module:callable"),
        ("python:my_lab:Board?port", "python:module:callable"),
        ("python:my_lab:Board?port=1&port=2", "python:module:callable"),
        ("python:no_such_lab:Board", "not found"),
        (f"{LAB}Board", "WrittenBoard"),
        (f"{LAB}np", "not callable"),
        (f"{LAB}WrittenBoard?speed=3", "gain"),
        (f"{LAB}WrittenBoard?gain=high", "float"),
    ],
)
def test_a_resource_that_cannot_be_opened_says_why(resource, words):
    with pytest.raises(InputError, match=words):
        crosscal.open_board(resource)


def test_a_callable_that_returns_no_board_is_refused():
    with pytest.raises(IncompatibleBoardError, match=r"crosscal[.]LabBoard"):
        crosscal.open_board(f"{LAB}open_nothing")


def test_a_class_without_a_way_to_write_is_refused_when_it_is_opened():
    with pytest.raises(IncompatibleBoardError, match="read_cell"):
        crosscal.open_board(f"{LAB}Unwritable")


def test_a_module_that_fails_to_import_is_named(tmp_path, monkeypatch):
    (tmp_path / "broken_lab.py").write_text("import no_such_package\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"broken_lab cannot be imported.*no_such_package"):
        crosscal.open_board("python:broken_lab:Board")


def test_a_class_in_the_present_folder_is_found_and_its_failure_named(tmp_path, monkeypatch):
    (tmp_path / "portless_lab.py").write_text(
        "def board():\n    raise OSError('no such port')\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BoardConnectionError, match="OSError: no such port"):
        crosscal.open_board("python:portless_lab:board")


def test_a_backend_does_not_go_with_a_python_board():
    with pytest.raises(InputError, match="backend"):
        crosscal.open_board(f"{LAB}WrittenBoard", backend="@py")


ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
ENDING = """
import os, signal, time
import crosscal
board = crosscal.open_board("python:core.fake_lab:WrittenBoard")
board.measure([0.1] * 5)
board.chip.ground = lambda: print("at rest", flush=True)
{then}
print("not reached")
"""


def test_a_board_of_a_class_rests_when_a_signal_ends_the_program():
    script = ENDING.format(then="os.kill(os.getpid(), signal.SIGTERM)")
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=ENVIRONMENT
    )
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "at rest\n"), done.stderr


def test_a_forked_child_neither_rests_nor_closes_nor_uses_the_board_of_its_parent():
    with crosscal.open_board(f"{LAB}WrittenBoard") as board:
        child = os.fork()
        if child == 0:
            try:
                with pytest.raises(BoardConnectionError, match="open the board in the process that uses it"):
                    board.measure(np.full(5, 0.1))
                board.close()
                os._exit(board.closed + board.chip.rests)
            finally:
                os._exit(9)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert board.measure(np.full(5, 0.1)).shape == (9,)
