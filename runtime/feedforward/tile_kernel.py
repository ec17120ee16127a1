"""Sums of products of a few vectors with a run of units, kept in registers.

Plain loops compiled by numba load and store a sum for every eight products; a batch then takes 1.5 times
as long. So the tile is written in the compiler's own terms, as vectors of `LANES` floats that LLVM cuts to
the processor's limit. It computes, term by term, as `network_kernel.add_products` does, in the same order: a
vector gets the same answer to the bit by either way.
"""

# ruff: noqa: ARG001 - numba calls what stands for a function with the types of all its arguments

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

LANES = 16
"""Rows of weights are padded to a multiple of this many float32: 64 bytes, a cache line."""

STEP = 8
"""Inputs taken at once, so that a unit's sum is loaded and stored once per 8 products. Divides LANES."""

TILE = 8
"""Vectors taken at once: with this many sums and the weights of a step, 16 of the 32 registers of AVX-512."""

# Not llvmlite's own annotations: they miss the keywords and results that its decorators make.
Builder = Any
Value = Any

_FUSED = ("contract",)
_INDEX = ir.IntType(64)
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_FIRST_LANE = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)


def add_tile(
    packed: np.ndarray,
    at: int,
    units: int,
    inputs: int,
    scratch: np.ndarray,
    source: int,
    target: int,
    width: int,
) -> None:
    """Add to the sums of TILE vectors, LANES units each, the products of all their inputs.

    Args:
        packed: float32, holds the weights of input k to these units from `at + k · units` on.
        units, inputs: of the layer, multiples of LANES.
        scratch: float32; counted flat, inputs of vector v begin at `source + v · width`, its sums at
            `target + v · width`.
    """
    flat = scratch.reshape(-1)
    weights = packed[at:][np.add.outer(np.arange(inputs) * units, np.arange(LANES))]
    for v in range(TILE):
        x, start = flat[source + v * width :][:inputs], target + v * width
        for k in range(0, inputs, STEP):
            terms = x[k : k + STEP, None] * weights[k : k + STEP]
            flat[start : start + LANES] += terms[:4].sum(axis=0) + terms[4:].sum(axis=0)


@overload(add_tile)
def _compiled_add_tile(
    packed: Any, at: Any, units: Any, inputs: Any, scratch: Any, source: Any, target: Any, width: Any
) -> Any:
    # Numba wants the names and annotations of the function that this stands for.
    def call(
        packed: Any, at: Any, units: Any, inputs: Any, scratch: Any, source: Any, target: Any, width: Any
    ) -> Any:
        _tile(packed, at, units, inputs, scratch, source, target, width)

    return call


def _typed_tile(
    context: Any,
    packed: Any,
    at: Any,
    units: Any,
    inputs: Any,
    scratch: Any,
    source: Any,
    target: Any,
    width: Any,
) -> Any:
    """Emit `add_tile`; numba calls this with the types of the arguments."""
    signature = types.void(packed, at, units, inputs, scratch, source, target, width)

    def emit(context: Any, builder: Builder, signature: Any, values: Any) -> Any:
        weights, floats = (
            context.make_array(signature.args[array])(context, builder, values[array]).data
            for array in (0, 4)
        )
        integers = [
            context.cast(builder, values[i], signature.args[i], types.int64) for i in (1, 2, 3, 5, 6, 7)
        ]
        _emit_tile(builder, weights, floats, *integers)
        return context.get_dummy_value()

    return signature, emit


# Any, because numba hands over the context itself.
_tile: Any = intrinsic(_typed_tile)


def _emit_tile(
    builder: Builder,
    weights: Value,
    floats: Value,
    at: Value,
    units: Value,
    inputs: Value,
    source: Value,
    target: Value,
    width: Value,
) -> None:
    offsets = [builder.mul(width, _INDEX(v)) for v in range(TILE)]
    places = [_vector_at(builder, floats, builder.add(target, offset)) for offset in offsets]
    begun = [builder.load(place, align=4) for place in places]
    before = builder.block
    loop, done = builder.append_basic_block("inputs"), builder.append_basic_block("summed")
    builder.branch(loop)

    builder.position_at_end(loop)
    k, sums = builder.phi(_INDEX), [builder.phi(_FLOATS) for _ in range(TILE)]
    row = builder.add(at, builder.mul(k, units))
    rows = [builder.add(row, builder.mul(units, _INDEX(j))) for j in range(STEP)]
    loaded = [builder.load(_vector_at(builder, weights, row), align=4) for row in rows]
    added = []
    for total, offset in zip(sums, offsets, strict=True):
        first = builder.add(builder.add(source, offset), k)
        x = [_spread(builder, floats, builder.add(first, _INDEX(j))) for j in range(STEP)]
        half = STEP // 2
        products = builder.fadd(
            _products(builder, x[:half], loaded[:half]),
            _products(builder, x[half:], loaded[half:]),
            flags=_FUSED,
        )
        added.append(builder.fadd(total, products, flags=_FUSED))
    onward = builder.add(k, _INDEX(STEP))
    builder.cbranch(builder.icmp_signed("<", onward, inputs), loop, done)
    for phi, start, later in zip([k, *sums], [_INDEX(0), *begun], [onward, *added], strict=True):
        phi.add_incoming(start, before)
        phi.add_incoming(later, loop)

    builder.position_at_end(done)
    for place, total in zip(places, added, strict=True):
        builder.store(total, place, align=4)


def _products(builder: Builder, x: list[Value], weights: list[Value]) -> Value:
    total = builder.fmul(x[0], weights[0], flags=_FUSED)
    for one, weight in zip(x[1:], weights[1:], strict=True):
        total = builder.fadd(total, builder.fmul(one, weight, flags=_FUSED), flags=_FUSED)
    return total


def _spread(builder: Builder, floats: Value, index: Value) -> Value:
    """One float in every lane."""
    nothing = ir.Constant(_FLOATS, ir.Undefined)
    value = builder.load(builder.gep(floats, [index]), align=4)
    return builder.shuffle_vector(
        builder.insert_element(nothing, value, ir.IntType(32)(0)), nothing, _FIRST_LANE
    )


def _vector_at(builder: Builder, floats: Value, index: Value) -> Value:
    return builder.bitcast(builder.gep(floats, [index]), _FLOATS.as_pointer())
