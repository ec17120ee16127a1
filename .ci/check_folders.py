"""Folders with more modules than a reader takes in at a glance, and packages that would not be installed.

Usage: python3 .ci/check_folders.py
"""

import os
import sys
import tomllib
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


def not_installed(root: Path) -> set[str]:
    """Packages in src, links followed, that pyproject.toml does not list."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    source = root / "src"
    found = {
        Path(folder).relative_to(source).as_posix().replace("/", ".")
        for folder, _, files in os.walk(source, followlinks=True)
        if "__init__.py" in files
    }
    return found - set(settings["tool"]["setuptools"]["packages"])


def main() -> None:
    """Print the fullest folders; exit with 1 where one holds too many, or pyproject.toml lacks one."""
    root = Path(__file__).resolve().parent.parent
    counts: Counter[Path] = Counter()
    for room in ROOMS:
        for path in (root / room).rglob("*.py"):
            if not any(part.is_symlink() for part in path.parents):
                counts[path.parent.relative_to(root)] += 1
    for folder, count in counts.most_common(5):
        print(f"{count:4} modules in {folder}, at most {MOST} allowed")
    missing = not_installed(root)
    if missing:
        print(f"not in pyproject.toml, packages of setuptools: {', '.join(sorted(missing))}")
    sys.exit(1 if missing or max(counts.values()) > MOST else 0)


if __name__ == "__main__":
    main()
