"""Files that appear whole or not at all: written beside their place, then moved there."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

logger = logging.getLogger(__name__)


@contextmanager
def whole_file(path: str | PathLike[str]) -> Iterator[Path]:
    """Yield a path to write to; the file gets its name when the block ends, and is removed when it fails.

    A device or pipe, such as `/dev/stdout`, is written to directly.

    Args:
        path: the file; one that exists is replaced.

    Raises:
        OSError: the file cannot be written; its `filename` is `path`.
    """
    named = Path(path)
    target = named.resolve()
    if target.exists() and not target.is_file() and not target.is_dir():
        yield target
        return
    part = target.with_name(f".{target.stem}.part{target.suffix}")
    try:
        yield part
        part.replace(target)
        logger.info("wrote %s", named)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(named)) from error
    finally:
        part.unlink(missing_ok=True)


def write_whole_text(path: str | PathLike[str], text: str) -> None:
    """Write text as UTF-8, whatever the locale.

    Raises:
        OSError: the file cannot be written; its `filename` is `path`.
    """
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
