"""Three read paths of one file: onnxruntime, the kernels that numba compiles, and exported C."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_program import Exported, needs_compiler
from specimens import ALLOWED, Specimen, shipped, specimen

from crosscal.commands.export_c.header import programmed_header
from crosscal.runtime import ProgrammedCalibrator

pytestmark = needs_compiler

SHAPES = [(8, 8), (5, 9), (9, 5)]
CASES = [
    *((kind, *shape) for kind in ("affine", "concatsquash") for shape in (*SHAPES, (40, 24))),
    *((kind, *shape) for kind in ("structured", "whitebox") for shape in SHAPES),
]


def exported(programmed: ProgrammedCalibrator, folder: Path, *, fixed_point: bool = False) -> Exported:
    return Exported(programmed_header(programmed, name="board", fixed_point=fixed_point), "board", folder)


def differences(case: Specimen, folder: Path, seed: int) -> tuple[float, float]:
    """Largest difference of C from onnxruntime and from the kernel, in parts of the largest current."""
    matrix_s, current_a = case.measured(50, seed)
    expected_a = case.onnx(matrix_s, current_a)
    programmed = case.calibrator.program(matrix_s)
    answer_a = exported(programmed, folder).batch(current_a)
    largest_a = np.abs(expected_a).max()
    others = expected_a, programmed(current_a.astype(np.float64))
    first, second = (float(np.abs(answer_a - other).max() / largest_a) for other in others)
    return first, second


@pytest.mark.parametrize(("kind", "rows", "columns"), CASES)
def test_c_answers_as_onnxruntime_and_the_kernel_do(
    kind: str, rows: int, columns: int, tmp_path: Path
) -> None:
    from_onnx, from_kernel = differences(specimen(kind, rows, columns), tmp_path, seed=5)
    assert from_onnx <= ALLOWED[kind]
    assert from_kernel <= ALLOWED[kind]


def test_the_shipped_calibrator_answers_in_c_as_in_onnxruntime(tmp_path: Path) -> None:
    case = shipped()
    matrix_s, _ = case.measured(1, seed=6)
    programmed = case.calibrator.program(matrix_s)
    current_a = board_currents(programmed, 50)
    expected_a = case.onnx(matrix_s, current_a)
    answer_a = exported(programmed, tmp_path).batch(current_a)
    assert np.abs(answer_a - expected_a).max() <= 1e-5 * np.abs(expected_a).max()


def board_currents(programmed: ProgrammedCalibrator, count: int) -> np.ndarray:
    from crosscal.commands.export_c.probes import plausible_readings

    return plausible_readings(programmed, count, np.random.default_rng(8)).astype(np.float32)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
@pytest.mark.parametrize("hidden", [(3,), (5, 130), (16, 16, 16)])
def test_networks_of_any_width_and_depth_are_written(
    activation: str, hidden: tuple[int, ...], tmp_path: Path
) -> None:
    from calibrator_models import concatsquash_model

    from crosscal.runtime import Calibrator
    from crosscal.runtime.file_format.calibrator_file import seal_calibrator

    model = concatsquash_model(4, 6, np.random.default_rng(3), hidden=hidden, activation=activation)
    content = seal_calibrator(model.content, model.metadata(np.random.default_rng(2)))
    matrix_s = model.matrix(np.random.default_rng(4)).astype(np.float32)
    current_a = model.currents(np.random.default_rng(5), 20).astype(np.float32)
    programmed = Calibrator.from_bytes(content, origin="test").program(matrix_s)
    expected_a = model.expected(matrix_s, current_a)
    answer_a = exported(programmed, tmp_path).batch(current_a)
    assert np.abs(answer_a - expected_a).max() <= 1e-6 * np.abs(expected_a).max()


@pytest.mark.parametrize("kind", ["affine", "concatsquash", "structured", "whitebox"])
def test_a_recalibrated_calibrator_is_exported_with_what_it_learned(kind: str, tmp_path: Path) -> None:
    case = specimen(kind, 5, 9)
    matrix_s, _ = case.measured(1, seed=7)
    drifted = replace(case.board, gain=1.05 * case.board.gain, offset_a=case.board.offset_a + 4e-6)
    rng = np.random.default_rng(9)
    voltage_v = rng.uniform(0.15, 0.45, (12, 5))
    measured_a = drifted.currents_a(matrix_s, voltage_v, rng.standard_normal((12, 9)))
    before = case.calibrator.program(matrix_s)
    after = before.recalibrated(voltage_v, measured_a)
    current_a = measured_a.astype(np.float32)
    # A drift by 5 % in a few noisy vectors may leave one that inputs of the window do not explain.
    current_a = current_a[after.explains(current_a.astype(np.float64))]
    assert len(current_a) >= 9
    expected_a = after(current_a.astype(np.float64))
    answer_a = exported(after, tmp_path).batch(current_a)
    largest_a = np.abs(expected_a).max()
    assert np.abs(answer_a - expected_a).max() <= ALLOWED[kind] * largest_a
    assert (
        np.abs(before(current_a, allow_extrapolation=True) - expected_a).max()
        > 100 * ALLOWED[kind] * largest_a
    )


@pytest.mark.parametrize("kind", ["affine", "concatsquash"])
@pytest.mark.parametrize(("rows", "columns"), [*SHAPES, (40, 24)])
def test_fixed_point_answers_as_onnxruntime_does_but_for_what_16_bits_round(
    kind: str, rows: int, columns: int, tmp_path: Path
) -> None:
    case = specimen(kind, rows, columns)
    matrix_s, current_a = case.measured(50, seed=5)
    expected_a = case.onnx(matrix_s, current_a)
    answer_a = exported(case.calibrator.program(matrix_s), tmp_path, fixed_point=True).batch(current_a)
    difference = np.abs(answer_a - expected_a).max() / np.abs(expected_a).max()
    # More than single precision would differ: it is fixed point that was tested.
    assert 1e-6 < difference <= 1e-4


@pytest.mark.parametrize("kind", ["affine", "concatsquash"])
def test_currents_far_beyond_what_was_trained_on_do_not_overflow_fixed_point(
    kind: str, tmp_path: Path
) -> None:
    case = specimen(kind, 5, 9)
    matrix_s, _ = case.measured(1, seed=5)
    programmed = case.calibrator.program(matrix_s)
    sizes = np.array([-0.999, -0.3, 0.3, 0.999], dtype=np.float32) * np.float32(programmed.limit_a)
    current_a = np.repeat(sizes[:, None], 9, axis=1)
    expected_a = programmed(current_a.astype(np.float64))
    answer_a = exported(programmed, tmp_path, fixed_point=True).batch(current_a)
    assert np.abs(answer_a - expected_a).max() <= 1e-4 * np.abs(expected_a).max()


@pytest.mark.parametrize("kind", ["affine", "concatsquash", "structured"])
@pytest.mark.parametrize("options", [("-O0",), ("-O2",), ("-O3", "-march=native"), ("-O2", "-ffast-math")])
def test_parity_does_not_hang_on_what_the_compiler_is_told(
    kind: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    case = specimen(kind, 5, 9)
    matrix_s, current_a = case.measured(20, seed=10)
    header = programmed_header(case.calibrator.program(matrix_s), name="board")
    answer_a = Exported(header, "board", tmp_path, options).batch(current_a)
    expected_a = case.onnx(matrix_s, current_a)
    assert np.abs(answer_a - expected_a).max() <= ALLOWED[kind] * np.abs(expected_a).max()
