"""`whitebox`: the twin of `structured` that is told the circuit's equations and fits their constants."""

from __future__ import annotations

import logging
from dataclasses import astuple, fields
from typing import Any, ClassVar

import numpy as np
import torch

from crosscal.training.calibrators.graph_writer import GraphFacts, GraphWriter
from crosscal.training.calibrators.preparation import PreparationSteps
from crosscal.training.calibrators.structured.calibrator import Structured
from crosscal.training.calibrators.structured.circuit import WIRES, Circuit
from crosscal.training.calibrators.whitebox.cell_model_form import (
    MAX_CONDUCTANCE_TERMS,
    MAX_KINK_TERMS,
    MAX_VOLTAGE_TERMS,
    CellModelForm,
)
from crosscal.training.calibrators.whitebox.circuit_fit import CircuitFit
from crosscal.training.calibrators.whitebox.model_selection import reads_of, select_circuit
from crosscal.training.calibrators.whitebox.residual_test import ResidualTest, residual_test
from crosscal.training.calibrators.whitebox.unknowns import network_with_enough_rounds
from crosscal.training.measurements import Measurements

logger = logging.getLogger(__name__)

_LAW = MAX_CONDUCTANCE_TERMS * MAX_VOLTAGE_TERMS + MAX_KINK_TERMS


class Whitebox(Structured):
    """Four resistances, a cell law, a gain and an offset per column; all that follows is `structured`'s.

    It takes all segments, all drivers and all sense ends of a board to be alike, so that a few hundred
    vectors suffice, and says by a residual test when that, or its law, is wrong. The file's `normalisation`
    carries the constants with their standard errors, and the test's result.
    """

    name: ClassVar[str] = "whitebox"
    constants: torch.Tensor
    standard_errors: torch.Tensor
    misfit: torch.Tensor

    def __init__(self, shape: tuple[int, int], **options: Any) -> None:
        super().__init__(shape, **options)
        sizes = {"constants": len(WIRES) + _LAW, "standard_errors": len(WIRES) + _LAW, "misfit": 4}
        for name, size in sizes.items():
            self.register_buffer(name, torch.zeros(size, dtype=torch.float64))

    def learn_circuit(
        self, learned: Measurements, rng: np.random.Generator, steps: PreparationSteps
    ) -> Circuit:
        """Fit the equations' constants, and test the residuals."""
        reads = reads_of(learned, rng)
        fit = select_circuit(reads, steps)
        verdict = residual_test(fit, reads)
        logger.info("%s", verdict)
        self._remember(fit, verdict)
        return network_with_enough_rounds(fit, reads).single()

    def write_graph(self, graph: GraphWriter) -> GraphFacts:
        """Write the shared graph, and beside it the constants with standard errors."""
        facts = super().write_graph(graph)
        return GraphFacts(
            fold=facts.fold, normalisation={**facts.normalisation, "circuit": self.circuit_facts()}
        )

    @property
    def verdict(self) -> ResidualTest:
        """Result of the residual test."""
        names = (field.name for field in fields(ResidualTest))
        return ResidualTest(**dict(zip(names, self.misfit.tolist(), strict=True)))

    def findings(self) -> tuple[str, ...]:
        """Say whether the equations fit this board, and the remedy if not."""
        return (str(self.verdict),)

    def circuit_facts(self) -> dict[str, Any]:
        """Constants with their standard errors, and the residual test, as plain JSON values."""
        wires = {
            f"{name}_ohm": [round(float(value), 5), round(float(error), 5)]
            for name, value, error in zip(WIRES, self.constants, self.standard_errors, strict=False)
        }
        law = self.constants[len(WIRES) :].tolist()
        orders = MAX_CONDUCTANCE_TERMS * MAX_VOLTAGE_TERMS
        return {
            **wires,
            "law": np.reshape(law[:orders], (MAX_CONDUCTANCE_TERMS, MAX_VOLTAGE_TERMS)).round(6).tolist(),
            "kink": np.round(law[orders:], 6).tolist(),
            "fits": self.verdict.fits,
            "residual_test": str(self.verdict),
        }

    def _remember(self, fit: CircuitFit, verdict: ResidualTest) -> None:
        most = CellModelForm(
            conductance_terms=MAX_CONDUCTANCE_TERMS,
            voltage_terms=MAX_VOLTAGE_TERMS,
            kink_terms=MAX_KINK_TERMS,
        )
        for buffer, values in (
            (self.constants, fit.circuit.parameters),
            (self.standard_errors, fit.standard_error),
        ):
            law = most.applied(fit.circuit.with_parameters(values).law)
            known = np.concatenate([values[: len(WIRES)], law.coefficients.ravel(), law.kink])
            buffer.copy_(torch.from_numpy(known))
        self.misfit.copy_(torch.tensor(astuple(verdict), dtype=torch.float64))
