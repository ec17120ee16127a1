"""`structured`: a calibrator with the circuit as its architecture and the board's unknowns as its weights."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch

from crosscal.core.errors import TrainingError, wanted
from crosscal.training.calibrators.calibrator import Stage, TrainableCalibrator
from crosscal.training.calibrators.graph_writer import (
    CALIBRATED,
    CONDUCTANCE,
    CURRENT,
    GraphFacts,
    GraphWriter,
)
from crosscal.training.calibrators.preparation import PreparationSteps
from crosscal.training.calibrators.structured.backend import Array, Backend, TorchBackend
from crosscal.training.calibrators.structured.cells_read_back import with_cells_read_back
from crosscal.training.calibrators.structured.circuit import Circuit, CircuitForm
from crosscal.training.calibrators.structured.circuit_fit import fit_circuit
from crosscal.training.calibrators.structured.deviations import deviation_inflation, unexplained_variance
from crosscal.training.calibrators.structured.gradient_rounds import enough_gradient_rounds
from crosscal.training.calibrators.structured.graph_backend import GraphBackend
from crosscal.training.calibrators.structured.input_expansion import EXPANSION_ORDERS, input_expansion
from crosscal.training.calibrators.structured.measured_vectors import VectorSource
from crosscal.training.calibrators.structured.reader import Reader, ReadRules, tensors_of
from crosscal.training.calibrators.structured.referred_temperature import referred
from crosscal.training.calibrators.structured.rounds import with_enough_rounds
from crosscal.training.calibrators.structured.surrogate import Surrogate, fit_surrogate
from crosscal.training.calibrators.structured.surrogate_design import (
    SurrogateDesign,
    design_sizes,
    draw_design,
)
from crosscal.training.measurements import Measurements

_SCALES = ("largest_v", "middle_s", "half_s")
_VECTORS = 1920
"""480 to 3840 come to the same error on a 12×16 board with random inputs, 240 to five times that."""


class Structured(TrainableCalibrator):
    """Wires, drivers, a cell law and channel errors, learned from measured vectors; inverted
    through a surrogate.

    Options:
        vectors: vectors to learn from, in all; more make inputs that go together, such as sines on all
            rows, more exact.
    """

    name: ClassVar[str] = "structured"
    scales: torch.Tensor
    rounds: torch.Tensor
    gradient_rounds: torch.Tensor
    design_inputs: torch.Tensor
    design_drive_v: torch.Tensor
    orthogonal: torch.Tensor
    noise: torch.Tensor
    input_bounds: torch.Tensor
    expansion: torch.Tensor
    inflation: torch.Tensor

    def __init__(self, shape: tuple[int, int], **options: Any) -> None:
        super().__init__(shape, **options)
        rows, columns = shape
        blank = CircuitForm(rows=rows, columns=columns, largest_v=1.0, middle_s=1.0, half_s=1.0)
        for name, size in blank.free_shapes().items():
            self.register_buffer(f"free_{name}", torch.zeros(size))
        vectors, _ = design_sizes(rows, columns)
        sizes: dict[str, tuple[int, ...]] = {
            "scales": (len(_SCALES),),
            "rounds": (),
            "gradient_rounds": (),
            "design_inputs": (vectors, rows),
            "design_drive_v": (vectors, rows),
            "orthogonal": (4, 4),
            "noise": (columns,),
            "input_bounds": (5,),
            "expansion": (EXPANSION_ORDERS,),
            "inflation": (1,),
        }
        for name, size in sizes.items():
            self.register_buffer(name, torch.zeros(size, dtype=torch.float64))

    def prepare(self, data: Measurements, rng: np.random.Generator) -> None:
        """Learn the circuit from most matrices, and from the others how far it can be trusted."""
        self.prepare_in_steps(data, rng, PreparationSteps())

    def prepare_in_steps(self, data: Measurements, rng: np.random.Generator, steps: PreparationSteps) -> None:
        """Do as `prepare` does, in steps that are kept."""
        learned, held = _divided(data, rng)
        circuit = self.learn_circuit(learned, rng, steps.under("circuit"))
        self.set_circuit(circuit)
        at_one_temperature = referred(circuit, learned, held)
        if at_one_temperature is not None:
            learned, held = at_one_temperature
            circuit = self.learn_circuit(learned, rng, steps.under("circuit at one temperature"))
            self.set_circuit(circuit)
        informed = with_cells_read_back(circuit, learned, rng)
        if informed is not None:
            circuit = self.learn_circuit(informed, rng, steps.under("circuit of cells read back"))
            self.set_circuit(circuit)
        expansion, input_bounds = input_expansion(circuit, learned)
        self.set_read_model(
            draw_design(circuit, learned, expansion, input_bounds, rng),
            noise=unexplained_variance(circuit, held, rng),
            input_bounds=input_bounds,
            expansion=expansion,
        )
        self.gradient_rounds.fill_(enough_gradient_rounds(self._in_gradient_rounds, learned, steps))
        self.inflation.copy_(torch.from_numpy(deviation_inflation(self.surrogate_tensors, held, steps)))

    def set_circuit(self, circuit: Circuit) -> None:
        """Take over a circuit."""
        self.scales.copy_(torch.tensor([getattr(circuit.form, name) for name in _SCALES]))
        self.rounds.fill_(circuit.form.rounds)
        for name, value in circuit.free.items():
            getattr(self, f"free_{name}").copy_(value)

    def set_read_model(
        self, design: SurrogateDesign, *, noise: np.ndarray, input_bounds: np.ndarray, expansion: np.ndarray
    ) -> None:
        """Take over how surrogates are fitted and read; deviations are the posterior's until measured."""
        self.gradient_rounds.fill_(design.rounds)
        for name, value in {
            "design_inputs": design.inputs,
            "design_drive_v": design.drive_v,
            "orthogonal": design.orthogonal,
            "noise": noise,
            "input_bounds": input_bounds,
            "expansion": expansion,
            "inflation": np.ones(1),
        }.items():
            getattr(self, name).copy_(torch.from_numpy(value))

    @property
    def circuit(self) -> Circuit:
        """The circuit that was learned, in the precision of the state."""
        prefix, scales = "free_", dict(zip(_SCALES, self.scales.tolist(), strict=True))
        form = CircuitForm(rows=self.shape[0], columns=self.shape[1], rounds=int(self.rounds), **scales)
        buffers = self.named_buffers()
        return Circuit.of(
            form, {name[len(prefix) :]: value for name, value in buffers if name.startswith(prefix)}
        )

    def learn_circuit(
        self, learned: Measurements, rng: np.random.Generator, steps: PreparationSteps
    ) -> Circuit:
        """Find the circuit that explains the measurements; `whitebox` differs in this step alone."""
        form = CircuitForm(
            rows=self.shape[0],
            columns=self.shape[1],
            largest_v=float(np.abs(learned.voltage_v).max()),
            middle_s=float(0.5 * (learned.conductance_s.max() + learned.conductance_s.min())),
            half_s=float(0.5 * max(np.ptp(learned.conductance_s), 1e-3 * learned.conductance_s.max())),
        )
        if not np.ptp(learned.voltage_v[learned.usable]) > 0:
            raise TrainingError(
                wanted(got="one input voltage", allowed="inputs that vary", remedy="collect random inputs")
            )
        vectors = int(self.options.get("vectors", _VECTORS))
        first = Circuit.of(form, self.circuit.free)
        draw = VectorSource(learned, form, rng)
        fitted, _ = fit_circuit(first, draw, vectors=vectors, steps=steps.under("first fit"))
        circuit = with_enough_rounds(fitted, learned)
        if circuit.form.rounds != form.rounds:
            draw = VectorSource(learned, circuit.form, rng)
            circuit, _ = fit_circuit(circuit, draw, vectors=vectors, steps=steps.under("second fit"))
        return circuit

    def stages(self) -> tuple[Stage, ...]:
        """Gauss–Newton has done it all."""
        return ()

    def forward(self, conductance_s: torch.Tensor, current_a: torch.Tensor) -> torch.Tensor:
        """Calibrate, (K, V, M); in float64 throughout, as ill-conditioned matrices ask."""
        backend = TorchBackend()
        with torch.no_grad():
            answers = [
                Reader(
                    backend, self._surrogate(backend, matrix.double()), self._rules(), self.shape
                ).calibrated(measured.double(), matrix.double())
                for matrix, measured in zip(conductance_s, current_a, strict=True)
            ]
        return torch.stack(answers).to(current_a.dtype)

    def surrogate_tensors(self, conductance_s: np.ndarray) -> dict[str, np.ndarray]:
        """Tensors of `crosscal.runtime.InverseTensors` for one matrix [S], (N, M)."""
        backend = TorchBackend()
        with torch.no_grad():
            surrogate = self._surrogate(backend, torch.from_numpy(np.array(conductance_s, dtype=np.float64)))
        tensors = tensors_of(surrogate, self._rules(), float(self.inflation), self.shape)
        return {name: _as_numpy(name, value) for name, value in tensors.items()} | {
            "conductance": conductance_s
        }

    def write_graph(self, graph: GraphWriter) -> GraphFacts:
        """Write the same lines that torch runs as nodes."""
        backend = GraphBackend(graph)
        conductance = backend.input(CONDUCTANCE)
        surrogate = self._surrogate(backend, backend.double(conductance))
        reader = Reader(backend, surrogate, self._rules(), self.shape)
        calibrated = reader.calibrated(backend.double(backend.input(CURRENT)), backend.double(conductance))
        backend.named(calibrated, CALIBRATED)
        fold = {}
        for name, value in tensors_of(surrogate, self._rules(), float(self.inflation), self.shape).items():
            fold[name] = f"fold_{name}"
            backend.named(_as_array(backend, name, value), fold[name])
        return GraphFacts(
            fold=fold,
            normalisation={
                "current": "(current - fold_current_shift) * fold_current_scale",
                "wires_ohm": [round(float(ohm), 4) for ohm in self.circuit.unknowns.wires_ohm],
            },
        )

    def _in_gradient_rounds(
        self, rounds: int, conductance_s: np.ndarray, current_a: np.ndarray
    ) -> np.ndarray:
        """Calibrate [A], (B, M), on one matrix, its surrogate fitted in so many rounds."""
        self.gradient_rounds.fill_(rounds)
        answer = self(torch.from_numpy(conductance_s[None]), torch.from_numpy(current_a[None]))
        return answer.detach().numpy()[0]

    def _rules(self) -> ReadRules:
        return ReadRules.of(
            self.circuit.double(), input_bounds=self.input_bounds.numpy(), expansion=self.expansion.numpy()
        )

    def _surrogate(self, backend: Backend, conductance_s: Array) -> Surrogate:
        circuit = self.circuit.single().on(backend)
        design = SurrogateDesign(
            inputs=self.design_inputs.numpy(),
            common=design_sizes(circuit.form.rows, circuit.form.columns)[1],
            drive_v=self.design_drive_v.numpy(),
            orthogonal=self.orthogonal.numpy(),
            rounds=int(self.gradient_rounds),
        )
        noise = backend.constant(self.noise.numpy()[None])
        return fit_surrogate(backend, circuit, design, noise, conductance_s)


def _divided(data: Measurements, rng: np.random.Generator) -> tuple[Measurements, Measurements]:
    """Matrices to learn from, and some to learn of noise from; a single matrix serves for both."""
    kept = np.flatnonzero(data.usable.any(axis=1))
    if not kept.size:
        raise TrainingError(
            wanted(got="no usable vector", allowed="some on each matrix", remedy="collect the run again")
        )
    order = rng.permutation(kept)
    held = max(1, min(len(order) // 5, 24)) if len(order) > 1 else 0
    return data.of_matrices(np.sort(order[held:])), data.of_matrices(np.sort(order[:held] if held else order))


_VECTORS_OF_ONE = ("constant", "variance", "offset", "input_variance", "prediction_bias")


def _as_numpy(name: str, value: Any) -> np.ndarray:
    if isinstance(value, list):
        return np.stack([part.numpy() for part in value])
    array = value if isinstance(value, np.ndarray) else value.numpy()
    return array.reshape(-1) if name in _VECTORS_OF_ONE else array


def _as_array(backend: GraphBackend, name: str, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return backend.constant(value)
    if isinstance(value, list):
        return backend.stacked(value)
    return backend.reshaped(value, (-1,)) if name in _VECTORS_OF_ONE else value
