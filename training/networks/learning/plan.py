"""Plan of a training: network, method, epochs."""

from __future__ import annotations

from dataclasses import dataclass

from crosscal.core.errors import InputError, RangeError, wanted
from crosscal.training.networks.mapping.options import AUTO, DIFFERENTIAL, OFFSET, MappingOptions

METHODS = ("plain", "quantised", "noise", "biased", "biased-noise")
EXPLORED = "explored"
PRECISIONS = ("float32", "bf16")


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningPlan:
    """Plan of a training.

    Attributes:
        network: name of a definition.
        method: `plain`; `quantised` to the cells' levels; `noise`, with their scatter injected; `biased` to
            favourable codes; or both.
        options: of the mapping that it is trained for: `offset` or `differential`, with one factor for each
            layer (`layer`, `trained` or `auto`) or a range.
        favourable: codes that the most significant slice is biased to; see `favourable_codes`.
        columns: part of the columns that are biased, the most important ones, 0 to 1: one for all layers, one
            for each, or `explored`, found on the inputs held out.
        width: of the network; None: its own.
        epochs, batch: passes over the data, and inputs of a step.
        warm_up: part of the epochs before quantising and biasing begin.
        rate: of Adam.
        validation: part of the training data that the best epoch is chosen by.
        precision: of products in training, `float32` or `bf16`; weights are kept in single precision.
        seed: of weights, order and scatter.
    """

    options: MappingOptions
    network: str = "lenet5"
    method: str = "plain"
    favourable: str = "III-A"
    columns: float | tuple[float, ...] | str = 1.0
    width: int | None = None
    epochs: int = 5
    batch: int = 64
    warm_up: float = 0.4
    rate: float = 1e-3
    validation: float = 0.1
    precision: str = "float32"
    seed: int = 1

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            got = f"the method {self.method!r}"
            raise InputError(wanted(got=got, allowed=", ".join(METHODS), remedy="choose one"))
        if self.precision not in PRECISIONS:
            got = f"the precision {self.precision!r}"
            raise InputError(wanted(got=got, allowed=", ".join(PRECISIONS), remedy="choose one"))
        if self.mapped:
            _require_trainable(self.options)
        if isinstance(self.columns, str) and not self.explored:
            got, allowed = f"columns = {self.columns!r}", f"0 to 1, or {EXPLORED}"
            raise InputError(wanted(got=got, allowed=allowed, remedy="correct it"))
        parts = self.columns if isinstance(self.columns, tuple) else (self.columns,)
        for name, value in (*(("columns", part) for part in parts), ("warm_up", self.warm_up)):
            if not isinstance(value, str) and not 0 <= value <= 1:
                raise RangeError(wanted(got=f"{name} = {value}", allowed="0 to 1", remedy="correct it"))
        if not 0 < self.validation < 1 or self.epochs < 1 or self.batch < 1:
            got = f"validation = {self.validation}, epochs = {self.epochs}, batch = {self.batch}"
            raise RangeError(wanted(got=got, allowed="0 to 1, 1 or more, 1 or more", remedy="correct it"))

    @property
    def mapped(self) -> bool:
        """Whether weights are held as cells hold them."""
        return self.method != "plain"

    @property
    def biased(self) -> bool:
        """Whether columns are biased."""
        return self.method in ("biased", "biased-noise")

    @property
    def explored(self) -> bool:
        """Whether the part of biased columns is found for every layer."""
        return self.columns == EXPLORED

    @property
    def scatter(self) -> bool:
        """Whether scatter is injected."""
        return self.method in ("noise", "biased-noise")

    @property
    def warm_up_epochs(self) -> int:
        """Epochs of plain training that come first."""
        return min(int(self.warm_up * self.epochs), self.epochs - 1) if self.mapped else 0


def _require_trainable(options: MappingOptions) -> None:
    if options.representation == AUTO:
        got, allowed = "the representation auto for training", f"{OFFSET}, {DIFFERENTIAL}"
        raise InputError(wanted(got=got, allowed=allowed, remedy="choose the one that will be mapped"))
    if options.scale == "column":
        got, allowed = "the scale column for training", "layer, auto, or a range"
        raise InputError(wanted(got=got, allowed=allowed, remedy="choose one"))
