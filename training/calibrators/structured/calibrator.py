"""`structured`: a calibrator with the circuit as its architecture and the board's unknowns as its weights."""

from __future__ import annotations

from dataclasses import fields
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
from crosscal.training.calibrators.structured.backend import Array, Backend, TorchBackend
from crosscal.training.calibrators.structured.circuit import CircuitForm, CircuitUnknowns, physical_unknowns
from crosscal.training.calibrators.structured.circuit_fit import Free, fit_circuit
from crosscal.training.calibrators.structured.graph_backend import GraphBackend
from crosscal.training.calibrators.structured.reader import Reader, ReadRules, tensors_of
from crosscal.training.calibrators.structured.surrogate import Surrogate, SurrogateDesign, fit_surrogate
from crosscal.training.calibrators.structured.tuning import (
    EXPANSION_ORDERS,
    design_sizes,
    deviation_inflation,
    draw_design,
    enough_rounds,
    input_expansion,
    read_rules,
    unexplained_variance,
    vector_source,
)
from crosscal.training.measurements import Measurements

_SCALES = ("largest_v", "middle_s", "half_s")
_VECTORS = 1920
_STEPS = 8


GRADIENT_ROUNDS = (60, 120, 240)
"""Rounds of conjugate gradients that are tried. Matrices uniform over one decade settle within 60; on/off
matrices in 120; with 90 % of the cells off 240 leave 1e-5 and less."""

_LAST_BIT = 2.0**-24
_SETTLED = 3e-6
"""Change of the currents, relative to the largest, that one bit of the conductances may cause: a third of the
parity tolerance. A settled fit stands at 3e-8, one that is cut off above 1e-5."""

_SETTLED_VECTORS = 4


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
        vectors, _ = design_sizes(rows)
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
        learned, held = _divided(data, rng)
        form, free = self.learn_circuit(learned, rng)
        self.set_circuit(form, free)
        expansion, input_bounds = input_expansion(form, free, learned)
        design = draw_design(form, physical_unknowns(form, free), learned, expansion, input_bounds, rng)
        self.set_read_model(
            design,
            noise=unexplained_variance(form, free, held, rng),
            input_bounds=input_bounds,
            expansion=expansion,
        )
        self._take_enough_gradient_rounds(learned)
        self.inflation.copy_(torch.from_numpy(deviation_inflation(self.surrogate_tensors, held)))

    def set_circuit(self, form: CircuitForm, free: Free) -> None:
        """Take over a circuit."""
        self.scales.copy_(torch.tensor([getattr(form, name) for name in _SCALES]))
        self.rounds.fill_(form.rounds)
        for name, value in free.items():
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

    def _take_enough_gradient_rounds(self, data: Measurements) -> None:
        """Choose the conjugate gradients' rounds so that surrogates settle, on the most uneven matrices too.

        A fit that was cut off answers to the last bit of a conductance: what single precision cannot resolve
        would show in the currents. Matrices of one decade settle in the fewest rounds.
        """
        uneven = np.std(data.conductance_s / data.conductance_s.mean(axis=(1, 2), keepdims=True), axis=(1, 2))
        tried = [k for k in np.argsort(-uneven) if data.usable[k].any()][:2]
        for rounds in GRADIENT_ROUNDS:
            self.gradient_rounds.fill_(rounds)
            if all(self._settles(data, k) for k in tried):
                return

    def _settles(self, data: Measurements, k: int) -> bool:
        currents = data.current_a[k, np.flatnonzero(data.usable[k])[:_SETTLED_VECTORS]]
        signs = np.where(np.indices(self.shape).sum(axis=0) % 2, 1.0, -1.0)
        answers = [
            self(torch.from_numpy(matrix_s[None]), torch.from_numpy(currents[None])).detach().numpy()
            for matrix_s in (data.conductance_s[k], data.conductance_s[k] * (1.0 + signs * _LAST_BIT))
        ]
        return bool(np.abs(answers[1] - answers[0]).max() <= _SETTLED * np.abs(answers[0]).max())

    def circuit(self) -> tuple[CircuitForm, Free]:
        """The circuit that is believed in."""
        return self._form, self._free()

    def learn_circuit(self, learned: Measurements, rng: np.random.Generator) -> tuple[CircuitForm, Free]:
        """Find the circuit that explains the measurements; `whitebox` differs in this step alone."""
        form = CircuitForm(
            rows=self.shape[0],
            columns=self.shape[1],
            largest_v=float(np.abs(learned.voltage_v).max()),
            middle_s=float(0.5 * (learned.conductance_s.max() + learned.conductance_s.min())),
            half_s=float(0.5 * max(np.ptp(learned.conductance_s), 1e-3 * learned.conductance_s.max())),
        )
        vectors = int(self.options.get("vectors", _VECTORS))
        if not np.ptp(learned.voltage_v[learned.usable]) > 0:
            raise TrainingError(
                wanted(got="one input voltage", allowed="inputs that vary", remedy="collect random inputs")
            )
        free, rounds = self._free(), form.rounds
        draw = vector_source(learned, form, rng)
        free, _ = fit_circuit(form, draw, free, vectors=vectors)
        form = enough_rounds(form, free, learned)
        if form.rounds != rounds:
            free, _ = fit_circuit(form, vector_source(learned, form, rng), free, vectors=vectors)
        return form, free

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
        """Tensors of `crosscal.runtime.inverse.inverse.InverseTensors` for one matrix [S], (N, M)."""
        backend = TorchBackend()
        with torch.no_grad():
            surrogate = self._surrogate(backend, torch.from_numpy(np.array(conductance_s, dtype=np.float64)))
        tensors = tensors_of(surrogate, self._rules(), float(self.inflation), self.shape)
        return {name: _as_numpy(name, value) for name, value in tensors.items()} | {
            "conductance": conductance_s
        }

    def write_graph(self, graph: GraphWriter) -> GraphFacts:
        """The same lines that torch runs, written down as nodes."""
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
                "wires_ohm": [
                    round(float(ohm), 4) for ohm in physical_unknowns(self._form, self._free()).wires_ohm
                ],
            },
        )

    @property
    def _form(self) -> CircuitForm:
        scales = dict(zip(_SCALES, self.scales.tolist(), strict=True))
        return CircuitForm(rows=self.shape[0], columns=self.shape[1], rounds=int(self.rounds), **scales)

    def _free(self) -> Free:
        prefix = "free_"
        return {name[len(prefix) :]: value for name, value in self.named_buffers() if name.startswith(prefix)}

    def _rules(self) -> ReadRules:
        unknowns = physical_unknowns(
            self._form, {name: value.double() for name, value in self._free().items()}
        )
        return read_rules(
            self._form,
            unknowns,
            input_bounds=self.input_bounds.numpy(),
            expansion=self.expansion.numpy(),
            steps=_STEPS,
        )

    def _surrogate(self, backend: Backend, conductance_s: Array) -> Surrogate:
        form = self._form
        unknowns = physical_unknowns(form, {name: value.double() for name, value in self._free().items()})
        shared = CircuitUnknowns(
            **{
                field.name: _constant(backend, field.name, getattr(unknowns, field.name))
                for field in fields(unknowns)
            }
        )
        design = SurrogateDesign(
            inputs=self.design_inputs.numpy(),
            common=design_sizes(form.rows)[1],
            drive_v=self.design_drive_v.numpy(),
            orthogonal=self.orthogonal.numpy(),
            rounds=int(self.gradient_rounds),
        )
        noise = backend.constant(self.noise.numpy()[None])
        return fit_surrogate(backend, form, shared, design, noise, conductance_s)


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


def _constant(backend: Backend, name: str, value: torch.Tensor) -> Any:
    """Give scalars of the law as Python numbers, for any backend; arrays as constants."""
    if name in ("law", "kink"):
        return value.tolist()
    return backend.constant(value.numpy())


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
