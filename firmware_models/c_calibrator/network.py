"""A multilayer perceptron with tanh between its layers, in C99: what `concatsquash` folds to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crosscal.firmware_models.c_calibrator.body import Body
from crosscal.firmware_models.c_calibrator.c_text import by_row, float_array, padded, template

Numbers = Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConstants:
    """`output_shift_a + output_scale_a · network(x) + skip_a · x` with `x = (current − input_shift_a) ·
    input_scale`.

    Attributes:
        layers: weights, a row for each unit, and biases.
        input_shift_a, input_scale, output_shift_a, output_scale_a, skip_a: per column.
    """

    layers: Sequence[tuple[Sequence[Numbers], Numbers]]
    input_shift_a: Numbers
    input_scale: Numbers
    output_shift_a: Numbers
    output_scale_a: Numbers
    skip_a: Numbers


PER_COLUMN = ("input_shift_a", "input_scale", "output_shift_a", "output_scale_a", "skip_a")


def network_body(constants: NetworkConstants) -> Body:
    """Write a network in single precision, weights by input, so that sums of several units go on together."""
    arrays = [float_array(name, getattr(constants, name)) for name in PER_COLUMN]
    numbers = len(PER_COLUMN) * len(constants.skip_a)
    calls, given, inputs, widest = list[str](), "given", len(constants.skip_a), 0
    for index, (weights, biases) in enumerate(constants.layers):
        units = padded(len(biases))
        by_input = list(zip(*weights, strict=True))
        arrays.append(float_array(f"bias_{index}", by_row([biases], units)))
        arrays.append(float_array(f"weight_{index}", by_row(by_input, units)))
        numbers += units + units * inputs
        sums = ("one", "other")[index % 2]
        calls.append(f"(void)memcpy({sums}, NAME_bias_{index}, sizeof NAME_bias_{index});")
        calls.append(
            f"NAME_add_products({sums}, {given}, 1, NAME_weight_{index}, {units}, {inputs}, {units});"
        )
        if index < len(constants.layers) - 1:
            calls.append(f"NAME_hyperbolic_tangent({sums}, {units});")
        given, inputs, widest = sums, len(biases), max(widest, units)
    functions = template("network.h").replace("@layers@", "\n".join(f"    {call}" for call in calls))
    text = [
        f"#define NAME_WIDEST {widest}\n",
        *arrays,
        functions.replace("@last@", given),
    ]
    return Body(
        arithmetic="single precision",
        uses_products=True,
        text="\n".join(text),
        relative_tolerance=1e-6,
        constant_bytes=4 * numbers,
        stack_bytes=4 * (len(constants.skip_a) + 2 * widest),
    )
