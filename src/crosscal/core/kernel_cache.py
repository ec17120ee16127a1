"""`njit` of kernels that are kept on disk, whatever state the disk is in.

A kernel with a damaged cache file is compiled again, and a process without a folder to write in compiles for
itself; one line in the log says so. numba itself ends either with a traceback, at every start. Each cache
file names its kernel, so that processes that compile at the same time never run the code of another. That
kernels are compiled at all is told to `compile_notice`.
"""

from __future__ import annotations

import atexit
import logging
import pickle
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

import numba
from numba import config
from numba.core import event
from numba.core.caching import IndexDataCacheFile

from crosscal.core.compile_notice import NOTICE

logger = logging.getLogger(__name__)

_DAMAGE = (
    EOFError,
    pickle.UnpicklingError,
    ValueError,
    TypeError,
    AttributeError,
    ImportError,
    IndexError,
    KeyError,
)
"""Errors of unpickling a file that was cut off or overwritten."""


def njit(*signatures: Any, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a kernel as `numba.njit(..., cache=True)` does, and survive a cache that cannot be used.

    Args:
        signatures: as of `numba.njit`. options: likewise, without `cache`.
    """

    def compile_kernel(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(*signatures, cache=True, **options)(function)
        except RuntimeError as error:
            # An interrupt that comes while LLVM hands over the code is dropped there, and the code with it.
            if "no compiled object yet" in str(error):
                raise KeyboardInterrupt from error
            if "no locator available" not in str(error):
                raise
            _cache_for_this_process()
            return numba.njit(*signatures, cache=True, **options)(function)

    return compile_kernel


def _cache_for_this_process() -> None:
    folder = tempfile.mkdtemp(prefix="crosscal-kernels-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # numba looks here for every kernel to come, so that this is said once.
    config.__dict__["CACHE_DIR"] = folder
    logger.warning(
        "kernels are compiled for this process alone: neither the package's folder nor a cache folder of the "
        "user can be written; set NUMBA_CACHE_DIR to a folder that can, and they are compiled once"
    )


_load = IndexDataCacheFile.load
_save = IndexDataCacheFile.save


def _save_named(self: IndexDataCacheFile, key: Any, data: Any) -> None:
    """Save a kernel together with its key and its source's stamp.

    numba names a cache file in the index before it writes the file, and numbers the files by the index that
    it read: for that long the name stands for the file of an older source or of another process.
    """
    _save(self, key, (self._source_stamp, key, data))


def _load_or_forget(self: IndexDataCacheFile, key: Any) -> Any:
    """Load a kernel from its cache file; forget a damaged file, and let the kernel be compiled."""
    try:
        named = _load(self, key)
        if named is None:
            return None
        stamp, of_key, data = named
        return data if (stamp, of_key) == (self._source_stamp, key) else None
    except _DAMAGE as error:
        logger.warning(
            "compiling a kernel again: its cache file %s is damaged (%s)",
            self._index_path,
            type(error).__name__,
        )
        self.flush()
        return None


class _CompilationListener(event.Listener):
    def on_start(self, event: event.Event) -> None:
        del event
        NOTICE.compilation_starts()

    def on_end(self, event: event.Event) -> None:
        del event
        NOTICE.compilation_ends()


event.register("numba:compile", _CompilationListener())
IndexDataCacheFile.save = _save_named
IndexDataCacheFile.load = _load_or_forget
