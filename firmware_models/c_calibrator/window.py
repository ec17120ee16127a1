"""The test for readings that no inputs of the trained window cause, in C99: of feedforward kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from crosscal.firmware_models.c_calibrator.body import Body
from crosscal.firmware_models.c_calibrator.c_text import (
    by_row,
    float_array,
    float_literal,
    padded,
    template,
)

Numbers = Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowConstants:
    """Is `scale · I − middle` near `responseᵀ w` for a `w` within ±½?

    Attributes:
        scale, middle: per column, (M,).
        inverse_square: of each row of the response, (N,).
        estimate: of inputs, (N, M). response: to inputs, (N, M).
        total: weights of a reading's level, (M,). level: least and most of it; None: any.
        most: sum of squares beyond which a reading is not explained. rounds: of projection, at most.
    """

    scale: Numbers
    middle: Numbers
    inverse_square: Numbers
    estimate: Sequence[Numbers]
    response: Sequence[Numbers]
    total: Numbers
    level: tuple[float, float] | None
    most: float
    rounds: int


def with_window(body: Body, constants: WindowConstants | None) -> Body:
    """Let a feedforward body test readings first; None: only whether they are any."""
    products = template("products.h")
    if constants is None:
        parts = [products] if body.uses_products else []
        return replace(body, text="\n".join([*parts, "#define NAME_TEST NAME_refused\n", body.text]))
    rows, columns = len(constants.response), len(constants.scale)
    sizes = {
        "ROWS_PADDED": padded(rows),
        "COLUMNS_PADDED": padded(columns),
        "WINDOW_MOST": float_literal(constants.most),
        "WINDOW_ROUNDS": constants.rounds,
        "TEST": "NAME_tested",
    }
    if constants.level is not None:
        least, highest = constants.level
        sizes |= {"LEVEL_LEAST": float_literal(least), "LEVEL_MOST": float_literal(highest)}
    arrays = {
        "scale": list(constants.scale),
        "middle": list(constants.middle),
        "inverse_square": list(constants.inverse_square),
        "estimate": by_row(list(zip(*constants.estimate, strict=True)), padded(rows)),
        "response": by_row(constants.response, padded(columns)),
    }
    if constants.level is not None:
        arrays["total"] = list(constants.total)
    parts = [
        "".join(f"#define NAME_{name} {value}\n" for name, value in sizes.items()),
        *(float_array(f"window_{name}", values) for name, values in arrays.items()),
        products,
        template("window.h"),
        body.text,
    ]
    return replace(
        body,
        text="\n".join(parts),
        constant_bytes=body.constant_bytes + 4 * sum(map(len, arrays.values())),
        # A call tests first, and only then takes room to calculate in; compilers may keep both.
        stack_bytes=body.stack_bytes + 4 * (padded(rows) + padded(columns)),
    )
