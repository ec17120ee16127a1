"""Exported C: parity with ONNX, its cost on an emulated Cortex-M4 beside emx-onnx-cgen, its time here.

Trains small calibrators of every kind on a made-up board (kept with `--keep`), exports them for matrices
never trained on, and prints its tables. The Cortex-M4 needs gcc-arm-none-eabi, libnewlib-arm-none-eabi and
qemu-system-arm; the peer needs emx-onnx-cgen (PyPI) in the environment that `--emx` names.

    python benchmarks/export_c.py
    python benchmarks/export_c.py --only cortex --emx ~/emx/bin/emx-onnx-cgen
    python benchmarks/export_c.py --only parity --shapes 8x8 5x9 --matrices 20 --vectors 50
"""

from __future__ import annotations

import argparse
import os
import tempfile
from contextlib import nullcontext
from pathlib import Path

# Before numpy and torch are imported: two pools of threads on a busy machine cost more than they bring.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

from exported_c.cortex import measure_cortex
from exported_c.host import measure_host
from exported_c.parity import measure_parity
from exported_c.subjects import Shape, Subjects
from rich.console import Console

SQUARES = "8x8 16x16 32x32 64x64"
OTHERS = "5x9 40x24"
PARTS = {"parity": measure_parity, "cortex": measure_cortex, "host": measure_host}


def shape_of(text: str) -> Shape:
    """Read a size such as 40x24."""
    rows, columns = map(int, text.split("x"))
    return rows, columns


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS, help="one table")
    parser.add_argument(
        "--shapes", nargs="+", type=shape_of, help=f"default: {SQUARES}, for parity {OTHERS} too"
    )
    parser.add_argument("--matrices", type=int, default=20, help="for parity")
    parser.add_argument("--vectors", type=int, default=50, help="for parity")
    parser.add_argument("--keep", type=Path, help="folder that trained calibrators stay in")
    parser.add_argument("--emx", default="emx-onnx-cgen", help="command of the peer")
    parser.add_argument("--onnx2c", default="onnx2c", help="command of the other, built from source")
    arguments = parser.parse_args()
    console = Console(width=max(Console().width, 130))
    with tempfile.TemporaryDirectory() if arguments.keep is None else nullcontext(arguments.keep) as folder:
        subjects = Subjects(Path(folder))
        for name in PARTS if arguments.only is None else (arguments.only,):
            texts = f"{SQUARES} {OTHERS}" if name == "parity" else SQUARES
            shapes = arguments.shapes or [shape_of(text) for text in texts.split()]
            console.print(PARTS[name](subjects, shapes, arguments))


if __name__ == "__main__":
    main()
