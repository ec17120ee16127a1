"""Derivatives of the currents by the drives."""

from __future__ import annotations

import numpy as np
import pytest

from crosscal.simulated_bench import (
    Ohmic,
    Sinh,
    SmoothLaw,
    Wires,
    cell_current,
    sensitivity,
    solve_currents,
    transfer_matrix,
)

CUBIC = SmoothLaw(current=lambda g, v: g * v * (1 + v * v), slope=lambda g, v: g * (1 + 3 * v * v))
WIRES = Wires(row_ohm=2.0, column_ohm=5.0, source_ohm=50.0, sense_ohm=10.0)


def draw(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(rows)
    return rng.uniform(16.6e-6, 100e-6, (rows, columns)), rng.uniform(0.1, 0.5, (3, rows))


@pytest.mark.parametrize("device", [Sinh(), CUBIC, Ohmic()], ids=["sinh", "cubic", "ohmic"])
@pytest.mark.parametrize("size", [(5, 9), (20, 7), (1, 4), (4, 1)])
def test_agrees_with_finite_differences(device, size: tuple[int, int]) -> None:
    """A central difference over 1e-4 V has a truncation error of about 1e-8 and rounds at 1e-11."""
    conductance_s, drive_v = draw(*size)
    jacobian_s = sensitivity(conductance_s, drive_v, wires=WIRES, device=device)
    assert jacobian_s.shape == (3, size[1], size[0])
    step_v = 1e-4
    for i in range(size[0]):
        moved_v = np.zeros(size[0])
        moved_v[i] = step_v
        above_a, below_a = (
            solve_currents(conductance_s, drive_v + sign * moved_v, wires=WIRES, device=device)
            for sign in (1, -1)
        )
        difference_s = (above_a - below_a) / (2 * step_v)
        np.testing.assert_allclose(jacobian_s[:, :, i], difference_s, rtol=0, atol=1e-7 * jacobian_s.max())


def test_without_wires_it_is_the_slope_of_each_cell() -> None:
    conductance_s, drive_v = draw(4, 6)
    jacobian_s = sensitivity(conductance_s, drive_v[0], wires=Wires(), device=Sinh())
    step_v = 1e-6
    above_a, below_a = (
        cell_current(Sinh(), conductance_s, drive_v[0][:, None] + sign * step_v) for sign in (1, -1)
    )
    np.testing.assert_allclose(jacobian_s, ((above_a - below_a) / (2 * step_v)).T, rtol=1e-8)


def test_of_resistors_it_is_the_transfer_matrix_at_any_drive() -> None:
    conductance_s, drive_v = draw(6, 11)
    jacobian_s = sensitivity(conductance_s, drive_v, wires=WIRES, device=Ohmic())
    expected_s = transfer_matrix(conductance_s, wires=WIRES)
    np.testing.assert_allclose(jacobian_s, np.stack([expected_s] * 3), rtol=1e-12)
