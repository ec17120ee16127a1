"""Share of a board's time that is taken from its users for sentinels and recalibrations."""

from __future__ import annotations

from collections.abc import Callable


class BoardTime:
    """Account of board time: it earns a share of all time and is spent on known vectors.

    Args:
        share: of all time.
        monotonic: evenly running time [s].
        advance_s: what may be spent at once at the beginning, before any time has passed [s]; what a
            verified start costs.
        most_s: largest balance: a quiet week is no reason to hold the board for an hour [s].
    """

    def __init__(
        self, share: float, *, monotonic: Callable[[], float], advance_s: float, most_s: float
    ) -> None:
        self._share = share
        self._monotonic = monotonic
        self._began_s = self._earned_at_s = monotonic()
        self._most_s = max(most_s, advance_s)
        self._balance_s = advance_s
        self.spent_s = 0.0

    @property
    def balance_s(self) -> float:
        """What may be spent now [s]; below 0 after something that could not wait."""
        now_s = self._monotonic()
        earned_s = max(0.0, now_s - self._earned_at_s) * self._share
        self._balance_s = min(self._balance_s + earned_s, self._most_s)
        self._earned_at_s = now_s
        return self._balance_s

    def earn_share(self, share: float) -> None:
        """Earn another share from now on; what was earned stays."""
        self._balance_s = self.balance_s
        self._share = share

    def spend(self, board_s: float) -> None:
        """Note that the board was used."""
        self._balance_s = self.balance_s - board_s
        self.spent_s += board_s

    @property
    def share_used(self) -> float:
        """Share of the time since the beginning that was used."""
        elapsed_s = self._monotonic() - self._began_s
        return self.spent_s / elapsed_s if elapsed_s > 0.0 else 0.0
