"""Numbers and definite-length blocks in SCPI notation, both directions."""

from __future__ import annotations

import math

import numpy as np

from crosscal.core.errors import BoardError, wanted

NOT_A_NUMBER = 9.91e37
"""SCPI's number for "no number"; never an IEEE NaN."""

BLOCK_TYPE = np.dtype("<f8")
"""`FORMat REAL,64` with `FORMat:BORDer SWAPped`: the memory layout of ordinary computers."""


def number(value: float | np.number) -> bytes:
    """Write a number so that reading it gives the very same one."""
    return repr(int(value) if isinstance(value, int | np.integer) else float(value)).encode()


def block(values: np.ndarray) -> bytes:
    """Write numbers as a definite-length block, REAL,64 SWAPped."""
    payload = np.ascontiguousarray(values, dtype=BLOCK_TYPE).tobytes()
    length = str(len(payload)).encode()
    return b"#%d%s%s" % (len(length), length, payload)


def read_block(payload: bytes, count: int) -> np.ndarray:
    """Read `count` numbers from a block's bytes; 9.91E37 becomes NaN.

    Raises:
        BoardError: another number of them, or an IEEE NaN or infinity: no board sends them.
    """
    if len(payload) != count * BLOCK_TYPE.itemsize:
        raise BoardError(
            wanted(
                got=f"a block of {len(payload)} bytes for {count} numbers",
                allowed=f"{BLOCK_TYPE.itemsize} bytes each",
                remedy="the reply is garbled, or another client changed the format: repeat the call",
            )
        )
    return _checked(np.frombuffer(payload, BLOCK_TYPE).astype(np.float64))


def read_status_block(payload: bytes, count: int) -> np.ndarray:
    """Read `count` status values from a block's bytes.

    Raises:
        BoardError: another number of them, or no status bits.
    """
    if payload == bytes(count * BLOCK_TYPE.itemsize):
        return np.zeros(count, np.uint8)
    return _status_bits(read_block(payload, count), payload)


def read_list(text: bytes, count: int) -> np.ndarray:
    """Read `count` numbers from a comma list; 9.91E37 becomes NaN.

    Raises:
        BoardError: not that many numbers.
    """
    try:
        values = np.array(text.split(b","), dtype=np.float64)
    except ValueError as error:
        raise garbled(got=excerpt(text), allowed=f"{count} numbers") from error
    if values.size != count:
        raise garbled(got=f"{values.size} numbers", allowed=f"{count}, as asked for")
    return _checked(values)


def read_number(text: bytes) -> float:
    """Read one number; 9.91E37 becomes NaN.

    Raises:
        BoardError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    # Whatever is no plain number is looked at closely.
    return value if abs(value) < NOT_A_NUMBER else float(read_list(text, 1)[0])


def read_status(text: bytes, count: int) -> np.ndarray:
    """Read `count` status values from a comma list of small integers.

    Raises:
        BoardError: not that many of them, or no status bits.
    """
    values = _single_digits(text) if len(text) == 2 * count - 1 else read_list(text, count)
    return _status_bits(values, text)


def _status_bits(values: np.ndarray, sent: bytes) -> np.ndarray:
    if not ((values >= 0) & (values <= 255) & (values == np.floor(values))).all():
        raise garbled(got=f"{excerpt(sent)} as status bits", allowed="whole numbers from 0 to 255")
    return values.astype(np.uint8)


def read_integer(text: bytes) -> int:
    """Read one integer, also written as `1.0` or `+1`.

    Raises:
        BoardError: it is none.
    """
    return whole(read_number(text))


def whole(value: float) -> int:
    """Convert a whole number to an integer.

    Raises:
        BoardError: it is not whole, or NaN.
    """
    if not float(value).is_integer():
        raise garbled(got=f"{value}", allowed="a whole number")
    return int(value)


def garbled(*, got: str, allowed: str) -> BoardError:
    """Make the error of a reply that was altered on its way."""
    remedy = "repeat the call: the reply was garbled on the way"
    return BoardError(wanted(got=got, allowed=allowed, remedy=remedy))


def excerpt(data: bytes, most: int = 60) -> str:
    """Show the start of some bytes, for a message."""
    return repr(data[:most].decode("latin-1")) + ("…" if len(data) > most else "")


def _single_digits(text: bytes) -> np.ndarray:
    """Read `0,2,1`: numbers of one digit, a hundred times faster than in general."""
    characters = np.frombuffer(text, np.uint8)
    digits = characters[::2].astype(np.int16) - ord("0")
    if (characters[1::2] != ord(",")).any() or ((digits < 0) | (digits > 9)).any():
        raise garbled(got=f"{excerpt(text)} as status bits", allowed="whole numbers from 0 to 255")
    return digits


def _checked(values: np.ndarray) -> np.ndarray:
    # Half the time of `abs`, which needs an array of its own; a NaN fails both comparisons.
    if values.size and values.max() < NOT_A_NUMBER and values.min() > -NOT_A_NUMBER:
        return values
    if not np.isfinite(values).all():
        raise garbled(got="a block with an IEEE NaN or infinity", allowed="finite numbers, 9.91E37 for none")
    values[values == NOT_A_NUMBER] = np.nan
    return values
