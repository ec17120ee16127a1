"""Clock that stands still until a test moves it."""

from __future__ import annotations


class FakeClock:
    """Monotonic time in a test's hand: a callable, as firmware and links take it.

    Attributes:
        now_s: present time [s].
    """

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def advance(self, duration_s: float) -> None:
        """Let time pass."""
        self.now_s += duration_s

    sleep = advance
    """Sleeping takes no time but the clock's."""
