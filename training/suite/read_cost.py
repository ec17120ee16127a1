"""Multiply–accumulates per read of a calibrator, counted from its file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Shapes = Mapping[str, tuple[int, ...]]


def affine_cost(columns: int) -> int:
    """Gain and offset per column."""
    return columns


def ridge_cost(columns: int) -> int:
    """A weight for every pair of columns."""
    return columns**2


def read_cost(path: Path) -> int | None:
    """Count multiplications of the runtime's kernel in a read, at most; None for a file without kernel.

    The tensors that a matrix folds to are named in the file; their shapes follow from its graph. Terms that
    grow with one side of the array alone are left out, beside those that grow with its area.

    Args:
        path: a calibrator.onnx.
    """
    import onnx

    model = onnx.load(path)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    if "fold" not in properties:
        return None
    fold, kind = json.loads(properties["fold"]), properties["kind"]
    rows, columns = int(properties["rows"]), int(properties["columns"])
    if kind == "affine":
        return affine_cost(columns)
    shapes = _shapes(onnx.shape_inference.infer_shapes(model, data_prop=True))
    if kind == "concatsquash":
        return _network_cost(fold, shapes)
    if kind in ("structured", "whitebox"):
        return _inverse_cost(fold, shapes, rows, columns)
    return None


def _network_cost(fold: Mapping[str, Any], shapes: Shapes) -> int | None:
    sizes = [shapes.get(weight) for weight, _ in fold["layers"]]
    return None if None in sizes else sum(math.prod(size) for size in sizes if size is not None)


def _inverse_cost(fold: Mapping[str, Any], shapes: Shapes, rows: int, columns: int) -> int | None:
    """Two linear estimates, then every Gauss–Newton step that a read may take, then `conductanceᵀ v`.

    A step predicts the currents, differentiates them, forms the normal matrix of the shorter side and
    factorises it.
    """
    couplings, steps = shapes.get(fold.get("coupling", "")), shapes.get(fold.get("damping", ""))
    if couplings is None or steps is None:
        return None
    area, shorter = rows * columns, min(rows, columns)
    predict = (5 + 3 * couplings[0]) * area
    differentiate = (5 + 3 * couplings[0]) * area
    normal = area + shorter * area // 2
    factorise = shorter**3 // 6 + shorter**2
    follow = area if rows <= columns else 4 * area
    start = 3 * area + predict
    return start + steps[0] * (predict + differentiate + normal + factorise + follow) + area


def _shapes(model: Any) -> dict[str, tuple[int, ...]]:
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for value in (*model.graph.value_info, *model.graph.output):
        dimensions = value.type.tensor_type.shape.dim
        if all(dimension.HasField("dim_value") for dimension in dimensions):
            shapes[value.name] = tuple(dimension.dim_value for dimension in dimensions)
    return shapes
