"""Runs every command line that a `--help` prints, beside the files and boards that it names.

python .ci/snippets/help_texts.py           with smaller counts added where a line has none
python .ci/snippets/help_texts.py --long    as printed
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np
from board import free_port, port_in, served, started
from running import ROOT, CommandFailed, environment, execute
from scipy.io import savemat

from crosscal.command_line import crosscal
from crosscal.core.run_file import read_run
from crosscal.runtime.store import SentinelRecord, Store

LINE = re.compile(r"^\s*(?:\w[\w ]*:)?\s+(crosscal \S.*?)(?:\s{3,}then open (\S+))?$", re.MULTILINE)
SMALLER = {
    "crosscal calibrate": "--matrices 5 --vectors 60",
    "crosscal collect": "--matrices 3 --vectors 12",
    "crosscal evaluate --suite": "--quick --boards 8x8 --calibrators affine",
    "crosscal network train-on-chip": "--epochs 1 --inputs 64",
    "crosscal network train": "--epochs 1",
    "crosscal network evaluate": "--chips 1 --inputs 20",
    "crosscal network modes": "--inputs 2 --vectors 2",
    "crosscal network sweep": "--chips 1 --inputs 20",
    "crosscal network study wires": "--epochs 1 --chips 1 --test-inputs 20",
    "crosscal train": "--epochs 3",
    "crosscal study": "--matrices 6 --test-matrices 1 --calibrators affine",
}
"""Added to lines that begin so, of which the options that come last count."""

DEFAULT_OUTPUT = {"collect": "run.h5", "import": "run.h5", "train": "calibrator.onnx"}
SERVERS = ("crosscal bench", "crosscal serve")
NEEDS = {"--check": "ngspice", "--library": "cc", "--qemu": "qemu-system-arm"}
"""Programs of the machine without which a line is not run."""

MY_LAB = """
import numpy as np
import crosscal


class MyBoard(crosscal.LabBoard):
    facts = crosscal.LabBoardFacts("lab,board,7,1", (16, 12), (2e-6, 20e-6), 1e-3, 0.2)

    def __init__(self, port="none"):
        self.cells_s = np.full((16, 12), 2e-6)

    def read_currents(self, voltage_v):
        noise_a = np.random.default_rng(len(voltage_v)).normal(0.0, 2e-9, (len(voltage_v), 12))
        return voltage_v @ self.cells_s + noise_a

    def write(self, target_s, tolerance):
        self.cells_s = np.array(target_s)

    def rest(self):
        pass
"""


def lines(command: click.Command, parents: tuple[str, ...] = ()) -> Iterator[tuple[str, str, str]]:
    """Yield the command, a line of its help, and the resource that the line says to open, "" for none."""
    context = click.Context(command, info_name=" ".join(parents) or "crosscal")
    text = re.sub(r" +\\\n\s+", " ", command.get_help(context))  # a line that goes on
    for found in LINE.finditer(text):
        if "[OPTIONS]" not in found[1]:
            yield " ".join(("crosscal", *parents)), found[1].rstrip(), found[2] or ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from lines(inner, (*parents, name))


def write_files(folder: Path, env: dict[str, str]) -> None:
    """Write what the lines name: a bench, a matrix, a vector, runs, a calibrator, a lab's module."""
    rng = np.random.default_rng(1)
    (folder / "bench.toml").write_text('profile = "lab-12x16"\n', encoding="utf-8")
    (folder / "my_lab.py").write_text(MY_LAB, encoding="utf-8")
    np.save(folder / "g.npy", rng.uniform(20e-6, 95e-6, (12, 16)))
    np.save(folder / "v.npy", rng.uniform(0.1, 0.5, 12))
    shutil.copy(ROOT / "src" / "crosscal" / "shipped" / "demo.onnx", folder / "b7.onnx")
    for name, seed in (("run.h5", 1), ("holdout.h5", 2)):
        counts = ["--matrices", "8", "--vectors", "40", "--seed", str(seed), "-o", name]
        collect = ["collect", "GPIB0::9::INSTR", "--backend", "lab-12x16@crosscal", *counts]
        execute([sys.executable, "-m", "crosscal", *collect], folder, env, f"making {name}")
    export = ["export-c", "b7.onnx", "--matrix", "g.npy", "-o", "b7.h", "--name", "b7"]
    execute([sys.executable, "-m", "crosscal", *export], folder, env, "making b7.h")
    write_other_formats(folder, env)
    write_network(folder, env)
    write_store(folder)


def write_network(folder: Path, env: dict[str, str]) -> None:
    """Write a small set of images, and a network for them as ONNX and mapped."""
    rng = np.random.default_rng(3)
    arrays = {}
    for part, count in (("train", 120), ("test", 30)):
        y = rng.integers(0, 3, count)
        x = rng.integers(0, 60, (count, 12, 12)) + 60 * y[:, None, None]
        arrays |= {f"x_{part}": x.astype(np.uint8), f"y_{part}": y}
    np.savez(folder / "data.npz", **arrays)
    for words in (
        ["train", "data.npz", "--epochs", "1", "-o", "net.onnx"],
        ["map", "net.onnx", "-o", "net.mapped"],
    ):
        execute([sys.executable, "-m", "crosscal", "network", *words], folder, env, f"making {words[-1]}")


def write_store(folder: Path) -> None:
    """Write a daemon's store of five versions, with a reading of sentinels each."""
    content = (folder / "b7.onnx").read_bytes()
    with Store.open(folder / "store") as store:
        for version in range(1, 6):
            time_s = datetime(2026, 11, version, tzinfo=UTC).timestamp()
            store.commit_calibration(content, {"reason": "drift"}, time_s=time_s)
            reading = SentinelRecord(
                time_s=time_s, version=version, residual=np.zeros((8, 16)), statistic=0.5, nmse=1e-3
            )
            store.record_sentinel(reading)


def write_other_formats(folder: Path, env: dict[str, str]) -> None:
    """Write a run in the formats that are imported."""
    run = read_run(folder / "run.h5")
    np.savez(folder / "lab.npz", G=run.target_s, V=run.voltage_v, I=run.current_a)
    turned = {"G": 1e6 * run.target_s.transpose(0, 2, 1), "V": run.voltage_v, "I": run.current_a}
    savemat(folder / "lab.mat", turned)
    for name, array in (("g", run.target_s), ("v", run.voltage_v), ("i", 1e6 * run.current_a)):
        np.savetxt(folder / f"{name}.csv", array[0], delimiter=",")
    export = ["export", "run.h5", "-o", "data.csv"]
    execute([sys.executable, "-m", "crosscal", *export], folder, env, "making data.csv")


def run_line(
    line: str, opened: str, place: str, files: Path, addresses: dict[str, str], *, printed: bool
) -> None:
    """Run one line in a folder that has the files, without those that the line writes."""
    for option, program in NEEDS.items():
        if option in line.split() and shutil.which(program) is None:
            print(f"  left out {place}: {line} (no {program} here)")
            return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(shutil.copytree(files, Path(temporary) / "files"))
        env = environment(folder)
        if not printed:
            line += "".join(f" {more}" for begins, more in SMALLER.items() if line.startswith(begins))
        for shown, real in addresses.items():
            line, opened = line.replace(shown, real), opened.replace(shown, real)
        words = shlex.split(line)
        written = words[words.index("-o") + 1] if "-o" in words else DEFAULT_OUTPUT.get(words[1], "none")
        (folder / written).unlink(missing_ok=True)
        if line.startswith(SERVERS):
            link = folder / words[words.index("--pty") + 1] if "--pty" in words else None
            with started(["bash", "-c", f"exec {line}"], folder, env, port_in(line), link):
                if opened:
                    read = f"import crosscal; print(crosscal.open_board({opened!r}, backend='@py').identity)"
                    execute([sys.executable, "-c", read], folder, env, f"{place}: {line}")
        else:
            execute(["bash", "-euo", "pipefail", "-c", line], folder, env, f"{place}: {line}")


def main() -> None:
    """Run the lines of every command."""
    printed = "--long" in sys.argv[1:]
    with ExitStack() as stack:
        files = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "files"
        files.mkdir()
        env = environment(files)
        write_files(files, env)
        addresses = stack.enter_context(served("lab-12x16", files.parent, env))
        port = str(free_port())
        scheduler = ["dask", "scheduler", "--port", port, "--no-dashboard"]
        worker = ["dask", "worker", f"tcp://127.0.0.1:{port}", "--nthreads", "1", "--no-dashboard"]
        stack.enter_context(started(scheduler, files.parent, env, int(port)))
        stack.enter_context(started(worker, files.parent, env, None))
        addresses |= {"tcp://head:8786": f"tcp://127.0.0.1:{port}", "5025": str(free_port())}
        addresses["/tmp/board"] = str(files.parent / "pty")
        places = {(line, opened): place for place, line, opened in lines(crosscal)}  # some stand twice
        failures: list[str] = []
        for (line, opened), place in places.items():
            try:
                run_line(line, opened, f"{place} --help", files, addresses, printed=printed)
            except (CommandFailed, RuntimeError) as failure:
                failures.append(str(failure))
    print(f"{len(places)} lines of help texts")
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
