"""Exported C on an emulated Cortex-M4: the same answers, within the flash and stack that are stated."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from specimens import ALLOWED, Specimen, specimen

from crosscal.commands.export_c.header import programmed_header
from crosscal.firmware_models.c_calibrator import cortex_m4
from crosscal.runtime import ProgrammedCalibrator

pytestmark = pytest.mark.skipif(
    bool(cortex_m4.missing_tools()),
    reason=f"not installed: {', '.join(cortex_m4.missing_tools())} (Debian: gcc-arm-none-eabi, "
    "libnewlib-arm-none-eabi, qemu-system-arm)",
)

KINDS = ("affine", "concatsquash", "structured", "whitebox")
CASES = [
    *((kind, shape, False) for kind in KINDS for shape in ((8, 8), (5, 9))),
    ("structured", (9, 5), False),
    *((kind, (5, 9), True) for kind in ("affine", "concatsquash")),
]


def built(programmed: ProgrammedCalibrator, folder: Path, *options: str, **how: bool) -> str:
    header = programmed_header(programmed, name="board", **how)
    (folder / "calibrator.h").write_text(header)
    (folder / "subject.h").write_text(cortex_m4.subject_of("board"))
    cortex_m4.build(folder, "-std=c99", *(options or ("-O2",)))
    return header


def difference(
    case: Specimen, answers: cortex_m4.Answers, matrix_s: np.ndarray, current_a: np.ndarray
) -> float:
    expected_a = case.onnx(matrix_s, current_a)
    return float(np.abs(np.array(answers.calibrated_a) - expected_a).max() / np.abs(expected_a).max())


@pytest.mark.parametrize(("kind", "shape", "fixed_point"), CASES)
def test_the_board_answers_as_onnxruntime_does(
    kind: str, shape: tuple[int, int], fixed_point: bool, tmp_path: Path
) -> None:
    case = specimen(kind, *shape)
    for seed in (1, 2):
        matrix_s, current_a = case.measured(10, seed)
        built(case.calibrator.program(matrix_s), tmp_path, fixed_point=fixed_point)
        answers = cortex_m4.run(tmp_path, current_a.tolist(), shape[1])
        assert answers.status == [0] * 10
        assert difference(case, answers, matrix_s, current_a) <= (1e-4 if fixed_point else ALLOWED[kind])


def test_the_board_refuses_what_is_no_reading_and_writes_nothing(tmp_path: Path) -> None:
    case = specimen("structured", 5, 9)
    matrix_s, current_a = case.measured(3, seed=3)
    current_a[0, 2], current_a[1, 8] = np.nan, -1.0
    built(case.calibrator.program(matrix_s), tmp_path)
    answers = cortex_m4.run(tmp_path, current_a.tolist(), 9)
    assert answers.status == [1, 2, 0]
    assert answers.calibrated_a[0] == answers.calibrated_a[1] == [7.0] * 9


@pytest.mark.parametrize(
    ("kind", "fixed_point"), [*((kind, False) for kind in KINDS[:3]), ("concatsquash", True)]
)
@pytest.mark.parametrize("option", ["-Os", "-O2", "-O3"])
def test_a_call_stays_within_the_stack_that_the_header_states_and_writes_no_static_memory(
    kind: str, fixed_point: bool, option: str, tmp_path: Path
) -> None:
    case = specimen(kind, 9, 5)
    matrix_s, current_a = case.measured(3, seed=4)
    header = built(case.calibrator.program(matrix_s), tmp_path, option, fixed_point=fixed_point)
    stated = re.search(r"at most (\d+) bytes in a call", header)
    constants = re.search(r"(\d+) bytes of constants", header)
    assert stated is not None
    assert constants is not None
    assert cortex_m4.run(tmp_path, current_a.tolist(), 5).stack_bytes <= int(stated[1])
    (tmp_path / "alone.c").write_text('#define board_API\n#include "calibrator.h"\n')
    memory = cortex_m4.memory_of(tmp_path, "alone.c", "-std=c99", option)
    assert memory.static_bytes == 0
    assert int(constants[1]) <= memory.flash_bytes


def test_a_linked_board_needs_no_heap_and_no_stdio(tmp_path: Path) -> None:
    case = specimen("structured", 5, 9)
    matrix_s, _ = case.measured(1, seed=5)
    built(case.calibrator.program(matrix_s), tmp_path)
    image = (tmp_path / "board.elf").read_bytes()
    for name in (b"malloc", b"_sbrk", b"printf", b"fopen"):
        assert name not in image


def test_an_interrupted_or_wrong_build_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "subject.h").write_text("#error not this one\n")
    with pytest.raises(cortex_m4.EmulatorError, match="not this one"):
        cortex_m4.build(tmp_path)
