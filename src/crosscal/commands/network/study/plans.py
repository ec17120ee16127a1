"""Rows of the studies that train, map and score networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from crosscal.commands.network.study.row import StudyRow
from crosscal.core.network.cell_profile import CellProfile, load_cell_profile
from crosscal.core.physical_constants import DAY_S, HOUR_S
from crosscal.simulated_bench import Wires
from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
from crosscal.training.networks.learning.plan import EXPLORED, LearningPlan
from crosscal.training.networks.mapping.options import MappingOptions

RANGES = {"±2": "2", "scaled": "layer"}
METHODS = {
    "conventional": ("plain", "III-A"),
    "biased III-A": ("biased", "III-A"),
    "biased III-B": ("biased", "III-B"),
    "noise-injected": ("noise", "III-A"),
    "biased + noise": ("biased-noise", "III-A"),
}
REPRESENTATIONS = ("offset", "differential")
# Values that a study runs through: from none to beyond what networks bear.
WIRES_OHM = (0.0, 1.0, 2.0, 4.0, 6.0)
AGES_S = {"1 s": 1.0, "1 hour": HOUR_S, "1 day": DAY_S, "1 week": 7 * DAY_S, "1 month": 30 * DAY_S}
SCATTERS = (0.0, 0.5, 1.0, 2.0, 4.0, 6.0)
COLUMNS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """Settings that all rows of a study share.

    Attributes:
        plain: training that the others go on from.
        epochs: of trainings that go on from it.
        cells: profiles.
        scatter: multiplies their scatter.
        mode: of the chips.
        device: torch's device.
    """

    plain: LearningPlan
    epochs: int
    cells: tuple[str, ...]
    scatter: float
    mode: str
    device: str = "cpu"

    def profiles(self, factor: float = 1.0) -> Iterator[tuple[str, CellProfile]]:
        """Yield names and cells with their scatter multiplied."""
        for name in self.cells:
            profile = load_cell_profile(name)
            scale = profile.error_scale * factor * self.scatter
            yield name, msgspec.structs.replace(profile, error_scale=scale)

    def row(
        self,
        labels: dict[str, str],
        mapping: MappingOptions,
        *,
        method: str = "plain",
        wires_ohm: float = 0.0,
        age_s: float = 0.0,
        **learning: Any,
    ) -> StudyRow:
        """Make a row: a method other than `plain` goes on from the plain network, for its own mapping."""
        wires = Wires(row_ohm=wires_ohm, column_ohm=wires_ohm)
        chip = ChipSettings(cells=mapping.cells, mode=self.mode, wires=wires, age_s=age_s, device=self.device)
        if method == "plain":
            return StudyRow(labels=labels, plan=self.plain, mapping=mapping, chip=chip)
        own = {"method": method, "options": mapping, "epochs": self.epochs, "warm_up": 0.0}
        plan = replace(self.plain, **own, **learning)
        scaled = replace(mapping, scale="trained" if mapping.scale == "layer" else mapping.scale)
        return StudyRow(labels=labels, start=self.plain, plan=plan, mapping=scaled, chip=chip)


def _mapping(cells: CellProfile, scale: str, representation: str) -> MappingOptions:
    return MappingOptions(cells=cells, representation=representation, scale=scale, read_back=False)


def _mappings(cells: CellProfile, ranges: dict[str, str]) -> Iterator[tuple[dict[str, str], MappingOptions]]:
    """Yield labels and options of every range and representation."""
    for range_name, scale in ranges.items():
        for representation in REPRESENTATIONS:
            labels = {"range": range_name, "representation": representation}
            yield labels, _mapping(cells, scale, representation)


def method_rows(plan: StudyPlan) -> Iterator[StudyRow]:
    """Every method, representation and range, on every device."""
    for name, profile in plan.profiles():
        for training, (method, favourable) in METHODS.items():
            for labels, mapping in _mappings(profile, RANGES):
                labels = {"cells": name, "training": training, **labels}
                yield plan.row(labels, mapping, method=method, favourable=favourable)
                if method == "plain":
                    labels = {**labels, "training": "conventional, read-back"}
                    yield plan.row(labels, replace(mapping, read_back=True))


def column_rows(plan: StudyPlan) -> Iterator[StudyRow]:
    """Biased training of more and more columns in every mapping, and of parts explored layer by layer."""
    for name, profile in plan.profiles():
        for labels, mapping in _mappings(profile, RANGES):
            for part in (*COLUMNS, EXPLORED):
                shown = part if isinstance(part, str) else f"{100 * part:.0f} %"
                labels = {"cells": name, **labels, "columns": shown}
                yield plan.row(labels, mapping, method="biased", columns=part)


def scatter_rows(plan: StudyPlan) -> Iterator[StudyRow]:
    """Scatter of more and more, in every mapping, of one conventional network."""
    for name in plan.cells:
        profiles = [replace(plan, cells=(name,)).profiles(factor) for factor in SCATTERS]
        for factor, ((_, profile),) in zip(SCATTERS, profiles, strict=True):
            for labels, mapping in _mappings(profile, RANGES | {"per column": "column"}):
                labels = {"cells": name, **labels, "scatter": f"× {factor * plan.scatter:g}"}
                yield plan.row(labels, mapping)


def wire_rows(plan: StudyPlan) -> Iterator[StudyRow]:
    """Wires of more and more resistance."""
    for name, profile in plan.profiles():
        for ohm in WIRES_OHM:
            labels = {"cells": name, "wires": f"{ohm:g} Ω"}
            yield plan.row(labels, _mapping(profile, "column", "differential"), wires_ohm=ohm)


def drift_rows(plan: StudyPlan) -> Iterator[StudyRow]:
    """Cells of more and more age."""
    for name, profile in plan.profiles():
        for age, age_s in AGES_S.items():
            labels = {"cells": name, "age": age}
            yield plan.row(labels, _mapping(profile, "column", "differential"), age_s=age_s)


DEEP_WIRES_OHM = 2.0  # the resistance that the study of wires is judged at
DEEP_TRAINING_INPUTS = 1000
"""Training inputs that are scored beside the test inputs: ± 1 point at 90 %."""


def deep_rows(plan: StudyPlan) -> Iterator[StudyRow]:
    """Float, quantised, memristive, memcapacitive: test and training accuracy, wires and charge noise on."""
    for name, profile in plan.profiles():
        mapping = _mapping(profile, "layer", "differential")
        if name == plan.cells[0]:
            yield _in_software(plan.row({"network": "float", "cells": "none"}, mapping))
        labels = {"network": f"{profile.kind} tiles", "cells": name}
        row = plan.row(labels, mapping, method="quantised", wires_ohm=DEEP_WIRES_OHM)
        yield _in_software(replace(row, labels={"network": "quantised", "cells": name}))
        yield replace(row, training_inputs=DEEP_TRAINING_INPUTS)


def peer_rows(plan: StudyPlan) -> Iterator[StudyRow]:
    """One plain network in software; `peers` maps it."""
    for name, profile in plan.profiles():
        yield replace(plan.row({"cells": name}, _mapping(profile, "layer", "offset")), mapping=None)


def _in_software(row: StudyRow) -> StudyRow:
    return replace(row, mapping=None, training_inputs=DEEP_TRAINING_INPUTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyKind:
    """A study by name: its rows, and what they are made of unless other things are asked for."""

    rows: Callable[[StudyPlan], Iterator[StudyRow]]
    cells: tuple[str, ...]
    mode: str
    network: str = "lenet5"
    curve: str | None = None


STUDIES = {
    "biased": StudyKind(rows=method_rows, cells=("s2-seed-order",), mode="merged"),
    "columns": StudyKind(rows=column_rows, cells=("s2-seed-order",), mode="merged", curve="columns"),
    "scatter": StudyKind(rows=scatter_rows, cells=("s2-seed-order",), mode="merged", curve="scatter"),
    "wires": StudyKind(rows=wire_rows, cells=("wan-2022",), mode="converted"),
    "drift": StudyKind(rows=drift_rows, cells=("pcm-2bit", "wan-2022", "cmo-hfox-2bit"), mode="converted"),
    "deep": StudyKind(
        rows=deep_rows, cells=("neurosim-v2", "memcapacitor-2bit"), mode="merged", network="vgg8"
    ),
    "peers": StudyKind(rows=peer_rows, cells=("ideal-2bit",), mode="converted"),
}
