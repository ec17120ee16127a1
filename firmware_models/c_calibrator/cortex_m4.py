"""Exported C on an emulated Cortex-M4: builds it with GCC, runs it in QEMU, counts instructions and bytes."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from crosscal.core.errors import CrosscalError

GCC, QEMU, SIZE = "arm-none-eabi-gcc", "qemu-system-arm", "arm-none-eabi-size"
PROCESSOR = ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")

_SOURCES = ("startup.c", "harness.c", "semihosting.h", "board.ld")
_LINKING = ("-nostartfiles", "--specs=nano.specs", "-T", "board.ld", "-Wl,--no-warn-rwx-segments")
_RUN = (
    *("-M", "mps2-an386", "-nographic", "-monitor", "none", "-serial", "none"),
    *("-icount", "shift=0", "-semihosting-config", "enable=on,target=native"),
)
_RUN_S = 300  # runs take seconds; one that does not end is a fault of the program


class EmulatorError(CrosscalError):
    """A build or a run on the emulated processor that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What came of readings, one entry each.

    Attributes:
        status: what calls returned. instructions: of a call. calibrated_a: what was written [A].
        stack_bytes: most that any call used.
    """

    status: list[int]
    instructions: list[int]
    calibrated_a: list[list[float]]
    stack_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes of one compiled source: code and constants, and memory that is written."""

    flash_bytes: int
    static_bytes: int


def missing_tools() -> list[str]:
    """Programs that are not installed."""
    return [tool for tool in (GCC, QEMU, SIZE) if shutil.which(tool) is None]


def subject_of(name: str, function: str = "calibrate") -> str:
    """What the harness calls, for a header `calibrator.h` whose names begin with `name`."""
    return (
        f'#include "calibrator.h"\n#define COLUMNS {name}_COLUMNS\n#define OUTPUTS {name}_COLUMNS\n'
        f"#define subject {name}_{function}\n"
    )


def build(folder: Path, *options: str, sources: Sequence[str] = ()) -> None:
    """Link `subject.h` of the folder, and more sources, with the harness, for the emulated board.

    Raises:
        EmulatorError: the compiler refuses.
    """
    for source in _SOURCES:
        text = files(__package__).joinpath("cortex_m", source).read_text(encoding="utf-8")
        (folder / source).write_text(text, encoding="utf-8")
    own = ("startup.c", "harness.c", *sources)
    _called([GCC, *PROCESSOR, *options, *own, *_LINKING, "-o", "board.elf", "-lm"], folder)


def run(folder: Path, measured_a: Sequence[Sequence[float]], outputs: int) -> Answers:
    """Run what `build` made with readings, and count.

    Raises:
        EmulatorError: it ended otherwise than by itself.
    """
    numbers = [value for row in measured_a for value in row]
    (folder / "readings.bin").write_bytes(struct.pack(f"<{len(numbers)}f", *numbers))
    _called([QEMU, *_RUN, "-kernel", "board.elf"], folder)
    content = (folder / "answers.bin").read_bytes()
    record = struct.Struct(f"<ii{outputs}f")
    found = list(record.iter_unpack(content[:-4]))
    return Answers(
        status=[row[0] for row in found],
        instructions=[row[1] for row in found],
        calibrated_a=[list(row[2:]) for row in found],
        stack_bytes=struct.unpack("<I", content[-4:])[0],
    )


def memory_of(folder: Path, source: str, *options: str) -> Memory:
    """Compile one source alone, and count its bytes.

    Raises:
        EmulatorError: the compiler refuses.
    """
    _called([GCC, *PROCESSOR, *options, "-c", source, "-o", "alone.o"], folder)
    printed = _called([SIZE, "alone.o"], folder)
    text, data, bss = map(int, re.findall(r"\d+", printed.splitlines()[1])[:3])
    return Memory(flash_bytes=text + data, static_bytes=data + bss)


def _called(command: Sequence[str], folder: Path) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_RUN_S
        )
    except subprocess.TimeoutExpired as error:
        raise EmulatorError(f"{command[0]} did not end within {_RUN_S} s") from error
    if done.returncode != 0:
        said = done.stderr.strip() or f"exit code {done.returncode}"
        raise EmulatorError(f"{command[0]} failed: {said[-2000:]}")
    return done.stdout
