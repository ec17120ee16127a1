"""Console for tables that are wider than a pipe is taken to be."""

from __future__ import annotations

from rich.console import Console

TABLE_WIDTH = 160  # of a file, which has no terminal to fit; the widest table has 140 characters


def table_console() -> Console:
    """Make a console on standard output; a file or a pipe has no width that a table would be cut to."""
    out = Console()
    if not out.is_terminal:
        out.width = TABLE_WIDTH
    return out
