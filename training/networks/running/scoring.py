"""Score of a chip: its accuracy on labelled data, and the error of every layer on some of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from crosscal.core.errors import ShapeError, wanted
from crosscal.training.networks.running.chip_run import ChipRun
from crosscal.training.networks.running.software import SoftwareRun

BATCH = 100  # images at a time: some megabytes of a layer's inputs
ERROR_INPUTS = 64
"""Inputs that layers' errors are taken from: 32 to 256 agree within a tenth of the error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipScore:
    """Score of one chip.

    Attributes:
        number: of the chip.
        accuracy: part of the inputs that it classifies rightly.
        layer_errors: rms error of every layer's output, relative to the rms of the float network's.
        energy_j: of one input [J].
        latency_s: of one input, layer by layer [s].
        area_m2: of all tiles [m²].
        tiles, conversions: in all, and for one input.
        layer_energy_j: by layer [J].
    """

    number: int
    accuracy: float
    layer_errors: tuple[float, ...]
    energy_j: float
    latency_s: float
    area_m2: float
    tiles: int
    conversions: int
    layer_energy_j: tuple[float, ...]


def accuracy_of(
    run: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, *, advance: Callable[[int], None] = lambda _: None
) -> float:
    """Return the part of inputs classified rightly.

    Args:
        run: gives outputs (B, classes) for a batch.
        x, y: inputs (B, …) and classes.
        advance: is told the number of inputs done.

    Raises:
        ShapeError: outputs that are no scores of classes, or classes that the network has no output for.
    """
    right = 0
    for start in range(0, len(x), BATCH):
        part = slice(start, start + BATCH)
        outputs = class_scores(run(x[part]), len(x[part]))
        _require_outputs(y, outputs.shape[1])
        found = outputs.argmax(dim=1).cpu()
        right += int((found == y[part]).sum())
        advance(len(found))
    return right / len(x)


def classes_of(outputs: Tensor, inputs: int) -> Tensor:
    """Return the class that outputs choose for each input, (B,), on the CPU; as `class_scores`."""
    return class_scores(outputs, inputs).argmax(dim=1).cpu()


def class_scores(outputs: Tensor, inputs: int) -> Tensor:
    """Return outputs as scores of classes, (B, classes): axes of one value after them may follow.

    Args:
        outputs: of a network.
        inputs: that they are of, B.

    Raises:
        ShapeError: outputs that are no classification.
    """
    while outputs.ndim > 2 and outputs.shape[-1] == 1:
        outputs = outputs.squeeze(-1)
    remedy = ""
    if not outputs.is_floating_point():
        remedy = "end the network before ArgMax, or before the layer that makes whole numbers of the scores"
    elif outputs.ndim != 2 or len(outputs) != inputs:
        remedy = "end the network where it has one score for each class, or give it a free batch axis"
    if remedy:
        kind = "" if outputs.is_floating_point() else " of whole numbers"
        got = f"outputs{kind} of shape {tuple(outputs.shape)} for {inputs} inputs"
        allowed = f"scores of classes, ({inputs}, classes)"
        raise ShapeError(wanted(got=got, allowed=allowed, remedy=remedy))
    return outputs


def _require_outputs(y: Tensor, outputs: int) -> None:
    last = int(y.max())
    if last >= outputs:
        got, allowed = f"data with class {last}", f"0 to {outputs - 1}, the outputs of the network"
        raise ShapeError(wanted(got=got, allowed=allowed, remedy="give data of the network's classes"))


def score_chip(
    run: ChipRun,
    software: SoftwareRun,
    x: Tensor,
    y: Tensor,
    *,
    number: int,
    advance: Callable[[int], None] = lambda _: None,
) -> ChipScore:
    """Score a programmed network.

    Args:
        run: programmed.
        software: the same network in floats.
        x, y: inputs (B, …) and classes.
        number: of the chip.
        advance: is told the number of inputs done.
    """
    accuracy = accuracy_of(run.run, x, y, advance=advance)
    errors, vectors = layer_errors(run, software, x[:ERROR_INPUTS])
    energies, latency_s, area_m2, tiles, conversions = [], 0.0, 0.0, 0, 0
    for costs, count in zip(run.costs, vectors, strict=True):
        energies.append(count * sum(cost.energy_j for cost in costs))
        latency_s += count * max(cost.latency_s for cost in costs)
        area_m2 += sum(cost.area_m2 for cost in costs)
        tiles += sum(cost.tiles for cost in costs)
        conversions += round(count * sum(cost.conversions for cost in costs))
    return ChipScore(
        number=number,
        accuracy=accuracy,
        layer_errors=tuple(errors),
        energy_j=sum(energies),
        latency_s=latency_s,
        area_m2=area_m2,
        tiles=tiles,
        conversions=conversions,
        layer_energy_j=tuple(energies),
    )


def layer_errors(run: ChipRun, software: SoftwareRun, x: Tensor) -> tuple[list[float], list[float]]:
    """Compare every layer's output with the float network's, each with its own inputs.

    Returns:
        Rms errors relative to the rms of the exact outputs, and vectors per input, by layer.
    """
    exact: dict[int, Tensor] = {}
    errors, vectors = [0.0] * len(run.network.layers), [0.0] * len(run.network.layers)

    def remember(number: int, value: Tensor) -> Tensor:
        exact[number] = software.multiply(number, value)
        return exact[number]

    def compare(number: int, value: Tensor) -> Tensor:
        found = run.multiply(number, value)
        power = float(exact[number].pow(2).mean())
        errors[number] = float(((found - exact[number]).pow(2).mean() / power).sqrt()) if power else 0.0
        vectors[number] = found.numel() / (len(x) * run.network.layers[number].matrix.outputs)
        return found

    software.run_with(x, remember)
    run.run_with(x, compare)
    return errors, vectors
