"""Lab board with a Python API as hardware that the daemon keeps calibrated."""

from __future__ import annotations

from array import array
from dataclasses import replace

from crosscal.core.array_types import Matrix
from crosscal.core.errors import CrosscalError
from crosscal.core.lab_board.board import LabBoard
from crosscal.firmware_models import BoardFacts
from crosscal.lab_hardware import LabHardware


class KeptLabHardware(LabHardware):
    """A `LabBoard` below the daemon; nobody else uses it, so that nothing changes behind its back.

    Args:
        board: the open board; whoever opened it closes it.
    """

    def __init__(self, board: LabBoard) -> None:
        super().__init__(board)
        groups = [group for group in super().facts.capabilities if group not in ("LOCK", "CAL")]
        self._kept_facts = replace(super().facts, capabilities=(*groups, "LOCK", "CAL"))

    @property
    def facts(self) -> BoardFacts:
        """Facts of the board, with groups LOCK and CAL."""
        return self._kept_facts

    @property
    def target_s(self) -> Matrix | None:
        """The matrix that the board was told to hold [S]; None if it does not know."""
        try:
            return self.board.target_s
        except CrosscalError:
            return None

    def acknowledge(self) -> None:
        """Do nothing: the board has no other clients."""

    def changed(self) -> bool:
        """Tell that nobody has changed it."""
        return False

    def catch_up(self) -> None:
        """Do nothing: its vectors are driven when they are read."""

    def hold(self, vector_v: array[float]) -> None:
        """Leave the rows at 0 V between reads, as the board's class does."""
        del vector_v
