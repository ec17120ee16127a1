"""Source of a powered board's settings, watched for changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crosscal.simulated_bench.settings.bench_settings import BenchSettings
from crosscal.simulated_bench.settings.bench_toml import load_settings, settings_document


class SettingsSource:
    """A `bench.toml` or profile, and its contents when a board was last switched on.

    Args:
        name: path of the file, or name of the profile. A relative path is looked for in the present folder,
            and after a change of folder where it was found before.
    """

    def __init__(self, name: str) -> None:
        self._name = self._last = name
        self._document: dict[str, Any] | None = None

    def __str__(self) -> str:
        return self._name

    def load(self) -> BenchSettings:
        """Read the settings, and remember them as those of the board.

        Raises:
            SettingsError: as `load_settings`.
        """
        source = self._found()
        document, settings = settings_document(source), load_settings(source)
        self._last, self._document = source, document
        return settings

    def changed(self) -> bool:
        """Tell whether the file, or one below it, says something else than when it was loaded.

        Raises:
            SettingsError: it is gone, or can no longer be read.
        """
        return settings_document(self._found()) != self._document

    def _found(self) -> str:
        path = Path(self._name)
        return str(path.resolve()) if path.is_file() else self._last
