"""`affine`: one gain and one offset per column, the same for every matrix."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from crosscal.training.calibrators.affine_fit import fit_affine
from crosscal.training.calibrators.calibrator import Stage, TrainableCalibrator
from crosscal.training.calibrators.graph_writer import CALIBRATED, CURRENT, GraphFacts, GraphWriter
from crosscal.training.measurements import Measurements


class Affine(TrainableCalibrator):
    """Least squares over all matrices at once; nothing of it depends on the matrix.

    A shift from matrix to matrix it cannot follow: its error is the spread of the matrices' own offsets.
    """

    name: ClassVar[str] = "affine"
    gain: torch.Tensor
    offset_a: torch.Tensor

    def __init__(self, shape: tuple[int, int]) -> None:
        super().__init__(shape)
        columns = shape[1]
        self.register_buffer("gain", torch.ones(columns))
        self.register_buffer("offset_a", torch.zeros(columns))

    def prepare(self, data: Measurements, rng: np.random.Generator) -> None:
        """Fit in closed form."""
        del rng
        fit = fit_affine(data.current_a[data.usable], data.ideal_a[data.usable])
        self.gain.copy_(torch.from_numpy(fit.gain))
        self.offset_a.copy_(torch.from_numpy(fit.offset_a))

    def stages(self) -> tuple[Stage, ...]:
        """Nothing is left to train."""
        return ()

    def forward(self, conductance_s: torch.Tensor, current_a: torch.Tensor) -> torch.Tensor:
        """Calibrate, (K, V, M)."""
        del conductance_s
        return self.gain * current_a + self.offset_a

    def write_graph(self, graph: GraphWriter) -> GraphFacts:
        """Two nodes; gain and offset are constants."""
        graph.constant("fold_gain", self.gain.numpy())
        graph.constant("fold_offset", self.offset_a.numpy())
        graph.node("Mul", [CURRENT, "fold_gain"], "amplified")
        graph.node("Add", ["amplified", "fold_offset"], CALIBRATED)
        return GraphFacts(fold={"gain": "fold_gain", "offset": "fold_offset"})
