"""Fuzzing of the C engine with libFuzzer, AddressSanitizer and UBSan, from the corpus beside this file.

    python tests/firmware_models/c/fuzz/fuzz.py --inputs 10000000

needs Debian's clang and libclang-rt-14-dev. A finding is left in `--work` as libFuzzer wrote it, and ends the
run with exit code 1. `--keep` writes what reached new code back into the corpus, as small as it can be made.
"""

from __future__ import annotations

import argparse
import base64
import re
import shutil
import subprocess
import sys
import tempfile
from itertools import accumulate
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
for folder in (ROOT / "src", HERE.parents[1], HERE.parent, ROOT / "tests"):
    sys.path.insert(0, str(folder))

from contract import COMMANDS, ERROR_CODES  # noqa: E402

from crosscal.firmware_models.c_sources import FOLDER, WARNINGS, board_sources, engine_sources  # noqa: E402
from crosscal.firmware_models.conformance.transcript_bytes import encode  # noqa: E402
from crosscal.firmware_models.conformance.transcript_format import Send, load_transcripts  # noqa: E402

TARGETS = {"links": 4, "stream": 5, "decimal": 1}
"""Targets, and their shares of the inputs out of ten."""
LONGEST = 160
"""Bytes of an input: an input takes some 0.15 ms, and twice as long ones reach no other code."""
INPUT_BYTES = 96
"""Of a link's buffer: short, so that inputs outgrow it."""
KEPT_BYTES = 60_000
"""Of a corpus: the longest inputs, past it, add little."""
SANITIZED = ("-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all")
SEND, CLIENTS = 0, 4
"""`fuzz_links.c`: a record that begins with less than seven times the clients sends bytes."""


def build(target: str, output: Path) -> None:
    """Compile a fuzz target.

    Raises:
        SystemExit: the compiler's complaint.
    """
    sources = [HERE / f"fuzz_{target}.c", HERE / "fuzz_board.c", *engine_sources(), *board_sources()]
    flags = (*WARNINGS, "-g", "-O2", *SANITIZED, f"-DINPUT_BYTES={INPUT_BYTES}U", f"-I{FOLDER}", f"-I{HERE}")
    done = subprocess.run(
        ["clang", *flags, "-o", str(output), *map(str, sources), "-lm"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)


def read_corpus(target: str) -> list[bytes]:
    """Inputs of the corpus: one in base64 per line."""
    text = (HERE / "corpus" / f"{target}.txt").read_text(encoding="ascii")
    return [base64.b64decode(line) for line in text.splitlines()]


def write_corpus(target: str, inputs: list[bytes]) -> None:
    """Write the corpus of a target, the shortest inputs first, in an order that no machine decides."""
    lines = sorted({base64.b64encode(data).decode("ascii") for data in inputs}, key=lambda b: (len(b), b))
    kept = [line for line, size in zip(lines, accumulate(map(len, lines)), strict=True) if size < KEPT_BYTES]
    (HERE / "corpus" / f"{target}.txt").write_text("".join(f"{line}\n" for line in kept), encoding="ascii")


def unpack(inputs: list[bytes], folder: Path) -> list[Path]:
    """Write inputs as files of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{index:05}" for index in range(len(inputs))]
    for file, data in zip(files, inputs, strict=True):
        file.write_bytes(data)
    return files


def messages() -> list[bytes]:
    """Everything that the transcripts send."""
    return [
        encode(step.text) + b"\n" for t in load_transcripts() for step in t.steps if isinstance(step, Send)
    ]


def seeds(target: str) -> list[bytes]:
    """First inputs of a target, from the transcripts."""
    if target == "decimal":
        return [number for message in messages() for number in re.findall(rb"[-+.#\w]*\d[-+.\w]*", message)]
    sent = [message for message in messages() if len(message) < LONGEST - 2]
    if target == "links":
        sent = [bytes([SEND * CLIENTS + at % CLIENTS, len(m) - 1]) + m for at, m in enumerate(sent)]
    return [b"".join(sent[index : index + 4])[:LONGEST] for index in range(0, len(sent), 4)]


def write_dictionary(path: Path) -> None:
    """Write words that random bytes would hardly come upon."""
    nodes = {node.upper() for header in COMMANDS for node in re.findall(r"\*?\w+", header)}
    short = {re.sub(r"[a-z]", "", node) for header in COMMANDS for node in re.findall(r"\w+", header)}
    others = {"MIN", "MAX", "DEF", "ON", "OFF", "BUS", "EXT", "IMM", "REAL,32", "REAL,64", "ASC", "#210"}
    others |= {
        "SWAP",
        "STALl",
        "DROP",
        "GARBle",
        "OPEN",
        "9.91E37",
        ";*OPC?\\x0a",
        ";:",
        *map(str, ERROR_CODES[:3]),
    }
    path.write_text("".join(f'"{word}"\n' for word in sorted(nodes | short | others)), encoding="ascii")


def fuzz(target: str, runs: int, work: Path, *, keep: bool) -> bool:
    """Run a target; whether it found nothing."""
    program, grown = work / f"fuzz_{target}", work / f"grown_{target}"
    build(target, program)
    known = work / f"known_{target}"
    unpack([*read_corpus(target), *seeds(target)], known)
    grown.mkdir(exist_ok=True)
    words = work / "words.txt"
    write_dictionary(words)
    found = work / f"found_{target}_"
    options = [f"-runs={runs}", f"-max_len={LONGEST}", f"-dict={words}", f"-artifact_prefix={found}"]
    print(f"{target}: {runs:,} inputs", flush=True)
    done = subprocess.run(
        [str(program), *options, "-print_final_stats=1", str(grown), str(known)],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    told = [line for line in done.stderr.splitlines() if line.startswith(("stat::number", "SUMMARY", "Done"))]
    print("\n".join(told), flush=True)
    if done.returncode == 0 and keep:
        least = work / f"least_{target}"
        least.mkdir(exist_ok=True)
        subprocess.run(
            [str(program), "-merge=1", f"-max_len={LONGEST}", str(least), str(grown), str(known)],
            stderr=subprocess.DEVNULL,
            check=True,
        )
        write_corpus(target, [path.read_bytes() for path in least.iterdir()])
    return done.returncode == 0


def main() -> None:
    """Fuzz all targets, or one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000_000, help="of all targets together")
    parser.add_argument("--target", choices=TARGETS)
    parser.add_argument("--keep", action="store_true", help="write the corpus anew")
    parser.add_argument("--work", type=Path, help="a folder for programs and findings")
    asked = parser.parse_args()
    if shutil.which("clang") is None:
        raise SystemExit("no clang here; on Debian or Ubuntu: apt-get install clang libclang-rt-14-dev")
    work = asked.work or Path(tempfile.mkdtemp(prefix="crosscal-fuzz-"))
    work.mkdir(parents=True, exist_ok=True)
    good = True
    for target, share in TARGETS.items():
        if asked.target in (None, target):
            good &= fuzz(target, asked.inputs * share // 10, work, keep=asked.keep)
    print(f"programs and findings: {work}")
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
