"""Sources of the engine in C99, as they come with the package."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "c"
"""Include path for compilers."""

_ENGINE = ("numbers", "engine", "commands")

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
"""Under these every source compiles without a word."""


def engine_sources() -> list[Path]:
    """All C files of the engine, hardware and processor left out."""
    return sorted(path for name in _ENGINE for path in (FOLDER / name).glob("*.c"))


def board_sources() -> list[Path]:
    """C files of the simulated boards, stand-ins for converters."""
    return sorted((FOLDER / "boards").glob("*.c"))
