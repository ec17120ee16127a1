"""The frame of an exported header: what it is of, its constants, its test of readings, its self-test."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from crosscal.core.errors import InputError, wanted
from crosscal.firmware_models.c_calibrator.body import FRAMES_BYTES, Body
from crosscal.firmware_models.c_calibrator.c_text import (
    by_row,
    float_array,
    float_literal,
    is_identifier,
    template,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """Readings with the answers that the calibrator gives on the machine that exports it.

    Attributes:
        measured_a, calibrated_a: a row per reading [A].
        tolerance_a: how far off an answer may be [A].
        unexplained_a: currents that no inputs of the trained window cause [A]; None if none were found.
    """

    measured_a: Sequence[Sequence[float]]
    calibrated_a: Sequence[Sequence[float]]
    tolerance_a: float
    unexplained_a: Sequence[float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the header says of itself.

    Attributes:
        name: what its names begin with, a C identifier.
        kind: of the calibrator. rows, columns: the array.
        limit_a: the largest current that counts as a reading [A].
        described: further lines for the comment, by title.
        probes: for the self-test; None leaves it out.
    """

    name: str
    kind: str
    rows: int
    columns: int
    limit_a: float
    described: dict[str, str]
    probes: Probes | None = None

    def __post_init__(self) -> None:
        require_name(self.name)


def render(facts: Facts, body: Body) -> str:
    """Put a header together."""
    sizes = {"COLUMNS": facts.columns, "ROWS": facts.rows, "LIMIT_BITS": _limit_bits(facts.limit_a)}
    parts = [
        "#ifndef CROSSCAL_NAME_H\n#define CROSSCAL_NAME_H\n",
        "#include <math.h>\n" * body.uses_math + "#include <stdint.h>\n#include <string.h>\n",
        template("interface.h"),
        "".join(f"#define NAME_{name} {value}\n" for name, value in sizes.items()),
        template("reading.h"),
        body.text,
        "" if facts.probes is None else _self_test(facts.probes),
        "#ifdef __cplusplus\n}\n#endif\n\n#endif /* CROSSCAL_NAME_H */\n",
    ]
    return f"{_comment(facts, body)}\n{_named(facts.name, parts)}"


def library_source(header: str, name: str) -> str:
    """Write the source of a shared library with the functions of `header`, and one for many readings."""
    batch = _named(name, ["#include <stddef.h>", template("library.h")])
    return f"#define {name}_API\n{header}\n{batch}"


def require_name(name: str) -> None:
    """Refuse what names in C cannot begin with.

    Raises:
        InputError: no C identifier, or one that C or C++ keeps for itself.
    """
    if not is_identifier(name):
        raise InputError(
            wanted(
                got=f"the name {name!r}",
                allowed="a C identifier: a letter, then at most 30 letters, digits or single underscores, "
                "none at the end, and no word that C or C++ keeps for itself",
                remedy="give another --name, such as board7",
            )
        )


def _named(name: str, parts: list[str]) -> str:
    return re.sub(r"NAME(?=_)", name, "\n".join(part for part in parts if part))


def _comment(facts: Facts, body: Body) -> str:
    stack = f"at most {body.stack_bytes + FRAMES_BYTES} bytes in a call"
    if body.deviation_stack_bytes is not None:
        stack += f" ({body.deviation_stack_bytes + FRAMES_BYTES} with deviations)"
    lines = {
        "kind": facts.kind,
        "array": f"{facts.rows} rows, {facts.columns} columns",
        **facts.described,
        "units": "ampere, in and out; column 1 first",
        "refused": f"currents beyond {facts.limit_a:.6g} A",
        "arithmetic": body.arithmetic,
        "flash": f"{body.constant_bytes} bytes of constants, and code",
        "stack": f"{stack}; no heap, no recursion, no writable static memory",
        "needs": "C99 or C++17" + (", <math.h> (link with -lm)" if body.uses_math else ", no library"),
    }
    text = "".join(f" * {title:<14}{_plain(line)}\n" for title, line in lines.items())
    return f"/* A calibrator for one programmed matrix, exported by crosscal; do not edit.\n *\n{text} */\n"


def _plain(text: str) -> str:
    """Keep a comment a comment, in any encoding."""
    return re.sub(r"[^ -~]", "?", text).replace("*/", "* /").replace("/*", "/ *")


def _limit_bits(limit_a: float) -> str:
    """Bits of the largest number of single precision that is not above the limit."""
    try:
        (bits,) = struct.unpack("<I", struct.pack("<f", limit_a))
    except OverflowError:
        return "UINT32_C(0x7f7fffff)"
    (rounded,) = struct.unpack("<f", struct.pack("<I", bits))
    return f"UINT32_C(0x{bits - (rounded > limit_a):08x})"


def _self_test(probes: Probes) -> str:
    columns = len(probes.measured_a[0])
    return "\n".join(
        [
            f"#define NAME_PROBES {len(probes.measured_a)}\n"
            f"#define NAME_PROBE_TOLERANCE_A {float_literal(probes.tolerance_a)}\n",
            float_array("probe_measured_a", by_row(probes.measured_a, columns)),
            float_array("probe_calibrated_a", by_row(probes.calibrated_a, columns)),
            _unexplained(probes.unexplained_a),
            template("self_test.h"),
        ]
    )


def _unexplained(current_a: Sequence[float] | None) -> str:
    if current_a is None:
        return ""
    return "#define NAME_UNEXPLAINED_PROBE\n" + float_array("probe_unexplained_a", current_a)
