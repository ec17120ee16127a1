"""Table of a measurement over the values of a constant."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

Measure = Callable[[], str]
"""Measures with the constants as they stand now, and puts it in words."""


@dataclass(frozen=True, slots=True)
class Varied:
    """A constant that is given other values, where it stands.

    Attributes:
        name: module below `crosscal` and the constant's name.
        values: that are tried, the present one among them.
        measure: the experiment.
        prepare: what the experiment needs and the constant must not touch; kernels are compiled by it.
    """

    name: str
    values: tuple[Any, ...]
    measure: Measure
    prepare: Callable[[], object] = lambda: None

    def show(self) -> None:
        """Print a line for each value."""
        path, _, attribute = self.name.rpartition(".")
        module = import_module(f"crosscal.{path}")
        present = getattr(module, attribute)
        print(f"{self.name}, now {_short(present)}", flush=True)
        self.prepare()
        for value in self.values:
            setattr(module, attribute, value)
            begin_s = time.process_time()
            try:
                found = self.measure()
            except Exception as failure:  # noqa: BLE001 - a value that fails is a finding
                found = f"{type(failure).__name__}: {str(failure)[:60]}"
            finally:
                setattr(module, attribute, present)
            mark = "*" if np.array_equal(value, present) else " "
            print(f"  {_short(value):>40} {mark} {found}   {time.process_time() - begin_s:.2f} s", flush=True)


def _short(value: Any) -> str:
    """Name a grid by its ends."""
    if isinstance(value, np.ndarray):
        return f"{value[0]:g} to {value[-1]:g}, {value.size} values"
    return str(value)
