"""Runs every snippet of the documentation and every example, as a reader would.

    python .ci/snippets                     with the reduced sizes that pages state
    python .ci/snippets --long              as printed; cut off, the same command goes on where it was
    python .ci/snippets docs/how_to/suite.md examples     some pages only
    python .ci/snippets --but docs/results.md             all others

Each page has a folder of its own, in which its snippets run in order.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from board import free_port, port_in, served, started
from pages import Page, Snippet, groups, pages
from running import ROOT, CommandFailed, environment, execute

PORTS = ("5025", "8786")
"""Ports that pages print; a free one takes their place, as others may be at work on this machine."""


def main() -> None:
    """Run what the command line names, everything by default."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("only", nargs="*", help="pages from the root, or `examples`")
    parser.add_argument("--long", action="store_true", help="as printed, resumable")
    parser.add_argument("--but", action="append", default=[], metavar="PAGE", help="a page to leave out")
    chosen = parser.parse_args()
    by_name = {page.name: page for page in pages(ROOT) if groups(page)}
    known = [*by_name, "examples"]
    if unknown := {*chosen.only, *chosen.but} - set(known):
        sys.exit(f"no snippets in {sorted(unknown)}; known: {sorted(known)}")
    names = [name for name in chosen.only or known if name not in chosen.but]
    with ExitStack() as stack:
        if chosen.long:
            work = ROOT / "build" / "snippets"
        else:
            work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        failures: list[str] = []
        for name in names:
            if name in by_name:
                with noted(failures):
                    run_page(by_name[name], work / name.replace("/", "-"), printed=chosen.long)
            else:
                for script in sorted((ROOT / "examples").glob("[0-9]*.py")):
                    with noted(failures):
                        run_example(script, work / "examples" / script.stem)
    if failures:
        sys.exit("\n".join(failures))


@contextmanager
def noted(failures: list[str]) -> Iterator[None]:
    """Go on with the next page after a failure, which is told at the end."""
    try:
        yield
    except CommandFailed as failure:
        failures.append(str(failure))


def run_page(page: Page, folder: Path, *, printed: bool) -> None:
    """Run a page's snippets in order."""
    folder.mkdir(parents=True, exist_ok=True)
    benchmarks = folder / "benchmarks"  # pages call them as from the root
    if not benchmarks.exists():
        benchmarks.symlink_to(ROOT / "benchmarks")
    env = environment(folder)
    done = Done(folder / ".done")
    done.drop_half_done()
    with ExitStack() as stack:
        addresses = {port: str(free_port()) for port in PORTS} | {"tcp://head:": "tcp://127.0.0.1:"}
        for name in page.given:
            shutil.copy(ROOT / "src" / "crosscal" / "shipped" / "demo.onnx", folder / name)
        if page.board is not None:
            addresses = stack.enter_context(served(page.board, folder, env)) | addresses
        for group in groups(page):
            text = "\n".join(part.text if printed else part.reduced() for part in group)
            for shown, real in addresses.items():
                text = text.replace(shown, real)
            key = hashlib.sha256("\n".join(part.text for part in group).encode()).hexdigest()
            if "serve" in group[0].directives:
                for line in text.splitlines():
                    command = re.split(r"\s+#|\s+&$", line)[0]
                    stack.enter_context(
                        started(["bash", "-c", f"exec {command}"], folder, env, port_in(command))
                    )
            elif not (printed and done.has(key)):
                run_group(group, text, folder, env)
                done.add(key)


def run_group(group: list[Snippet], text: str, folder: Path, env: dict[str, str]) -> None:
    """Run one snippet with those that continue it."""
    first = group[0]
    name = first.title or ("bench.toml" if first.language == "toml" else None)
    if name is not None:
        (folder / name).write_text(text, encoding="utf-8")
        if not name.endswith(".toml"):
            return
        if name == "daemon.toml":  # which the page's own command checks
            return
        check = f"from crosscal.simulated_bench import Bench; Bench.from_toml({name!r}, allow_code=True)"
        command = [sys.executable, "-c", check]
    elif first.language == "python":
        (folder / ".snippet.py").write_text(text, encoding="utf-8")
        command = [sys.executable, ".snippet.py"]
    else:
        command = ["bash", "-euo", "pipefail", "-c", text]
    execute(command, folder, env, first.place, sized="sizes" in first.directives)


def run_example(script: Path, folder: Path) -> None:
    """Run a script of examples/, a test by pytest."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(script, folder)
    module = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if "_test_" in script.name else []
    execute([sys.executable, *module, script.name], folder, environment(folder), f"examples/{script.name}")


class Done:
    """Snippets that have been run in a folder that is kept, and the files that stood there afterwards."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def has(self, key: str) -> bool:
        """Whether a snippet was run to its end."""
        return f"ran {key}" in self._lines

    def add(self, key: str) -> None:
        """Note that a snippet ended well."""
        self._lines.append(f"ran {key}")
        self._lines += [f"file {path.name}" for path in self._path.parent.iterdir() if path.is_file()]
        self._path.write_text("\n".join(self._lines) + "\n", encoding="utf-8")

    def drop_half_done(self) -> None:
        """Remove files of a snippet that was cut off; folders stay: the commands that write them resume."""
        for path in self._path.parent.iterdir():
            if path.is_file() and f"file {path.name}" not in self._lines and path != self._path:
                path.unlink()


if __name__ == "__main__":
    main()
