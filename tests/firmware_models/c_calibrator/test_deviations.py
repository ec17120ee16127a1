"""Deviations that exported C states, against those of Python."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_program import Exported, needs_compiler
from specimens import Specimen, specimen

from crosscal.commands.export_c.header import programmed_header
from crosscal.firmware_models.c_calibrator import cortex_m4
from crosscal.runtime import ColumnPosterior
from crosscal.runtime.inverse import uncertainty
from crosscal.runtime.inverse.fold import InverseCorrection
from crosscal.runtime.recalibration.cell_law import CellLaw
from crosscal.runtime.recalibration.posterior import DriveErrors

pytestmark = needs_compiler

SUBJECT = """\
#include "calibrator.h"
#define COLUMNS board_COLUMNS
#define OUTPUTS (2 * board_COLUMNS)
static int subject(const float *measured_a, float *answer)
{
    return board_calibrate_with_deviation(measured_a, answer, &answer[board_COLUMNS]);
}
"""


def with_deviation(header: str, current_a: np.ndarray, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    exported = Exported(header, "board", folder)
    answer_a, deviation_a = np.empty_like(current_a), np.empty_like(current_a)
    for given, answer, deviation in zip(current_a, answer_a, deviation_a, strict=True):
        assert exported.call("calibrate_with_deviation", given, answer, deviation) == 0
    return answer_a, deviation_a


def programmed(case: Specimen, seed: int, vectors: int = 30):
    matrix_s, current_a = case.measured(vectors, seed)
    return case.calibrator.program(matrix_s), current_a


@pytest.mark.parametrize("kind", ["structured", "whitebox"])
@pytest.mark.parametrize("shape", [(8, 8), (5, 9), (9, 5)])
def test_deviations_are_those_of_python(kind: str, shape: tuple[int, int], tmp_path: Path) -> None:
    python, current_a = programmed(specimen(kind, *shape), seed=1)
    expected_a, expected_deviation_a = python.with_uncertainty(current_a.astype(np.float64))
    answer_a, deviation_a = with_deviation(programmed_header(python, name="board"), current_a, tmp_path)
    assert np.abs(answer_a - expected_a).max() <= 1e-5 * np.abs(expected_a).max()
    off = np.abs(deviation_a / expected_deviation_a - 1.0)
    assert np.median(off) < 1e-3
    # Of more inputs than readings several directions are equally soft, and which of them is walked hangs on
    # the last digit: inputs moved by 1e-6 change Python's own deviations by a tenth.
    assert off.max() < (0.2 if shape[0] > shape[1] else 2e-3)


def test_the_spread_of_what_columns_alike_leave_open_counts_as_in_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = specimen("structured", 8, 8)
    matrix_s, _ = case.measured(1, seed=8)
    matrix_s[:, 2:] = matrix_s[:, [2]]
    rng = np.random.default_rng(8)
    current_a = case.board.currents_a(
        matrix_s, rng.uniform(0.15, 0.45, (30, 8)), rng.standard_normal((30, 8))
    )
    current_a = current_a.astype(np.float32)
    python = case.calibrator.program(matrix_s)
    _, expected_a = python.with_uncertainty(current_a.astype(np.float64))
    _, deviation_a = with_deviation(programmed_header(python, name="board"), current_a, tmp_path)
    np.testing.assert_allclose(deviation_a, expected_a, rtol=2e-3)
    # Two columns and six alike leave open about the middle of the ramp: neither nothing of it nor all counts.
    monkeypatch.setattr(uncertainty, "OTHERS_LEFT", (0.8, 0.9))
    none_a = python.with_uncertainty(current_a.astype(np.float64))[1]
    monkeypatch.setattr(uncertainty, "OTHERS_LEFT", (0.1, 0.2))
    all_a = python.with_uncertainty(current_a.astype(np.float64))[1]
    assert np.median(expected_a / none_a) > 1.1
    assert np.median(expected_a / all_a) < 0.85


def test_errors_of_driven_inputs_are_stated_as_python_states_them(tmp_path: Path) -> None:
    exact, current_a = programmed(specimen("structured", 5, 9), seed=5)
    unknowns = (9, 5 + 2)
    drive = replace(DriveErrors.untaken(0.0, 5), row_v2=np.array([0.0, 0.0, 1e-4, 0.0, 4e-4]))
    python = exact.with_posterior(
        ColumnPosterior(mean=np.zeros(unknowns), covariance=np.zeros((*unknowns, 7)), noise=0.05, drive=drive)
    )
    _, expected_a = python.with_uncertainty(current_a.astype(np.float64))
    _, deviation_a = with_deviation(programmed_header(python, name="board"), current_a, tmp_path)
    np.testing.assert_allclose(deviation_a, expected_a, rtol=2e-3)
    quiet = exact.with_posterior(replace(python.posterior, drive=None))
    assert np.median(expected_a / quiet.with_uncertainty(current_a.astype(np.float64))[1]) > 1.05


@pytest.mark.parametrize("way", ["read back", "recalibrated"])
def test_noise_of_drivers_is_stated_as_python_states_it(way: str, tmp_path: Path) -> None:
    case = specimen("whitebox", 5, 9)
    plain, _ = programmed(case, seed=6)
    rng, target_s = np.random.default_rng(6), plain.conductance_s
    law = CellLaw(
        knots_s=np.array([20e-6, 90e-6]),
        programming=np.full(2, 0.02),
        offset=0.0,
        gain=0.0,
        noise=0.05,
        read_back=None,
        drive_noise_v=0.02,
    )
    exact = replace(plain, cell_law=law)
    read_back_s = target_s * (1.0 + 0.02 * rng.standard_normal(target_s.shape))
    voltage_v = rng.uniform(0.15, 0.45, (12, 5))
    measured_a = case.board.currents_a(read_back_s, voltage_v, rng.standard_normal((12, 9)))
    if way == "read back":
        python = exact.with_read_back(read_back_s, 1e-7)
    else:
        python = exact.recalibrated(voltage_v, measured_a)
    current_a = measured_a.astype(np.float32)
    current_a = current_a[python.explains(current_a.astype(np.float64))]
    assert len(current_a) >= 9
    _, expected_a = python.with_uncertainty(current_a.astype(np.float64))
    _, deviation_a = with_deviation(programmed_header(python, name="board"), current_a, tmp_path)
    np.testing.assert_allclose(deviation_a, expected_a, rtol=2e-3)
    correction = python.correction
    alone = InverseCorrection(replace(correction.tensors, drive_variance=0.0), correction.trim)
    without_a = replace(python, correction=alone).with_uncertainty(current_a.astype(np.float64))[1]
    assert np.median(expected_a / without_a) > 2.0


def test_a_reading_that_no_inputs_explain_states_as_much_more(tmp_path: Path) -> None:
    case = specimen("whitebox", 5, 9)
    matrix_s, current_a = case.measured(30, seed=2)
    python = case.calibrator.program(matrix_s, allow_extrapolation=True)
    _, usual_a = python.with_uncertainty(current_a.astype(np.float64))
    current_a[:, 3] *= 1.3
    _, expected_a = python.with_uncertainty(current_a.astype(np.float64))
    _, deviation_a = with_deviation(programmed_header(python, name="board"), current_a, tmp_path)
    np.testing.assert_allclose(deviation_a, expected_a, rtol=2e-3)
    assert np.median(deviation_a / usual_a) > 2.0


def test_deviations_are_refused_with_the_reading_and_nothing_is_written(tmp_path: Path) -> None:
    python, current_a = programmed(specimen("structured", 5, 9), seed=3, vectors=1)
    exported = Exported(programmed_header(python, name="board"), "board", tmp_path)
    current_a[0, 4] = np.nan
    answer_a, deviation_a = np.full(9, 7.0, np.float32), np.full(9, 8.0, np.float32)
    assert exported.call("calibrate_with_deviation", current_a[0], answer_a, deviation_a) == 1
    assert (answer_a == 7.0).all()
    assert (deviation_a == 8.0).all()


@pytest.mark.skipif(bool(cortex_m4.missing_tools()), reason="no Cortex-M4 compiler and emulator here")
def test_the_board_states_them_within_the_stack_that_the_header_says(tmp_path: Path) -> None:
    python, current_a = programmed(specimen("structured", 5, 9), seed=4, vectors=3)
    header = programmed_header(python, name="board")
    (tmp_path / "calibrator.h").write_text(header)
    (tmp_path / "subject.h").write_text(SUBJECT)
    cortex_m4.build(tmp_path, "-std=c99", "-O2")
    answers = cortex_m4.run(tmp_path, current_a.tolist(), 18)
    _, expected_a = python.with_uncertainty(current_a.astype(np.float64))
    np.testing.assert_allclose(np.array(answers.calibrated_a)[:, 9:], expected_a, rtol=2e-3)
    stated = int(header.split("bytes in a call (")[1].split(" with deviations")[0])
    assert answers.stack_bytes <= stated
