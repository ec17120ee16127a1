"""Rows of the studies that train, map and score networks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import msgspec

from crosscal.commands.network.study.rows import StudyRow
from crosscal.core.network.cell_profile import CellProfile, load_cell_profile
from crosscal.core.physical_constants import DAY_S, HOUR_S
from crosscal.simulated_bench import Wires
from crosscal.simulated_bench.tiles.chip_settings import ChipSettings
from crosscal.training.networks.learning.plan import LearningPlan
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


def scattered(name: str, factor: float) -> CellProfile:
    """Load cells with their scatter multiplied."""
    profile = load_cell_profile(name)
    return msgspec.structs.replace(profile, error_scale=profile.error_scale * factor)


def _row(
    labels: dict[str, str],
    plan: LearningPlan,
    cells: CellProfile,
    *,
    scale: str,
    representation: str,
    mode: str,
) -> StudyRow:
    options = MappingOptions(cells=cells, representation=representation, scale=scale, read_back=False)
    if plan.method == "plain":
        # Cells play no part in it: one network serves all rows.
        trained = replace(plan, options=MappingOptions(cells=load_cell_profile("ideal-2bit"), scale="layer"))
    else:
        trained = replace(plan, options=options)
        options = replace(options, scale="trained" if scale == "layer" else scale)
    return StudyRow(labels=labels, plan=trained, mapping=options, chip=ChipSettings(cells=cells, mode=mode))


def biased_rows(plan: LearningPlan, cells: tuple[str, ...], scatter: float, mode: str) -> Iterator[StudyRow]:
    """Every method, representation and range, on every device."""
    for name in cells:
        profile = scattered(name, scatter)
        for method, (kind, reading) in METHODS.items():
            for range_name, scale in RANGES.items():
                for representation in REPRESENTATIONS:
                    labels = {
                        "cells": name,
                        "training": method,
                        "range": range_name,
                        "representation": representation,
                    }
                    own = replace(plan, method=kind, favourable=reading)
                    row = _row(labels, own, profile, scale=scale, representation=representation, mode=mode)
                    yield row
                    if method == "conventional":
                        labels = {**labels, "training": "conventional, read-back"}
                        yield replace(row, labels=labels, mapping=replace(row.mapping, read_back=True))


def column_rows(plan: LearningPlan, cells: tuple[str, ...], scatter: float, mode: str) -> Iterator[StudyRow]:
    """Biased training of more and more columns, in one shifted column for each weight and the full range."""
    for name in cells:
        profile = scattered(name, scatter)
        for part in COLUMNS:
            labels = {"cells": name, "columns": f"{100 * part:.0f} %"}
            own = replace(plan, method="biased", columns=part)
            yield _row(labels, own, profile, scale="layer", representation="offset", mode=mode)


def scatter_rows(plan: LearningPlan, cells: tuple[str, ...], scatter: float, mode: str) -> Iterator[StudyRow]:
    """Scatter of more and more, in every mapping, of one conventional network."""
    for name in cells:
        for range_name, scale in (*RANGES.items(), ("per column", "column")):
            for representation in REPRESENTATIONS:
                for factor in SCATTERS:
                    labels = {
                        "cells": name,
                        "range": range_name,
                        "representation": representation,
                        "scatter": f"× {factor * scatter:g}",
                    }
                    profile = scattered(name, factor * scatter)
                    yield _row(labels, plan, profile, scale=scale, representation=representation, mode=mode)


def wire_rows(plan: LearningPlan, cells: tuple[str, ...], scatter: float, mode: str) -> Iterator[StudyRow]:
    """Wires of more and more resistance."""
    for name in cells:
        for ohm in WIRES_OHM:
            labels = {"cells": name, "wires": f"{ohm:g} Ω"}
            row = _row(
                labels,
                plan,
                scattered(name, scatter),
                scale="column",
                representation="differential",
                mode=mode,
            )
            yield replace(row, chip=replace(row.chip, wires=Wires(row_ohm=ohm, column_ohm=ohm)))


def drift_rows(plan: LearningPlan, cells: tuple[str, ...], scatter: float, mode: str) -> Iterator[StudyRow]:
    """Cells of more and more age."""
    for name in cells:
        for age, age_s in AGES_S.items():
            labels = {"cells": name, "age": age}
            row = _row(
                labels,
                plan,
                scattered(name, scatter),
                scale="column",
                representation="differential",
                mode=mode,
            )
            yield replace(row, chip=replace(row.chip, age_s=age_s))


STUDIES = {
    "biased": (biased_rows, ("s2-seed-order",), "merged"),
    "columns": (column_rows, ("s2-seed-order",), "merged"),
    "scatter": (scatter_rows, ("s2-seed-order",), "merged"),
    "wires": (wire_rows, ("wan-2022",), "converted"),
    "drift": (drift_rows, ("pcm-2bit", "wan-2022", "cmo-hfox-2bit"), "converted"),
}
"""Rows of a study, its cells and its mode unless others are asked for."""
