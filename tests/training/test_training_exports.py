"""What the room offers, and what it costs to ask for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import crosscal.training


def test_every_name_offered_can_be_imported() -> None:
    for name in crosscal.training.__all__:
        assert getattr(crosscal.training, name) is not None
    assert sorted(crosscal.training.__all__) == sorted(set(crosscal.training.__all__))
    assert set(dir(crosscal.training)) == set(crosscal.training.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        crosscal.training.magic  # noqa: B018 - the access is what is tested


@pytest.mark.parametrize(
    "statement",
    [
        "from crosscal.training import CollectionPlan, collect",
        "from crosscal.training import evaluate, Measurements, paper_rows, calibrator_names",
    ],
)
def test_collecting_and_evaluating_need_no_torch_and_nothing_needs_the_bench(statement: str) -> None:
    script = (
        f"import sys; {statement}; loaded = {{'torch', 'onnx', 'matplotlib', 'crosscal.simulated_bench'}}"
        " & set(sys.modules); assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
