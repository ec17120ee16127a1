"""Request of a suite: sizes, calibrators, seed, and the collection plans that follow from them."""

from __future__ import annotations

from dataclasses import dataclass

from crosscal.commands.suite.boards import SuiteSize
from crosscal.training import CollectionPlan

BASELINES = "baselines"
DATA_SHEET = "data-sheet"
MEASURING = "measuring"


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRequest:
    """Sizes, calibrators and seed of a suite.

    Attributes:
        size: how much is measured on each board.
        calibrators: names, in the order of the tables.
        seed: matrices, vectors and training are drawn from it.
        retry: whether steps that failed earlier are tried again.
    """

    size: SuiteSize
    calibrators: tuple[str, ...]
    seed: int
    retry: bool

    @property
    def steps(self) -> tuple[str, ...]:
        """Steps on a board that was measured; none needs another."""
        return BASELINES, DATA_SHEET, *self.calibrators

    @property
    def training_plan(self) -> CollectionPlan:
        """Matrices that calibrators learn from, in each board's own ranges."""
        size = self.size
        return CollectionPlan(matrices=size.training_matrices, vectors=size.training_vectors, seed=self.seed)

    @property
    def test_plan(self) -> CollectionPlan:
        """Matrices that all methods are scored on; others than those learned from."""
        size = self.size
        return CollectionPlan(matrices=size.test_matrices, vectors=size.test_vectors, seed=self.seed + 1)
