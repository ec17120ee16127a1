"""Row of a study: a training, a mapping and the chips that it is scored on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
from crosscal.training.networks.learning.plan import LearningPlan
from crosscal.training.networks.mapping.options import MappingOptions
from crosscal.training.networks.running.chip_run import MERGED_METHOD


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRow:
    """One row.

    Attributes:
        labels: by column of the table.
        start: plain training that the other goes on from; None: it starts anew.
        plan: of the training.
        mapping: of the network; None: software alone.
        chip: cells, wires, age, mode.
        data: name of the data set.
        training_inputs: number of training inputs that are scored too.
    """

    labels: dict[str, str]
    start: LearningPlan | None = None
    plan: LearningPlan
    mapping: MappingOptions | None
    chip: ChipSettings
    data: str = ""
    training_inputs: int = 0

    @property
    def kept_as(self) -> list[Any]:
        """All that decides the scores of the row but for its data."""
        merged = self.mapping is not None and self.chip.mode == "merged"
        methods = [*([MERGED_METHOD] if merged else []), *self.chip.methods]
        return [self.start, self.plan, self.mapping, self.chip, self.training_inputs, *methods]


def name_of(*parts: Any) -> str:
    """Name a file by everything that decides its content."""
    text = json.dumps([_plain(part) for part in parts], sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, MappingOptions | ChipSettings | LearningPlan):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, msgspec.Struct):
        return msgspec.to_builtins(value)
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value
