"""Measuring in a thread of its own, so that a board works while a calibrator is trained."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import numpy as np

from crosscal.core.array_types import Matrix
from crosscal.core.port import CrossbarPort, known_target, target_restored, undisturbed
from crosscal.core.run.layout import MatrixRecord
from crosscal.training import (
    BoardDescription,
    CollectionPlan,
    CollectionProgress,
    collect_with,
    measure_undisturbed,
)


class Measuring:
    """Collection of a plan's matrices in portions; a context manager.

    Other clients have the board between the portions. Leaving the context ends it after the matrix in hand,
    and writes the matrix found on the board again.

    Args:
        board: the board, driven by this object alone meanwhile.
        path: the run.h5; one that was begun with the same plan goes on.
        plan: resolved for the board.
        progress: called after each matrix, in the measuring thread.
        restored: told what became of the matrix found on the board; see `target_restored`.
    """

    def __init__(
        self,
        board: CrossbarPort,
        path: Path,
        plan: CollectionPlan,
        progress: Callable[[CollectionProgress], None],
        restored: Callable[[bool | None], None],
    ) -> None:
        self._board, self._path, self._plan, self._progress = board, path, plan, progress
        self._left_s: Matrix | None = None
        self._restoring = target_restored(board, is_ours=self._is_ours, told=restored)
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
        self._restoring.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._thread.shutdown(wait=True)
        self._restoring.__exit__(None, None, None)

    def _measure(self, count: int) -> None:
        with undisturbed(self._board) as check:
            self._left_s = None
            # Read anew for each portion: others may have used the board while a calibrator was trained.
            board = BoardDescription.of(self._board)

            def records(missing: Sequence[int]) -> Iterator[tuple[int, MatrixRecord]]:
                for index in missing:
                    if index >= count or self._enough.is_set():
                        return
                    yield index, measure_undisturbed(self._board, self._plan, index, board, check)

            collect_with(records, board, self._path, self._plan, resume=True, progress=self._progress)
            self._left_s = known_target(self._board)

    def _is_ours(self, target_s: Matrix) -> bool:
        """Whether the board still holds the matrix that this object programmed last, as far as is known."""
        return self._left_s is None or np.array_equal(target_s, self._left_s)
