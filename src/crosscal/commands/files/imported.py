"""Choice and scaling of the arrays that make a run, among those that some files hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from crosscal.commands.files.named_arrays import NamedArray
from crosscal.core.errors import InputError, ShapeError, wanted
from crosscal.core.quantities import parse_quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One of the three quantities of a run.

    Attributes:
        option: names its key on the command line.
        unit: its SI unit.
        names: usual names of its array, in lower case.
    """

    option: str
    unit: str
    names: tuple[str, ...]


TARGET = Quantity(
    option="--target", unit="S", names=("target_s", "target", "conductance", "conductance_s", "g")
)
VOLTAGE = Quantity(option="--voltage", unit="V", names=("voltage_v", "voltage", "input", "inputs", "v"))
CURRENT = Quantity(option="--current", unit="A", names=("current_a", "current", "output", "outputs", "i"))


def choose(
    arrays: Mapping[str, NamedArray], quantity: Quantity, key: str | None, unit: str | None
) -> NamedArray:
    """Pick the array of a quantity, in SI units.

    Args:
        arrays: by name.
        quantity: to look for.
        key: its name; looked for among the usual ones when None.
        unit: the unit it is in; the file's own, or SI, when None.

    Raises:
        InputError: no such array, or an unknown unit.
    """
    found = [name for name in arrays if name == key] if key is not None else _usual(arrays, quantity)
    if len(found) != 1:
        listed = ", ".join(f"{name} {array.values.shape}" for name, array in arrays.items()) or "none"
        if key is not None:
            got = f"{quantity.option} {key}, of which there is none"
        else:
            got = f"{len(found)} arrays that may be meant by {quantity.option}"
        raise InputError(
            wanted(got=got, allowed=f"one of these: {listed}", remedy=f"name it with {quantity.option} KEY")
        )
    array = arrays[found[0]]
    return replace(array, values=array.values * _factor(unit or array.unit or quantity.unit, quantity))


def _usual(arrays: Mapping[str, NamedArray], quantity: Quantity) -> list[str]:
    """Find names that are usual, whole or behind a file's own: `b7.target`."""
    return [name for name in arrays if name.lower().rpartition(".")[2].rpartition("/")[2] in quantity.names]


def _factor(unit: str, quantity: Quantity) -> float:
    try:
        return parse_quantity(f"1{unit}", quantity.unit)
    except ValueError as error:
        examples = ", ".join(f"{prefix}{quantity.unit}" for prefix in ("", "m", "u", "n"))
        raise InputError(
            wanted(
                got=f"the unit {unit!r} for {quantity.option}",
                allowed=f"{examples}, …",
                remedy="give it with --conductance-unit, --voltage-unit or --current-unit",
            )
        ) from error


def from_reads(
    target: NamedArray, voltage: NamedArray, current: NamedArray, matrix: NamedArray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bring the columns of a table, one line per read, to matrices: (K, N, M), (K, V, N), (K, V, M).

    Args:
        target: cells row by row, (R, N·M). voltage: (R, N). current: (R, M).
        matrix: number of the matrix of each line, (R, 1); the target's changes tell where None.

    Raises:
        ShapeError: columns that make no matrix, or matrices with different numbers of vectors.
    """
    cells, inputs, outputs = (each.values.shape[1] for each in (target, voltage, current))
    if cells != inputs * outputs:
        raise ShapeError(
            wanted(
                got=f"{cells} columns of conductances, {inputs} of voltages, {outputs} of currents",
                allowed=f"{inputs * outputs} conductances on each line, row by row",
                remedy="give the cells in columns such as g_1_1 to g_N_M",
            )
        )
    if matrix is not None:
        order = matrix.values[:, 0]
    else:
        changed = np.any(np.diff(target.values, axis=0) != 0, axis=1)
        order = np.concatenate([[0], np.cumsum(changed)])
    lines = [np.flatnonzero(order == number) for number in dict.fromkeys(order)]
    counts = {len(each) for each in lines}
    if len(counts) > 1:
        raise ShapeError(
            wanted(
                got=f"matrices with {min(counts)} to {max(counts)} lines each",
                allowed="as many vectors for every matrix",
                remedy="leave out the matrices that were cut off, or the vectors that the others lack",
            )
        )
    target_s = np.stack([target.values[each[0]].reshape(inputs, outputs) for each in lines])
    return (
        target_s,
        np.stack([voltage.values[each] for each in lines]),
        np.stack([current.values[each] for each in lines]),
    )
