"""Numbers and arrays as C99 text that holds them exactly."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence
from importlib.resources import files

from crosscal.core.errors import RangeError

_WIDTH = 116  # characters of a line of numbers


def is_identifier(name: str) -> bool:
    """Whether names that begin with `name` and an underscore are the user's own in C and in C++."""
    plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,30}", name) is not None
    return (
        plain
        and name not in template("reserved_words.txt").split()
        and "__" not in name
        and not name.endswith("_")
    )


def single(value: float) -> float:
    """Round to single precision.

    Raises:
        RangeError: beyond what single precision holds, or no number.
    """
    try:
        rounded = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        rounded = float("inf")
    if rounded - rounded != 0.0:
        raise RangeError(
            f"got {value} among the constants; allowed: finite numbers of single precision; is the matrix "
            "inside the range that the calibrator was trained on?"
        )
    return rounded


def float_literal(value: float) -> str:
    """Write a number of single precision in hexadecimal, so that no compiler rounds it."""
    mantissa, exponent = single(value).hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}p{int(exponent)}f"


def float_array(name: str, values: Iterable[float]) -> str:
    """Define a constant array of floats."""
    return _array("float", name, [float_literal(value) for value in values])


def double_array(name: str, values: Iterable[float]) -> str:
    """Define a constant array of numbers of double precision."""
    return _array("double", name, [float(value).hex() for value in values])


def integer_array(kind: str, name: str, values: Iterable[int]) -> str:
    """Define a constant array of whole numbers of a type such as `int16_t`."""
    return _array(kind, name, [str(value) for value in values])


def by_row(matrix: Sequence[Sequence[float]], columns: int) -> list[float]:
    """Write a matrix row after row, each filled up with zeros to `columns` numbers."""
    return [value for row in matrix for value in (*row, *[0.0] * (columns - len(row)))]


def padded(size: int) -> int:
    """Round up to a multiple of 4, which sums of products are taken in."""
    return size + -size % 4


def template(name: str) -> str:
    """Read one of the files beside this module."""
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _array(kind: str, name: str, literals: Sequence[str]) -> str:
    lines, line = list[str](), ""
    for literal in literals:
        if len(line) + len(literal) + 2 > _WIDTH:
            lines.append(line.rstrip())
            line = ""
        line += f"{literal}, "
    lines.append(line.rstrip().rstrip(","))
    return f"static const {kind} NAME_{name}[{len(literals)}] = {{\n" + "\n".join(lines) + "\n};\n"
