"""Metadata of a calibrator file, beside its graph; see `docs/reference/calibrator_format.md`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from crosscal.core.errors import CalibratorFileError, InputError, RangeError, ShapeError, wanted
from crosscal.core.short_repr import ShortRepr
from crosscal.runtime.file_format.parity_probes import ParityProbes
from crosscal.runtime.file_format.recalibration_record import RecalibrationRecord
from crosscal.runtime.pass_errors import PassErrors
from crosscal.runtime.reading_window import ReadingWindow
from crosscal.runtime.recalibration.cell_law import CellLaw

FORMAT = "crosscal-calibrator"
FORMAT_VERSION = 2  # 2: tensors under the terms of the field
UNITS = {"conductance": "S", "current": "A", "calibrated": "A"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CalibratorMetadata(ShortRepr):
    """All that is known of a calibrator apart from its graph.

    Attributes:
        kind: name of the calibrator; one with a kernel in `kinds.py` is folded at program time.
        rows, columns: the array, N and M.
        conductance_range_s: smallest and largest conductance trained on [S].
        current_range_a: smallest and largest measured current trained on [A].
        parity_probes: inputs with the training framework's own answers.
        fold: names of tensors that depend on the matrix alone, as the kind asks; None without a kernel.
        normalisation: of the graph's inputs and output, for people.
        provenance: training data, seed, versions, scores.
        voltage_range_v: smallest and largest input trained on [V]; None if not known.
        input_levels_v: the few values that every input was one of [V], such as those of binary inputs; None
            if they were not a few.
        reading_window: currents that inputs of `voltage_range_v` cause; None if not known.
        recalibration: the posterior on a board since; None if nothing was.
        cell_law: how far cells lie from their targets, and read-backs from cells; None if not known.
        pass_errors: errors of reading in passes beyond the surrogate's own; empty if not known.
    """

    kind: str
    rows: int
    columns: int
    conductance_range_s: tuple[float, float]
    current_range_a: tuple[float, float]
    parity_probes: ParityProbes
    fold: Mapping[str, Any] | None = None
    normalisation: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    voltage_range_v: tuple[float, float] | None = None
    input_levels_v: tuple[float, ...] | None = None
    reading_window: ReadingWindow | None = None
    recalibration: RecalibrationRecord | None = None
    cell_law: CellLaw | None = None
    pass_errors: tuple[PassErrors, ...] = ()

    def __post_init__(self) -> None:
        if not self.kind:
            raise InputError("got an empty kind of calibrator; allowed: a name, such as 'affine'")
        if self.rows < 1 or self.columns < 1:
            raise ShapeError(f"got an array of {self.rows} × {self.columns}; allowed: at least 1 × 1")
        _check_range("conductance_range_s", self.conductance_range_s)
        _check_range("current_range_a", self.current_range_a)
        if self.voltage_range_v is not None:
            _check_range("voltage_range_v", self.voltage_range_v)
        if self.input_levels_v is not None and not all(map(math.isfinite, self.input_levels_v)):
            raise RangeError(f"got input_levels_v {self.input_levels_v}; allowed: finite voltages")
        if self.reading_window is not None and self.reading_window.gain.size != self.columns:
            raise ShapeError(
                f"got a reading window of {self.reading_window.gain.size} columns; allowed: {self.columns}"
            )
        if self.conductance_range_s[0] < 0.0:
            raise RangeError(
                f"got a negative conductance_range_s {self.conductance_range_s}; allowed: 0 S and more"
            )
        if self.parity_probes.conductance_s.shape[1:] != (self.rows, self.columns):
            raise ShapeError(
                f"got probes for an array of {self.parity_probes.conductance_s.shape[1:]}; allowed: "
                f"{self.rows, self.columns}"
            )

    def to_properties(self) -> dict[str, str]:
        """Return the entries of `metadata_props`, `format` first."""
        properties = {
            "format": FORMAT,
            "format_version": str(FORMAT_VERSION),
            "kind": self.kind,
            "rows": str(self.rows),
            "columns": str(self.columns),
            "units": _dump(UNITS),
            "conductance_range_s": _dump([float(limit) for limit in self.conductance_range_s]),
            "current_range_a": _dump([float(limit) for limit in self.current_range_a]),
            "normalisation": _dump(dict(self.normalisation)),
            "provenance": _dump(dict(self.provenance)),
            "parity_probes": _dump(self.parity_probes.to_json()),
        }
        if self.fold is not None:
            properties["fold"] = _dump(dict(self.fold))
        if self.voltage_range_v is not None:
            properties["voltage_range_v"] = _dump([float(limit) for limit in self.voltage_range_v])
        if self.input_levels_v is not None:
            properties["input_levels_v"] = _dump([float(level) for level in self.input_levels_v])
        if self.reading_window is not None:
            properties["reading_window"] = _dump(self.reading_window.to_json())
        if self.recalibration is not None:
            properties["recalibration"] = _dump(self.recalibration.to_json())
        if self.cell_law is not None:
            properties["cell_law"] = _dump(self.cell_law.to_json())
        if self.pass_errors:
            properties["pass_errors"] = _dump([asdict(errors) for errors in self.pass_errors])
        return properties

    @classmethod
    def from_properties(cls, properties: Mapping[str, str]) -> CalibratorMetadata:
        """Read the entries of `metadata_props`.

        Raises:
            CalibratorFileError: another format, a newer version, or entries that are missing or impossible.
        """
        _check_version(properties)
        try:
            if (units := json.loads(properties["units"])) != UNITS:
                raise ValueError(f"units {units} instead of {UNITS}")
            rows, columns = int(properties["rows"]), int(properties["columns"])
            volts, record = properties.get("voltage_range_v"), properties.get("recalibration")
            window, law = properties.get("reading_window"), properties.get("cell_law")
            levels = properties.get("input_levels_v")
            return cls(
                kind=properties["kind"],
                rows=rows,
                columns=columns,
                conductance_range_s=_pair(properties["conductance_range_s"]),
                current_range_a=_pair(properties["current_range_a"]),
                parity_probes=ParityProbes.from_json(
                    json.loads(properties["parity_probes"]), rows=rows, columns=columns
                ),
                fold=_mapping(properties["fold"]) if "fold" in properties else None,
                normalisation=_mapping(properties["normalisation"]),
                provenance=_mapping(properties["provenance"]),
                voltage_range_v=None if volts is None else _pair(volts),
                input_levels_v=None if levels is None else tuple(map(float, json.loads(levels))),
                reading_window=None
                if window is None
                else ReadingWindow.from_json(_mapping(window), columns=columns),
                recalibration=None
                if record is None
                else RecalibrationRecord.from_json(_mapping(record), rows=rows, columns=columns),
                cell_law=None
                if law is None
                else CellLaw.from_json(_mapping(law), rows=rows, columns=columns),
                pass_errors=tuple(
                    PassErrors(**one) for one in json.loads(properties.get("pass_errors", "[]"))
                ),
            )
        except KeyError as error:
            raise CalibratorFileError(f"its metadata lack {error}; export the calibrator again") from error
        except (TypeError, ValueError) as error:
            raise CalibratorFileError(
                f"its metadata are impossible ({error}); export the calibrator again"
            ) from error


def _check_version(properties: Mapping[str, str]) -> None:
    name, version = properties.get("format"), properties.get("format_version", "")
    if name != FORMAT:
        raise CalibratorFileError(
            f"its format is {name!r} instead of {FORMAT!r}; crosscal train writes calibrators"
        )
    if not version.isdecimal():
        raise CalibratorFileError(
            f"its format version is {version!r}, no number; export the calibrator again"
        )
    if int(version) > FORMAT_VERSION:
        raise CalibratorFileError(
            f"it has format version {version}, this crosscal reads {FORMAT_VERSION}; update crosscal"
        )
    if int(version) < FORMAT_VERSION:
        raise CalibratorFileError(
            f"it has format version {version}, from before 0.1.0; this crosscal reads {FORMAT_VERSION}; "
            "train the calibrator again (crosscal train)"
        )


def _check_range(name: str, limits: tuple[float, float]) -> None:
    low, high = limits
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise RangeError(
            wanted(
                got=f"{name} {limits}",
                allowed="two finite numbers, the lower first",
                remedy="correct the range",
            )
        )


def _dump(document: Any) -> str:
    try:
        return json.dumps(document, allow_nan=False, ensure_ascii=True)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"got metadata that JSON cannot hold ({error}); allowed: text, finite numbers, lists"
        ) from error


def _pair(text: str) -> tuple[float, float]:
    low, high = json.loads(text)
    return float(low), float(high)


def _mapping(text: str) -> dict[str, Any]:
    document = json.loads(text)
    if not isinstance(document, dict):
        raise TypeError(f"{text[:40]!r} is no JSON object")
    return document
