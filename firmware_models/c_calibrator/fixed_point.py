"""Calibrators in fixed point, in C99: weights and activations of 16 bits."""

from __future__ import annotations

from collections.abc import Sequence
from math import frexp, tanh

from crosscal.firmware_models.c_calibrator.body import Body
from crosscal.firmware_models.c_calibrator.c_text import (
    float_array,
    float_literal,
    integer_array,
    padded,
    template,
)
from crosscal.firmware_models.c_calibrator.network import PER_COLUMN, NetworkConstants
from crosscal.firmware_models.c_calibrator.q15_layer import Q15, SUM_PLACES, Q15Layer, places_of

_TOLERANCE = 1e-4  # of the largest current: three steps of Q15, 3e-5 each
_ARITHMETIC = "Q15: weights and activations of 16 bits; currents in single precision"
_TABLE_END, _TABLE_PER_ONE = 8, 128
"""tanh up to 8, where Q15 cannot tell it from 1; straight lines between 128 places per one err by 6e-6."""

_CURRENT_PLACES, _LARGEST_PLACES = 20, 30
"""Binary places of the full scale, and of the largest reading: a unit is 1e-6 of the one, and sums of two of
the other fit 32 bits."""

_MOST_INPUT_PLACES = 24  # of a current in single precision: further ones are zeros


def affine_q15_body(
    gain: Sequence[float], offset_a: Sequence[float], full_scale_a: float, limit_a: float
) -> Body:
    """Write gains of 16 bits, and currents as parts of a full scale, of 32 bits.

    Args:
        gain, offset_a: per column; offsets in ampere.
        full_scale_a: the largest current trained on [A].
        limit_a: the largest current that counts as a reading [A].
    """
    places = places_of(max(map(abs, gain)))
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
    layers, inputs, places = list[Q15Layer](), columns, input_places
    for weights, biases in constants.layers:
        layers.append(Q15Layer.of(weights, biases, inputs=inputs, places=places))
        inputs, places = layers[-1].units, Q15
    widest = max(padded(columns), *(layer.units for layer in layers))
    around = {name: list(getattr(constants, name)) for name in PER_COLUMN}
    around["output_scale_a"] = [value / 2**SUM_PLACES for value in constants.output_scale_a]
    table = [
        min(round(tanh(i / _TABLE_PER_ONE) * 2**Q15), 2**Q15 - 1)
        for i in range(_TABLE_END * _TABLE_PER_ONE + 1)
    ]
    functions = template("network_q15.h").replace("@layers@", _calls(layers))
    text = [
        "#if defined(__ARM_FEATURE_SIMD32)\n#include <arm_acle.h>\n#endif\n",
        f"#define NAME_WIDEST {widest}\n#define NAME_INPUT_UNIT {float_literal(2.0**input_places)}\n"
        f"#define NAME_FIRST_UNITS {layers[0].units}\n#define NAME_FIRST_LIMIT {_limit(layers, 0)}\n",
        *(float_array(name, values) for name, values in around.items()),
        integer_array("int16_t", "tangent", table),
        *(layer.arrays(index) for index, layer in enumerate(layers)),
        template("whole.h"),
        functions,
    ]
    return Body(
        arithmetic=_ARITHMETIC,
        text="\n".join(text),
        relative_tolerance=_TOLERANCE,
        constant_bytes=20 * columns + 2 * len(table) + sum(layer.constant_bytes for layer in layers),
        stack_bytes=8 * columns + 6 * widest,
    )


def _calls(layers: Sequence[Q15Layer]) -> str:
    lines = ["NAME_first_layer(input, settled);"]
    for index, layer in enumerate(layers[1:], start=1):
        lines.append(f"NAME_activate(settled, {layer.inputs}, given);")
        constants = f"NAME_weight_{index}, {layer.common_shift}, NAME_shift_{index}, NAME_bias_{index}"
        sizes = f"{_limit(layers, index)}, {layer.inputs}, {layer.units}"
        lines.append(f"NAME_layer(given, {constants}, {sizes}, settled);")
    return "\n".join(f"    {line}" for line in lines)


def _limit(layers: Sequence[Q15Layer], index: int) -> str:
    """Largest sum of a layer: where the table of tanh ends, or what 32 bits hold after the last."""
    return "INT32_MAX" if index == len(layers) - 1 else str(_TABLE_END * 2**SUM_PLACES - 1)


def _input_places(constants: NetworkConstants, limit_a: float) -> int:
    """Binary places with which no current that is a reading overflows 32 bits."""
    largest = max(
        (limit_a + abs(shift_a)) * abs(scale)
        for shift_a, scale in zip(constants.input_shift_a, constants.input_scale, strict=True)
    )
    return min(30 - frexp(largest)[1], _MOST_INPUT_PLACES)
