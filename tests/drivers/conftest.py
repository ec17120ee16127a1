"""Fixtures of the drivers' tests."""

from __future__ import annotations

import jaxtyping
import pytest


@pytest.fixture
def as_users_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the tests' own checks of annotations: wrong types meet the product's checks."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
