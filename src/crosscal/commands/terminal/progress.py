"""Progress bar of all long commands."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from crosscal.commands.terminal.interrupt import interruptible

if TYPE_CHECKING:
    from crosscal.training import CollectionPlan, CollectionProgress

console = Console(stderr=True)
"""Progress and notices go to standard error, so that results can be piped."""


# Where there is no terminal: a line for each tenth of the work, and after this time if there is news.
LINE_PARTS = 10
LINE_EVERY_S = 10.0

BAR_WIDTH = 16  # with its text the line fits 80 columns


def progress_bar(get_time: Callable[[], float] = time.monotonic) -> Progress:
    """Make a progress bar: label, counts, time taken, time left, and a note; plain lines without a terminal.

    Args:
        get_time: a clock [s].
    """
    if not console.is_terminal:
        return _ProgressLines(console=console, get_time=get_time, disable=True)
    return _ProgressBar(
        TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis")),
        BarColumn(bar_width=BAR_WIDTH),
        MofNCompleteColumn(table_column=Column(no_wrap=True, min_width=7)),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        get_time=get_time,
    )


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show that a step without counts is being done: a spinner, or a line where there is no terminal."""
    if not console.is_terminal:
        console.print(f"{text} …", highlight=False, soft_wrap=True)
        yield
        return
    with console.status(text):
        yield


class _ProgressBar(Progress):
    """Bars with the note of each below it, so that both can be read on 80 columns."""

    def get_renderables(self) -> Iterable[RenderableType]:
        for task in self.tasks:
            if task.visible:
                yield self.make_tasks_table([task])
                if task.fields.get("note"):
                    yield Text(f"  {task.fields['note']}", style="dim", no_wrap=True, overflow="ellipsis")


class _ProgressLines(Progress):
    """Progress in a pipe or a file: a plain line now and then."""

    _shown: dict[TaskID, tuple[int, float, str]]

    def update(self, task_id: TaskID, **changes: Any) -> None:
        super().update(task_id, **changes)
        self._tell(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        self._tell(task_id)

    def add_task(
        self,
        description: str,
        start: bool = True,
        total: float | None = 100.0,
        completed: int = 0,
        visible: bool = True,
        **fields: Any,
    ) -> TaskID:
        task_id = super().add_task(description, start, total, completed, visible, **fields)
        self._tell(task_id)
        return task_id

    def _tell(self, task_id: TaskID) -> None:
        shown = self.__dict__.setdefault("_shown", {})
        task = next(each for each in self.tasks if each.id == task_id)
        line = _line(task)
        part = int(LINE_PARTS * task.completed / task.total) if task.total else 0
        now_s = self.get_time()
        before = shown.get(task_id)
        if before is not None:
            part_before, told_s, line_before = before
            if line == line_before or (part <= part_before and now_s - told_s < LINE_EVERY_S):
                return
        shown[task_id] = part, now_s, line
        took = "" if before is None else f", {task.elapsed or 0.0:.0f} s"
        console.print(f"{line}{took}", highlight=False, markup=False, soft_wrap=True)


def _line(task: Task) -> str:
    """Phrase a task without its times."""
    counts = f": {task.completed:g} of {task.total:g}" if task.total else ""
    note = f", {task.fields['note']}" if task.fields.get("note") else ""
    return f"{task.description}{counts}{note}"


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
