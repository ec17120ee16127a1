"""An exported header compiled as a shared library for this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from crosscal.core.errors import InputError, wanted
from crosscal.firmware_models.c_calibrator import library_source

_OPTIONS = ("-std=c99", "-O3", "-march=native", "-shared", "-fPIC")
_SUFFIXES = {"win32": ".dll", "darwin": ".dylib"}


def library_path(header: Path) -> Path:
    """Where the library of a header goes."""
    return header.with_suffix(_SUFFIXES.get(sys.platform, ".so"))


def compile_library(header: Path, name: str) -> Path:
    """Compile `header`, of names that begin with `name`, with `$CC`, or else cc.

    Raises:
        InputError: no compiler, or one that refuses.
    """
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise InputError(
            wanted(
                got="no C compiler",
                allowed="one that $CC names, or else cc",
                remedy="install one, such as gcc, or leave --library out: the header is written",
            )
        )
    target = library_path(header)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "library.c"
        source.write_text(library_source(header.read_text(encoding="utf-8"), name), encoding="utf-8")
        made = Path(folder) / target.name
        done = subprocess.run(
            [compiler, *_OPTIONS, str(source), "-o", str(made), "-lm"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise InputError(
                wanted(
                    got=f"a compiler, {compiler}, that refuses: {done.stderr.strip().splitlines()[0]}",
                    allowed="a C99 compiler that knows -O3 -march=native -shared",
                    remedy="name another one in $CC",
                )
            )
        shutil.copyfile(made, target)
    return target
