"""Arrays on the wire: `FORMat[:DATA]` and `FORMat:BORDer`, both ways."""

from __future__ import annotations

import math
import re
import sys
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from crosscal.firmware_models.numeric import NOT_A_NUMBER, SCPI_INFINITY, Unit, parse_number, require_finite
from crosscal.firmware_models.program_message import Block
from crosscal.firmware_models.scpi_errors import ScpiFault

ASCII = "ASC"
REAL_32 = "REAL,32"
REAL_64 = "REAL,64"

_PLAIN_NUMBERS = re.compile(r"[0-9eE+\-., ]*")


@dataclass(frozen=True, slots=True)
class DataFormat:
    """How arrays travel.

    Attributes:
        kind: `ASCII`, `REAL_32` or `REAL_64`.
        swapped: little-endian.
    """

    kind: str = ASCII
    swapped: bool = False

    @property
    def _typecode(self) -> str:
        return "f" if self.kind == REAL_32 else "d"

    @property
    def _swap(self) -> bool:
        return self.swapped != (sys.byteorder == "little")

    def encode(self, values: array[float]) -> bytes:
        """Put real numbers on the wire."""
        if self.kind == ASCII:
            # One template for all: half the time of as many single ones.
            return (",".join(["%.16E"] * len(values)) % tuple(values)).encode()
        return self._block(values)

    def encode_integers(self, values: Iterable[int]) -> bytes:
        """Put whole numbers on the wire: decimal under `ASCii`, else as reals."""
        if self.kind == ASCII:
            return ",".join(map(str, values)).encode()
        # Bytes would be taken for the memory of reals, not for a sequence of numbers.
        return self._block(list(values))

    def _block(self, values: Iterable[float]) -> bytes:
        raw = array(self._typecode, values)
        if self._swap:
            raw.byteswap()
        data = raw.tobytes()
        length = str(len(data))
        return f"#{len(length)}{length}".encode() + data

    def decode(self, parameters: list[str | Block], unit: Unit) -> array[float]:
        """Read an array parameter: a comma list, or one block in this format.

        Raises:
            ScpiFault: -161 a block that does not fit, -222 a value that is not finite, -108 something after
                the block; for a comma list as `parse_number`.
        """
        if not holds_block(parameters):
            return _decode_list(parameters, unit)
        block = parameters[0]
        if len(parameters) > 1 or not isinstance(block, Block):
            raise ScpiFault(-108, "a block is the only parameter")
        values = self._decode_text(block, unit) if self.kind == ASCII else self._decode_block(block)
        _require_all_finite(values)
        return values

    def _decode_text(self, block: Block, unit: Unit) -> array[float]:
        text = block.data.decode("latin-1").strip()
        try:
            return _decode_list([part.strip() for part in text.split(",")] if text else [], unit)
        except ScpiFault as fault:
            if fault.code == -222:
                raise
            raise ScpiFault(-161, f"ASCII text in the block: {fault.detail}") from fault

    def _decode_block(self, block: Block) -> array[float]:
        raw = array(self._typecode)
        if len(block.data) % raw.itemsize:
            raise ScpiFault(
                -161, f"{len(block.data)} bytes; allowed: multiples of {raw.itemsize}, {self.kind}"
            )
        raw.frombytes(block.data)
        if self._swap:
            raw.byteswap()
        return raw if raw.typecode == "d" else array("d", raw)


def _decode_list(parameters: list[str | Block], unit: Unit) -> array[float]:
    texts = cast(list[str], parameters)
    # Long lists nearly always hold plain decimals: the interpreter's own reader is much faster.
    if _PLAIN_NUMBERS.fullmatch(",".join(texts)):
        try:
            values = array("d", map(float, texts))
        except ValueError:
            pass
        else:
            _require_all_finite(values)
            return values
    return array("d", [parse_number(text, unit) for text in texts])


def _require_all_finite(values: array[float]) -> None:
    """Refuse an array with a value that is not finite (-222)."""
    # The sum tells a NaN, which comparisons pass over; each of the three is one call, whatever the length.
    if values and not (
        -SCPI_INFINITY < sum(values) < SCPI_INFINITY
        and min(values) > -SCPI_INFINITY
        and max(values) < SCPI_INFINITY
    ):
        for value in values:
            require_finite(value)


def holds_block(parameters: list[str | Block]) -> bool:
    """Whether a parameter is a block."""
    return Block in map(type, parameters)


def require_length(values: array[float], wanted: int, parameters: list[str | Block]) -> None:
    """Refuse an array of another length: -109 too few, -108 too many, -161 in a block."""
    if len(values) == wanted:
        return
    detail = f"{len(values)} values; allowed: {wanted}"
    if holds_block(parameters):
        raise ScpiFault(-161, detail)
    raise ScpiFault(-109 if len(values) < wanted else -108, detail)


def number(value: float) -> str:
    """A scalar in ASCII: the shortest decimal that reads back as the same number; 9.91E37 for none."""
    return repr(NOT_A_NUMBER if math.isnan(value) else float(value)).upper()
