"""Facts of a board that is put through the contract, and the names that transcripts give them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from crosscal.core.errors import BoardError, IncompatibleBoardError, wanted
from crosscal.firmware_models.conformance.line import Line, ask
from crosscal.firmware_models.conformance.transcript_bytes import block

_NUMBER = "[-+]?[.0-9]+(?:[Ee][-+]?[0-9]+)?"
_SHARE = 0.5
"""Of the protection found on the board: nothing more is driven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFacts:
    """Answers of a board about itself.

    Attributes:
        identity: answer of `*IDN?`.
        rows, columns: the array.
        groups: optional groups, in the board's order.
        conductance_limits_s: [S].
        ranges_a: full scales [A], ascending.
        dac_bits, dac_full_scale_v: of the drivers.
        sequence_most: most vectors of a sequence; 0 without group SEQ.
        protection_v: in force [V] when the board was found.
    """

    identity: str
    rows: int
    columns: int
    groups: tuple[str, ...]
    conductance_limits_s: tuple[float, float]
    ranges_a: tuple[float, ...]
    dac_bits: int
    dac_full_scale_v: float
    sequence_most: int
    protection_v: float


def read_facts(line: Line, patience_s: float) -> FoundFacts:
    """Ask a board for its facts.

    Raises:
        BoardTimeoutError: it does not answer.
        IncompatibleBoardError: an answer is none of a crossbar test board.
    """

    def numbers(question: str) -> list[float]:
        return [float(value) for value in ask(line, question, patience_s).split(",")]

    try:
        identity = ask(line, "*IDN?", patience_s).strip()
        rows, columns = (int(value) for value in numbers("ARR:SIZE?"))
        groups = tuple(
            word.strip() for word in ask(line, "SYST:CAP?", patience_s).replace('"', "").split(",") if word
        )
        low_s, high_s = numbers("ARR:COND:LIM?")
        dac_bits, full_scale_v, _ = numbers("DIAG:DAC:INFO?")
        return FoundFacts(
            identity=identity,
            rows=rows,
            columns=columns,
            groups=groups,
            conductance_limits_s=(low_s, high_s),
            ranges_a=tuple(numbers("SENS:CURR:RANG:LIST?")),
            dac_bits=int(dac_bits),
            dac_full_scale_v=full_scale_v,
            sequence_most=int(numbers("SOUR:SEQ:POIN? MAX")[0]) if "SEQ" in groups else 0,
            protection_v=numbers("SOUR:VOLT:PROT?")[0],
        )
    except BoardError:
        raise
    except ValueError as error:
        raise IncompatibleBoardError(
            wanted(
                got=f"answers that are no facts of a board ({error})",
                allowed="a board that answers *IDN?, ARRay:SIZE?, SYSTem:CAPability?, "
                "ARRay:CONDuctance:LIMits?, DIAGnostic:DAC:INFO?, SENSe:CURRent:RANGe:LIST? and "
                "SOURce:VOLTage:PROTection? as the contract says",
                remedy="begin with these queries: all other tests rest on them",
            )
        ) from error


def names_of(facts: FoundFacts, largest_v: float | None = None) -> dict[str, str]:
    """Names of a board's facts in transcripts.

    Args:
        facts: of the board.
        largest_v: largest input to drive [V]; None: half of the protection.
    """
    top_v = min(largest_v or facts.protection_v, _SHARE * facts.protection_v)
    return {
        **_shape_names(facts),
        **_voltage_names(facts, top_v),
        **_range_names(facts),
        **_cell_names(facts),
    }


def _list(values: list[float]) -> str:
    return ",".join(f"{value:.9g}" for value in values)


def _ramp(low: float, high: float, count: int) -> list[float]:
    return [low + (high - low) * (index + 1) / count for index in range(count)]


def _several(pattern: str, count: int) -> str:
    return f"(?:{pattern},){{{count - 1}}}{pattern}"


def _shape_names(facts: FoundFacts) -> dict[str, str]:
    rows, columns = facts.rows, facts.columns
    cells = rows * columns
    too_many = rows * (facts.sequence_most + 1)
    return {
        "size": f"{rows},{columns}",
        "groups": ",".join(facts.groups),
        "options": ",".join(facts.groups) or "0",
        # One row: a block of none would unload, so that one of two stands in for it.
        "rows_short": str(rows - 1 or 2),
        "rows_long": str(rows + 1),
        "zeros": _list([0.0] * rows),
        "zeros_short": _list([0.0] * (rows - 1)),
        "zeros_long": _list([0.0] * (rows + 1)),
        "numbers": _several(_NUMBER, rows),
        "nans": ",".join(["0"] * (rows - 1) + ["nan"]),
        "infinities": ",".join(["inf"] + ["0"] * (rows - 1)),
        "currents": _several(_NUMBER, columns),
        "statuses": _several(r"\d+", columns),
        "conductances": _several(_NUMBER, cells),
        "cells_long": str(cells + 1),
        "block64": _block_pattern(8 * columns),
        "block32": _block_pattern(4 * columns),
        "sequence_error": "-108" if rows > 1 else "0",
        "sequence_points": "2",
        "sequence_values_too_many": str(too_many),
    }


def _block_pattern(count: int) -> str:
    return f"{block(bytes(count))[: -count or None].decode()}.{{{count}}}"


def _voltage_names(facts: FoundFacts, top_v: float) -> dict[str, str]:
    vector_v = _ramp(0.5 * top_v, top_v, facts.rows)
    other_v = _ramp(0.75 * top_v, 0.5 * top_v, facts.rows)
    step_v = 2.0 * facts.dac_full_scale_v / 2.0**facts.dac_bits
    text = _list(vector_v).encode()
    # Doubles that hold newlines, semicolons and quotes where a voltage has its last digits.
    awkward = [struct.pack(">d", value)[:4] + b"\n;\"'" for value in vector_v]
    return {
        "vector": _list(vector_v),
        "other": _list(other_v),
        # Two steps: the board may round either way, and some round what was rounded.
        "tolerance": f"{2.0 * step_v / (0.5 * top_v) + 1e-6:.3g}",
        "beyond": _list([0.0] * (facts.rows - 1) + [1.05 * facts.protection_v]),
        "conflicting": f"{0.25 * top_v:.9g}",
        "protection": f"{facts.protection_v:.9g}",
        "half_protection": f"{0.5 * facts.protection_v:.9g}",
        "half_protection_mv": f"{500.0 * facts.protection_v:.9g}",
        "awkward": _list([struct.unpack(">d", value)[0] for value in awkward]),
        "awkward_block": _escaped(block(b"".join(awkward))),
        "padded_block": f"#9{4 * facts.rows:09}" + _escaped(bytes(4 * facts.rows)),
        "text_block": _escaped(block(text)),
    }


def _escaped(data: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in data)


def _range_names(facts: FoundFacts) -> dict[str, str]:
    ranges_a = facts.ranges_a
    several = len(ranges_a) > 1
    return {
        "range_low": f"{ranges_a[0]:.9g}",
        "range_high": f"{ranges_a[-1]:.9g}",
        "range_between": f"{(1.01 if several else 0.5) * ranges_a[0]:.9g}",
        "range_rounded": f"{ranges_a[1 if several else 0]:.9g}",
        "range_beyond": f"{2.0 * ranges_a[-1]:.9g}",
    }


def _cell_names(facts: FoundFacts) -> dict[str, str]:
    low_s, high_s = facts.conductance_limits_s
    # The upper half of the range: rounding to few levels is small there, exchanged rows and columns are not.
    targets_s = _ramp(0.5 * (low_s + high_s), high_s * (1.0 - 1e-6), facts.rows * facts.columns)
    return {
        "targets": _list(targets_s),
        "targets_beyond": _list([*targets_s[:-1], 1.1 * high_s]),
        "high": f"{high_s:.9g}",
    }
