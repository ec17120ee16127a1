"""Measuring in a thread of its own, so that a board works while a calibrator is trained."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from crosscal.core.port import CrossbarPort
from crosscal.core.run.layout import MatrixRecord
from crosscal.training import (
    BoardDescription,
    CollectionPlan,
    CollectionProgress,
    collect_with,
    measure_matrix,
)


class Measuring:
    """Collection of a plan's matrices in portions; a context manager.

    Leaving the context ends it after the matrix in hand.

    Args:
        board: the board, driven by this object alone meanwhile.
        path: the run.h5; one that was begun with the same plan goes on.
        plan: resolved for the board.
        progress: called after each matrix, in the measuring thread.
    """

    def __init__(
        self,
        board: CrossbarPort,
        path: Path,
        plan: CollectionPlan,
        progress: Callable[[CollectionProgress], None],
    ) -> None:
        self._board, self._path, self._plan, self._progress = board, path, plan, progress
        self._description = BoardDescription.of(board)
        self._enough = threading.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="crosscal-measuring")

    def until(self, count: int) -> Future[None]:
        """Begin to measure until the run holds `count` matrices; the future ends when it does.

        It may end earlier, without error, when `stop` is called.
        """
        return self._thread.submit(self._measure, count)

    def stop(self) -> None:
        """End measuring after the matrix in hand."""
        self._enough.set()

    def __enter__(self) -> Measuring:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._thread.shutdown(wait=True)

    def _measure(self, count: int) -> None:
        def records(missing: Sequence[int]) -> Iterator[tuple[int, MatrixRecord]]:
            for index in missing:
                if index >= count or self._enough.is_set():
                    return
                yield index, measure_matrix(self._board, self._plan, index)

        collect_with(records, self._description, self._path, self._plan, resume=True, progress=self._progress)
