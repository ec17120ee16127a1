"""The C engine compiled as a shared library, once for each state of its sources."""

from __future__ import annotations

import ctypes
import hashlib
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from crosscal.firmware_models.c_sources import FOLDER, WARNINGS, engine_sources

COMPILERS = ("cc", "gcc", "clang")
LINKS_MAX = 8


def find_compiler() -> str | None:
    """The host's C compiler, if it has one."""
    return next((found for found in map(shutil.which, COMPILERS) if found), None)


class Built:
    """Folder of the compiled libraries.

    Attributes:
        folder: of the test session; the processes that share it compile each library once.
    """

    folder: Path


@cache
def library(input_bytes: int) -> ctypes.CDLL:
    """Compile the engine, once for each state of its sources, and load it."""
    compiler = find_compiler()
    assert compiler is not None
    shim = Path(__file__).parents[1] / "host_shim.c"
    sources = [*engine_sources(), shim]
    flags = (
        *WARNINGS,
        "-O1",
        "-g",
        "-fPIC",
        "-shared",
        # Undefined behaviour ends the process: no test passes with it.
        "-fsanitize=undefined",
        "-fsanitize-undefined-trap-on-error",
        f"-DLINKS_MAX={LINKS_MAX}",
        f"-DINPUT_BYTES={input_bytes}U",
        f"-I{FOLDER}",
    )
    everything = b"".join(path.read_bytes() for path in (*sources, *sorted(FOLDER.rglob("*.h"))))
    digest = hashlib.sha256(everything + " ".join((compiler, *flags)).encode()).hexdigest()[:16]
    target = Built.folder / f"engine-{digest}.so"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=Built.folder) as folder:
            built = Path(folder) / "engine.so"
            command = [compiler, *flags, "-o", str(built), *map(str, sources), "-lm"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            built.replace(target)
    loaded = ctypes.CDLL(str(target))
    loaded.host_instrument_bytes.restype = ctypes.c_size_t
    loaded.instrument_open_link.restype = ctypes.c_void_p
    loaded.instrument_open_link.argtypes = (ctypes.c_void_p, ctypes.c_bool, ctypes.c_char_p)
    loaded.instrument_poll.restype = ctypes.c_bool
    for name in ("link_receive", "link_transmit"):
        getattr(loaded, name).restype = ctypes.c_size_t
        getattr(loaded, name).argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t)
    for name in ("link_end_message", "link_dropped", "link_service_requested"):
        getattr(loaded, name).restype = ctypes.c_bool
        getattr(loaded, name).argtypes = (ctypes.c_void_p,)
    for name in ("poll", "device_clear", "trigger", "query_unterminated", "close", "acknowledge_drop"):
        getattr(loaded, f"link_{name}").argtypes = (ctypes.c_void_p,)
        getattr(loaded, f"link_{name}").restype = None
    loaded.link_pending.restype = ctypes.c_size_t
    loaded.link_pending.argtypes = (ctypes.c_void_p,)
    loaded.link_status_byte.argtypes = (ctypes.c_void_p,)
    return loaded
