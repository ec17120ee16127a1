"""Job under way: a measurement in small slices, between which clients are served."""

from __future__ import annotations

from collections.abc import Iterator


class CurrentJob:
    """At most one job; it belongs to the matrix that the board held when it began."""

    def __init__(self) -> None:
        self._job: Iterator[None] | None = None
        self._name = ""

    @property
    def name(self) -> str:
        """Name of the job; empty if there is none."""
        return self._name

    def begin(self, name: str, job: Iterator[None]) -> None:
        """Take a job for the next slices; another under way ends."""
        self._job, self._name = job, name

    def drop(self) -> None:
        """End the job; the calibration stays as it was."""
        self._job, self._name = None, ""

    def step(self) -> bool:
        """Do a slice; True while more of the job is left. One that fails is dropped.

        Raises:
            CrosscalError: it could not be done.
        """
        if self._job is None:
            return False
        try:
            next(self._job)
        except StopIteration:
            self.drop()
        except BaseException:
            self.drop()
            raise
        return self._job is not None
