"""What jaxtyping checks with in the tests: a whole number may stand for a float (PEP 484)."""

from collections.abc import Callable
from typing import Any, get_args

from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray

check = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check_shapes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Check the annotations that state a shape, and no others: fakes and numpy's own numbers may pass."""
    function.__annotations__ = {
        name: hint for name, hint in function.__annotations__.items() if _states_shape(hint)
    }
    return check(function)


def _states_shape(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return True
    return any(_states_shape(part) for part in get_args(hint))
