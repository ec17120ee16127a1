"""Firmware of a Cortex-M4 board, compiled from the C sources that come with the package."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from crosscal.core.errors import InputError, wanted
from crosscal.firmware_models.c_sources import FOLDER, WARNINGS, board_sources, engine_sources

COMPILER, EMULATOR = "arm-none-eabi-gcc", "qemu-system-arm"
PACKAGES = "gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm"
"""Debian's packages that hold the tools."""

_LINKER_SCRIPT = FOLDER / "cortex_m4" / "mps2_an386.ld"
_PROCESSOR = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
_SMALL = ("-Os", "-ffunction-sections", "-fdata-sections")
_LINK = ("-nostartfiles", "--specs=nosys.specs", "-Wl,--gc-sections", "-T", str(_LINKER_SCRIPT))


def missing_tools() -> list[str]:
    """Tools that this machine lacks to build firmware and run it."""
    return [tool for tool in (COMPILER, EMULATOR) if shutil.which(tool) is None]


def find_tool(name: str) -> str:
    """Path of a tool.

    Raises:
        InputError: this machine does not have it.
    """
    found = shutil.which(name)
    if found is None:
        raise InputError(
            wanted(
                got=f"a machine without {name}",
                allowed="one that can build firmware for a Cortex-M4 and emulate it",
                remedy=f"on Debian or Ubuntu: apt-get install {PACKAGES}",
            )
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """One firmware to build.

    Attributes:
        rows, columns: the emulated array.
        sequence: most vectors of a sequence.
        sinh: cells with currents that grow as a hyperbolic sine of the voltage; ohmic ones otherwise.
        reference: the 3 × 2 board without wires that the transcripts are written for, whatever else is set.
        header: a calibrator for the board, as `crosscal export-c` wrote it.
        name: what the names in `header` begin with.
    """

    rows: int = 16
    columns: int = 12
    sequence: int = 64
    sinh: bool = False
    reference: bool = False
    header: Path | None = None
    name: str = "calibrator"

    def build(self, output: Path) -> None:
        """Compile it to an ELF file.

        Raises:
            InputError: no cross-compiler; a header that does not fit the board.
        """
        compiler = find_tool(COMPILER)
        sources = [*engine_sources(), *board_sources(), *sorted((FOLDER / "cortex_m4").glob("*.c"))]
        command = [compiler, *_PROCESSOR, *_SMALL, *WARNINGS, f"-I{FOLDER}", *self._definitions(), *_LINK]
        done = subprocess.run(
            [*command, "-o", str(output), *map(str, sources), "-lm"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise InputError(
                wanted(
                    got=_first_error(done.stderr),
                    allowed="a header of crosscal export-c for an array of "
                    f"{self.rows} rows and {self.columns} columns, and the name it was exported with",
                    remedy="export the calibrator for this board, or give the board its size",
                )
            )

    def _definitions(self) -> list[str]:
        values = {
            "BOARD_ROWS": self.rows,
            "BOARD_COLUMNS": self.columns,
            "BOARD_SEQUENCE": self.sequence,
            "BOARD_SINH": int(self.sinh),
            "BOARD_REFERENCE": int(self.reference),
        }
        definitions = [f"-D{name}={value}" for name, value in values.items()]
        if self.header is None:
            return definitions
        definitions += [f'-DCALIBRATOR_HEADER="{self.header.absolute()}"', f"-DCALIBRATOR_NAME={self.name}"]
        if f"{self.name}_self_test" in self.header.read_text(encoding="utf-8"):
            definitions.append("-DCALIBRATOR_SELF_TEST")
        return definitions


def _first_error(messages: str) -> str:
    """The compiler's first error, without the path before it."""
    errors = [line for line in messages.splitlines() if "error" in line]
    return errors[0].partition("error: ")[2] or errors[0] if errors else messages[-200:]
