"""Progress bar of all long commands."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from crosscal.commands.terminal.interrupt import interruptible

if TYPE_CHECKING:
    from crosscal.training import CollectionPlan, CollectionProgress

console = Console(stderr=True)
"""Progress and notices go to standard error, so that results can be piped."""


def progress_bar() -> Progress:
    """Make a progress bar: label, counts, time taken, time left, and a note."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
    )


@contextmanager
def collection_bar(plan: CollectionPlan, label: str) -> Iterator[Callable[[CollectionProgress], None]]:
    """Show the progress of a collection; the function that is yielded is called after each matrix."""
    with progress_bar() as bar, interruptible() as check:
        task = bar.add_task(label, total=plan.matrices, note="")

        def show(state: CollectionProgress) -> None:
            check()
            note = f"{state.unusable} unusable readings" if state.unusable else ""
            bar.update(task, completed=state.finished, note=note)

        yield show


@contextmanager
def show_log_beside_bar(bar: Progress, task: TaskID, logger_name: str) -> Iterator[None]:
    """Show messages of a logger (INFO) beside a bar: the progress of work without counted steps."""
    logger = logging.getLogger(logger_name)
    handler, before = _NoteHandler(bar, task), logger.level
    logger.addHandler(handler)
    logger.setLevel(min(logger.getEffectiveLevel(), logging.INFO))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


class _NoteHandler(logging.Handler):
    def __init__(self, bar: Progress, task: TaskID) -> None:
        super().__init__(logging.INFO)
        self._bar, self._task = bar, task

    def emit(self, record: logging.LogRecord) -> None:
        self._bar.update(self._task, note=record.getMessage())
