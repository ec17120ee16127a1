"""The search for the inputs that explain a reading, in C99: what `structured` and `whitebox` fold to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from crosscal.firmware_models.c_calibrator.body import Body
from crosscal.firmware_models.c_calibrator.c_text import (
    by_row,
    float_array,
    float_literal,
    padded,
    template,
)
from crosscal.firmware_models.c_calibrator.exact_sums import ExactSums

Numbers = Sequence[float]
Matrix = Sequence[Numbers]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadRules:
    """How deviations are worked out.

    Attributes:
        inflation: what they are multiplied by.
        usual: twice the energy that a reading has by chance, at most, at that inflation.
        beginning: of the power iteration, (N,). rounds: of it.
        soft: deviation of an input from which on a direction is walked.
        step_of_deviation: length of a stride, in deviations. step_limits: least and most.
        strides: to each side, at most.
        patterns: what inputs may have in common, (K, N). bias_in_noise: of predictions, relative to the
            deviation of their noise, (M,). doubt, most_common, spread_by_chance, most_spread, unknown_spread:
            from which on, and by how much, inputs are taken to be other than those trained on.
        others_left: from which on the spread of what readings leave open begins to count, and counts whole.
            spread_of_squares: of an input of unit variance.
        unlikely, likeliest: energy at which a walk ends, and at which a place counts no more than that.
    """

    inflation: float
    usual: float
    beginning: Numbers
    rounds: int
    soft: float
    step_of_deviation: float
    step_limits: tuple[float, float]
    strides: int
    unlikely: float
    likeliest: float
    patterns: Matrix
    bias_in_noise: Numbers
    doubt: float
    most_common: float
    spread_by_chance: float
    most_spread: float
    unknown_spread: float
    others_left: tuple[float, float]
    spread_of_squares: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InverseConstants:
    """Coefficients of one matrix's surrogate, and how it is searched; N rows, M columns.

    Attributes:
        first, second, third: of each input's own powers, (N, M).
        loading, link, high_link, quadratic: of the products of what columns carry, (N, M).
        linear, conductance_s: linear prediction, and the target [S], (N, M). gain: its inverse, (M, N).
        place: weights of the second product, (N,). input_variance: of the mean volts, (N,).
            drive_variance: of inputs as they are driven, (N,).
        cubic, quartic, constant, variance, linear_offset: of scaled currents, (M,).
        scale, shift_a: `y = (I − shift_a) · scale`, (M,). limit_a: of currents [A].
        trim, trim_a: of the answer, (M,).
        shift_without_offsets_a: the shift in a current range in which channels have no offsets, (M,).
        reading_weight: of squared residuals in the misfit, (M,).
        doubtful_misfit, most_misfit: mean over columns, from which on the other shift is tried, and beyond
            which no inputs explain a reading.
        together: direction of the largest eigenvalue, of the smaller side.
        input_bounds: low, high, penalty beyond them, least, most. damping: of each step. step_tolerance: when
            a step is the last, as mean square over the inputs and relative to the mean variance.
        expansion_v: volts in powers of the standardised input.
        spread: for stated deviations.
    """

    first: Matrix
    second: Matrix
    third: Matrix
    loading: Matrix
    link: Matrix
    high_link: Matrix
    quadratic: Matrix
    linear: Matrix
    conductance_s: Matrix
    gain: Matrix
    place: Numbers
    input_variance: Numbers
    drive_variance: Numbers
    cubic: Numbers
    quartic: Numbers
    constant: Numbers
    variance: Numbers
    linear_offset: Numbers
    scale: Numbers
    shift_a: Numbers
    shift_without_offsets_a: Numbers
    limit_a: float
    reading_weight: Numbers
    doubtful_misfit: float
    most_misfit: float
    trim: Numbers
    trim_a: Numbers
    together: Numbers
    input_bounds: Numbers
    damping: Numbers
    step_tolerance: Numbers
    expansion_v: Numbers
    spread: SpreadRules


_MATRICES = (
    *("second", "third", "loading", "link", "high_link", "quadratic"),
    *("linear", "conductance_s"),
)
_BY_COLUMN = ("cubic", "quartic", "variance", "trim", "trim_a", "reading_weight")
_TEMPLATES = ("products.h", "room.h", "residual.h", "surrogate.h", "step.h", "mode.h", "deviation.h")


def inverse_body(constants: InverseConstants) -> Body:
    """Write a read that finds the inputs: in single precision, but for what is left of the reading."""
    rows, columns = len(constants.first), len(constants.first[0])
    arrays = {name: by_row(getattr(constants, name), padded(columns)) for name in _MATRICES}
    arrays["gain"] = by_row(constants.gain, padded(rows))
    for name in (*_BY_COLUMN, "place", "input_variance", "drive_variance", "damping", "expansion_v"):
        arrays[name] = list(getattr(constants, name))
    arrays["linear_offset"] = [
        offset - own for offset, own in zip(constants.linear_offset, constants.constant, strict=True)
    ]
    fewer_rows = rows <= columns
    smaller = padded(min(rows, columns))
    arrays["beginning"] = list(constants.spread.beginning)
    arrays["patterns"] = [value for pattern in constants.spread.patterns for value in pattern]
    arrays["bias_in_noise"] = list(constants.spread.bias_in_noise)
    arrays["together"] = by_row([constants.together], smaller)
    text = [
        _rules(constants, fewer_rows),
        _exact_sums(constants).text(),
        *(float_array(name, values) for name, values in arrays.items()),
        *(template(name) for name in _TEMPLATES),
    ]
    return Body(
        arithmetic="single precision; what is left of a reading in whole numbers of 64 bits",
        text="\n".join(text),
        relative_tolerance=1e-5,
        constant_bytes=4 * (sum(map(len, arrays.values())) + rows * padded(columns)) + 24 * columns,
        stack_bytes=_room_bytes(rows, columns),
        deviation_stack_bytes=_room_bytes(rows, columns) + _spread_bytes(rows, columns),
        uses_math=True,
    )


def _rules(constants: InverseConstants, fewer_rows: bool) -> str:
    rows, columns = len(constants.first), len(constants.first[0])
    low, high, penalty, least, most = constants.input_bounds
    larger, place = ("COLUMNS", "m * NAME_SMALLER) + n") if fewer_rows else ("ROWS", "n * NAME_SMALLER) + m")
    numbers = {
        "LOW": low,
        "HIGH": high,
        "PENALTY": penalty,
        "LEAST": least,
        "MOST": most,
        "DEVIATION_BEYOND": 1.0 / sqrt(1.0 + penalty),
        "TOLERANCE": constants.step_tolerance[0] * rows,
        "TOLERANCE_VARIANCE": constants.step_tolerance[1] * sum(constants.variance) / columns,
    }
    spread = constants.spread
    numbers |= {
        "INFLATION": spread.inflation,
        "USUAL": spread.usual,
        "DOUBTFUL_MISFIT": constants.doubtful_misfit * columns,
        "MOST_MISFIT": constants.most_misfit * columns,
        "STEP_OF_DEVIATION": spread.step_of_deviation,
        "STEP_LEAST": spread.step_limits[0],
        "STEP_MOST": spread.step_limits[1],
    }
    # Of double precision, as what they are compared with.
    exact = {
        "SOFT_VARIANCE": spread.soft**2,
        "UNLIKELY": spread.unlikely,
        "LIKELIEST": spread.likeliest,
        "DOUBT": spread.doubt,
        "MOST_COMMON": spread.most_common,
        "SPREAD_BY_CHANCE": spread.spread_by_chance,
        "MOST_SPREAD": spread.most_spread,
        "UNKNOWN_SPREAD": spread.unknown_spread,
        "OTHERS_LEAST": spread.others_left[0],
        "OTHERS_RAMP": spread.others_left[1] - spread.others_left[0],
        "SPREAD_OF_SQUARES": spread.spread_of_squares,
    }
    sizes = {
        "ROWS_PADDED": padded(rows),
        "COLUMNS_PADDED": padded(columns),
        "FEWER_ROWS": int(fewer_rows),
        "SMALLER": padded(min(rows, columns)),
        "LARGER": f"NAME_{larger}",
        "PLACE(n, m)": f"(({place})",
        "STEPS": len(constants.damping),
        "ORDERS": len(constants.expansion_v),
        "ROUNDS": spread.rounds,
        "STRIDES": spread.strides,
        "PATTERNS": len(spread.patterns),
        "RANK": min(rows, columns),
        "FREE": max(min(rows, columns) - len(spread.patterns), 1),
        **exact,
        **{name: float_literal(number) for name, number in numbers.items()},
    }
    return "".join(f"#define NAME_{name} {value}\n" for name, value in sizes.items())


def _exact_sums(constants: InverseConstants) -> ExactSums:
    *_, least, most = constants.input_bounds
    return ExactSums.of(
        constants.first,
        bounds=(least, most),
        constant=constants.constant,
        scale=constants.scale,
        shifts_a=(constants.shift_a, constants.shift_without_offsets_a),
        limit_a=constants.limit_a,
    )


def _room_bytes(rows: int, columns: int) -> int:
    smaller, larger = padded(min(rows, columns)), max(rows, columns)
    return 4 * (8 * padded(rows) + 11 * padded(columns) + smaller * (larger + smaller + 5) + larger + 2)


def _spread_bytes(rows: int, columns: int) -> int:
    doubles = rows * (rows + 1) // 2 + rows + 4 * columns
    return 8 * doubles + 4 * (5 * rows + 2 * padded(columns))
