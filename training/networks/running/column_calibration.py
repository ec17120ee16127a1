"""Calibration of columns inside a network: gain and offset of every output, from known inputs."""

from __future__ import annotations

import torch
from torch import Tensor

from crosscal.training.networks.running.chip_run import ChipRun, ColumnCorrection
from crosscal.training.networks.running.software import SoftwareRun

GAIN_MOST = 4.0
"""A column that is further off has no signal left: 2 to 10 give the same accuracies."""


@torch.no_grad()
def calibrate_columns(run: ChipRun, software: SoftwareRun, known: Tensor) -> None:
    """Fit gain and offset of every output of every layer, first to last, by least squares.

    The inputs of a layer are those that the chip itself gives, with the layers before it calibrated; they are
    multiplied in floats for comparison.

    Args:
        run: programmed; gains `corrections`.
        software: the same network in floats.
        known: inputs, (B, …), some hundred.
    """
    run.corrections.clear()

    def multiply(number: int, x: Tensor) -> Tensor:
        matrix = run.network.layers[number].matrix
        reference = run.reference(number, x)
        found = run.product(number, x) + reference
        bias = torch.from_numpy(matrix.bias).to(found.device)
        exact = software.multiply(number, x) - matrix.per_output(bias) + reference
        run.corrections[number] = fit_columns(*(_by_output(each, matrix.window) for each in (found, exact)))
        return run.multiply(number, x)

    run.run_with(known, multiply)


def fit_columns(found: Tensor, exact: Tensor) -> ColumnCorrection:
    """Fit `found = (exact − offset) / gain` with noise on what was found, for every output.

    The other way round, noise would make gains smaller, and columns of one layer by different factors.

    Args:
        found, exact: (B, O).
    """
    mean_found, mean_exact = found.mean(dim=0), exact.mean(dim=0)
    centred = exact - mean_exact
    variance = centred.pow(2).mean(dim=0)
    slope = ((found - mean_found) * centred).mean(dim=0) / variance.clamp_min(1e-30)
    slope = torch.where(variance > 0, slope, torch.ones_like(slope))
    gain = 1.0 / slope.clamp(1.0 / GAIN_MOST, GAIN_MOST)
    return ColumnCorrection(gain=gain, offset=mean_exact - gain * mean_found)


def _by_output(values: Tensor, window: tuple[int, ...]) -> Tensor:
    """Put outputs last and everything else first, (B', O)."""
    moved = values.movedim(1, -1) if window else values
    return moved.reshape(-1, moved.shape[-1])
