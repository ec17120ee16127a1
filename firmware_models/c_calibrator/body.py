"""Parts of a header that depend on the kind of calibrator."""

from __future__ import annotations

from dataclasses import dataclass

FRAMES_BYTES = 640
"""Room on the stack for saved registers and single numbers of all calls, beside the arrays; the tests compare
it with what compilers report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """C text of one kind, before `NAME_` becomes the user's name.

    Attributes:
        arithmetic: what it calculates with, for people.
        text: constants and functions.
        constant_bytes: size of the constants.
        relative_tolerance: how far it may be from ONNX, in parts of the largest current.
        stack_bytes: size of arrays on the stack during a call.
        deviation_stack_bytes: the same for a call that states deviations; None where the kind has none.
        uses_products: whether it adds products of whole rows.
        uses_math: whether it calls functions of <math.h>.
    """

    arithmetic: str
    text: str
    constant_bytes: int
    stack_bytes: int
    relative_tolerance: float
    deviation_stack_bytes: int | None = None
    uses_products: bool = False
    uses_math: bool = False
