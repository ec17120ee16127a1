"""Collection on one board, with a progress bar."""

from __future__ import annotations

from pathlib import Path

from crosscal.commands.options.measurement import plan_text
from crosscal.commands.terminal.interrupt import keeping
from crosscal.commands.terminal.progress import collection_bar, console
from crosscal.core.port import CrossbarPort
from crosscal.training import BoardDescription, CollectionPlan, CollectionProgress, collect


def kept_matrices(path: Path) -> str | None:
    """Phrase the remains of an interrupted collection; None if it leaves nothing."""
    return f"the finished matrices are kept in {path}: --resume goes on from there" if path.exists() else None


def collect_with_bar(
    board: CrossbarPort, path: Path, plan: CollectionPlan, *, resume: bool, label: str = "collecting"
) -> CollectionProgress:
    """Collect on one board with a progress bar on standard error."""
    plan = plan.resolved(BoardDescription.of(board))
    console.print(f"{label}: {plan_text(plan)}", highlight=False)
    with keeping(lambda: kept_matrices(path)), collection_bar(plan, label) as show:
        return collect(board, path, plan, resume=resume, progress=show)
