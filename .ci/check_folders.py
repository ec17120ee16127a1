"""Folders with more modules than a reader takes in at a glance: of the product, benchmarks and examples.

Usage: python3 .ci/check_folders.py
"""

import sys
from collections import Counter
from pathlib import Path

ROOMS = (
    "drivers",
    "firmware_models",
    "runtime",
    "simulated_bench",
    "src",
    "training",
    "benchmarks",
    "examples",
)
MOST = 22


def main() -> None:
    """Print the fullest folders; exit with 1 where one holds too many."""
    root = Path(__file__).resolve().parent.parent
    counts: Counter[Path] = Counter()
    for room in ROOMS:
        for path in (root / room).rglob("*.py"):
            if not any(part.is_symlink() for part in path.parents):
                counts[path.parent.relative_to(root)] += 1
    for folder, count in counts.most_common(5):
        print(f"{count:4} modules in {folder}, at most {MOST} allowed")
    sys.exit(1 if max(counts.values()) > MOST else 0)


if __name__ == "__main__":
    main()
