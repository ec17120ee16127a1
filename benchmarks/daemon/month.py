"""A month of the daemon on three boards, beside an oracle and simpler policies; resumable.

python benchmarks/daemon/month.py -o month/

Each board is rehearsed by `crosscal daemon --rehearse 30d`; parts that are finished are not run again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from crosscal.commands.rehearsal.plan import DAEMON, INTERVAL, NONE, ORACLE, THRESHOLD, Figures
from crosscal.commands.rehearsal.run import parse_duration, run_rehearsal

BOARDS = ("rram-32x24", "pcm-24x32", "cmo-hfox-32x24")
MOST_RELATIVE, LEAST_BETTER, MOST_SHARE = 1.5, 10.0, 0.01
"""Bounds: error relative to the oracle's; on phase-change cells, that of no recalibration relative to the
daemon's; share of board time."""


def verdict(board: str, figures: Figures) -> str:
    """Write a board's line: its figures, and the bounds that they miss."""
    relative = {
        name: figures.mean(name) / figures.mean(ORACLE) for name in (DAEMON, INTERVAL, THRESHOLD, NONE)
    }
    share = figures.board_share[DAEMON]
    missed = [
        name
        for name, holds in {
            "error": relative[DAEMON] <= MOST_RELATIVE,
            "gain": not board.startswith("pcm") or relative[NONE] >= LEAST_BETTER * relative[DAEMON],
            "share": share <= MOST_SHARE,
        }.items()
        if not holds
    ]
    values = ", ".join(f"{name} {value:.3g} ×" for name, value in relative.items())
    return f"{board}: {values}; {100 * share:.2g} % of board time; missed: {', '.join(missed) or 'nothing'}"


def main() -> int:
    """Rehearse all boards; 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", default="30d")
    parser.add_argument("--boards", nargs="+", default=BOARDS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, default=Path("month"))
    arguments = parser.parse_args()
    duration_s = parse_duration(arguments.duration)
    lines = []
    for board in arguments.boards:
        output = arguments.output / Path(board).stem
        figures = run_rehearsal(
            board, duration_s, calibrator=None, swing_c=10.0, seed=arguments.seed, output=output
        )
        lines.append(verdict(board, figures))
    print(*lines, sep="\n")
    return any(not line.endswith("nothing") for line in lines)


if __name__ == "__main__":
    sys.exit(main())
