"""Faults of operators: inputs and attributes that do not go together."""

from __future__ import annotations

from torch import Tensor

FAULTS = (RuntimeError, IndexError, KeyError, TypeError, ValueError)
"""What torch and operators raise for inputs and attributes that do not go together."""


def fault_in_words(given: list[Tensor | None], error: Exception) -> str:
    """Put shapes of an operator's inputs and its fault into words."""
    shapes = ", ".join(str(tuple(each.shape)) for each in given if each is not None)
    text = f"{error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
    return f"{shapes}: {text[:160]}" if shapes else text[:160]
