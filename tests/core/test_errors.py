"""The tree that is drawn in the docstring is the tree that exists."""

from __future__ import annotations

import inspect
import pickle

from crosscal.core import errors


def test_every_error_is_drawn_and_belongs_to_the_tree() -> None:
    drawing = errors.__doc__ or ""
    for name, member in inspect.getmembers(errors, inspect.isclass):
        assert issubclass(member, errors.CrosscalError), name
        assert name in drawing, name


def test_input_errors_are_value_errors_for_scripts_that_know_nothing_of_us() -> None:
    assert issubclass(errors.ShapeError, ValueError)
    assert issubclass(errors.SettingsError, ValueError)


def test_a_scpi_error_keeps_its_code_when_it_crosses_a_process() -> None:
    error = pickle.loads(pickle.dumps(errors.ScpiError(-222, "Data out of range", "ARR:COND:TARG")))
    assert (error.code, error.text, error.command) == (-222, "Data out of range", "ARR:COND:TARG")
    assert "-222" in str(error)
    assert "ARR:COND:TARG" in str(error)
