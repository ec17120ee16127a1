"""Collection on one board, with a progress bar."""

from __future__ import annotations

from pathlib import Path

from crosscal.commands.options.measurement import plan_text
from crosscal.commands.terminal.progress import collection_bar, console
from crosscal.core.port import CrossbarPort
from crosscal.training import BoardDescription, CollectionPlan, CollectionProgress, collect


def collect_with_bar(
    board: CrossbarPort, path: Path, plan: CollectionPlan, *, resume: bool, label: str = "collecting"
) -> CollectionProgress:
    """Collect on one board with a progress bar on standard error."""
    plan = plan.resolved(BoardDescription.of(board))
    console.print(f"{label}: {plan_text(plan)}", highlight=False)
    with collection_bar(plan, label) as show:
        return collect(board, path, plan, resume=resume, progress=show)
