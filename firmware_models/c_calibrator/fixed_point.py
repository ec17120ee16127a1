"""Calibrators in fixed point, in C99: weights and activations of 16 bits."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, frexp, tanh

from crosscal.core.errors import RangeError, wanted
from crosscal.firmware_models.c_calibrator.body import Body
from crosscal.firmware_models.c_calibrator.c_text import (
    by_row,
    float_array,
    float_literal,
    integer_array,
    padded,
    template,
)
from crosscal.firmware_models.c_calibrator.network import PER_COLUMN, NetworkConstants

_TOLERANCE = 1e-4
_ARITHMETIC = "Q15: weights and activations of 16 bits; currents in single precision"
_Q15 = 15
_SETTLED_PLACES = 20
"""Binary places of a unit's input: int32 then reaches to 2048, and what it rounds is a tenth of Q15's."""

_TABLE_END, _TABLE_PER_ONE = 8, 128
"""tanh up to 8, where Q15 cannot tell it from 1; straight lines between 128 places per one err by 6e-6."""

_CURRENT_PLACES, _LARGEST_PLACES = 20, 30
_MOST_INPUT_PLACES = 24
_MOST_SHIFT = 62


def affine_q15_body(
    gain: Sequence[float], offset_a: Sequence[float], full_scale_a: float, limit_a: float
) -> Body:
    """Write gains of 16 bits, and currents as parts of a full scale, of 32 bits.

    Args:
        gain, offset_a: per column; offsets in ampere.
        full_scale_a: the largest current trained on [A].
        limit_a: the largest current that counts as a reading [A].
    """
    places = _places(max(map(abs, gain)))
    unit_a = max(full_scale_a / 2**_CURRENT_PLACES, limit_a / 2**_LARGEST_PLACES)
    text = [
        f"#define NAME_PER_AMPERE {float_literal(1.0 / unit_a)}\n"
        f"#define NAME_AMPERE {float_literal(unit_a)}\n#define NAME_GAIN_SHIFT {places}\n",
        integer_array("int16_t", "gain", [round(value * 2**places) for value in gain]),
        integer_array("int32_t", "offset", [round(value / unit_a) for value in offset_a]),
        template("whole.h"),
        template("affine_q15.h"),
    ]
    return Body(
        arithmetic=_ARITHMETIC,
        text="\n".join(text),
        relative_tolerance=_TOLERANCE,
        constant_bytes=6 * len(gain),
        stack_bytes=0,
    )


def network_q15_body(constants: NetworkConstants, limit_a: float) -> Body:
    """Write a network in fixed point; what stands around it stays in single precision.

    Args:
        constants: of the network.
        limit_a: the largest current that counts as a reading [A].
    """
    columns = len(constants.skip_a)
    input_places = _input_places(constants, limit_a)
    arrays, calls, widest, size_bytes = list[str](), list[str](), padded(columns), 20 * columns
    inputs, places = columns, input_places
    for index, (weights, biases) in enumerate(constants.layers):
        last = index == len(constants.layers) - 1
        units = padded(len(biases))
        rows = [*weights, *[[0.0] * len(weights[0])] * (units - len(biases))]
        exponents = [_unit_places(row, places) for row in rows]
        whole = [[round(value * 2**e) for value in row] for row, e in zip(rows, exponents, strict=True)]
        arrays += [
            integer_array("int16_t", f"weight_{index}", map(int, by_row(whole, inputs))),
            integer_array("int8_t", f"shift_{index}", [e + places - _SETTLED_PLACES for e in exponents]),
            integer_array(
                "int32_t", f"bias_{index}", [round(b * 2**_SETTLED_PLACES) for b in by_row([biases], units)]
            ),
        ]
        size_bytes += units * (2 * inputs + 5)
        limit = "INT32_MAX" if last else str(_TABLE_END * 2**_SETTLED_PLACES - 1)
        arguments = f"NAME_weight_{index}, NAME_shift_{index}, NAME_bias_{index}, {limit}"
        calls.append(
            f"NAME_first_layer(input, {arguments}, {units}, settled);"
            if index == 0
            else f"NAME_layer(given, {arguments}, {inputs}, {units}, settled);"
        )
        if not last:
            calls.append(f"NAME_activate(settled, {units}, given);")
        inputs, places, widest = units, _Q15, max(widest, units)
    around = {name: list(getattr(constants, name)) for name in PER_COLUMN}
    around["output_scale_a"] = [value / 2**_SETTLED_PLACES for value in constants.output_scale_a]
    table = [
        min(round(tanh(i / _TABLE_PER_ONE) * 2**_Q15), 2**_Q15 - 1)
        for i in range(_TABLE_END * _TABLE_PER_ONE + 1)
    ]
    functions = template("network_q15.h").replace("@layers@", "\n".join(f"    {call}" for call in calls))
    text = [
        "#if defined(__ARM_FEATURE_SIMD32)\n#include <arm_acle.h>\n#endif\n",
        f"#define NAME_WIDEST {widest}\n#define NAME_INPUT_UNIT {float_literal(2.0**input_places)}\n",
        *(float_array(name, values) for name, values in around.items()),
        integer_array("int16_t", "tangent", table),
        *arrays,
        template("whole.h"),
        functions,
    ]
    return Body(
        arithmetic=_ARITHMETIC,
        text="\n".join(text),
        relative_tolerance=_TOLERANCE,
        constant_bytes=size_bytes + 2 * len(table),
        stack_bytes=8 * columns + 6 * widest,
    )


def _places(largest: float) -> int:
    """Binary places with which a number of that size still fits 16 bits."""
    return floor(_Q15 - frexp(largest * (1.0 + 2.0**-_Q15))[1]) if largest > 0.0 else _Q15


def _unit_places(row: Sequence[float], places_before: int) -> int:
    """Binary places of one unit's weights, so many that its shift stays possible."""
    found = min(_places(max(map(abs, row), default=0.0)), _MOST_SHIFT + _SETTLED_PLACES - places_before)
    if found + places_before < _SETTLED_PLACES:
        raise RangeError(
            wanted(
                got=f"a weight of {max(map(abs, row)):.3g}",
                allowed="weights below 1000 in fixed point",
                remedy="export without --fixed-point",
            )
        )
    return found


def _input_places(constants: NetworkConstants, limit_a: float) -> int:
    """Binary places with which no current that is a reading overflows 32 bits."""
    largest = max(
        (limit_a + abs(shift_a)) * abs(scale)
        for shift_a, scale in zip(constants.input_shift_a, constants.input_scale, strict=True)
    )
    return min(30 - frexp(largest)[1], _MOST_INPUT_PLACES)
