"""Build wheel and source distribution and look into them; install a checkout whose links are plain files.

Usage: check_distributions.py SCRATCH, with `build` and the dependencies of the tests installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("drivers", "firmware_models", "runtime", "simulated_bench", "training")
IN_SOURCE = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "CITATION.cff",
    "mkdocs.yml",
    "docs/index.md",
    "tests/conftest.py",
)
TESTS = ("tests/front_door/test_command_line.py", "tests/core")


def modules() -> set[str]:
    """Modules of the package by their path in a wheel; each stands once in the checkout."""
    found = {path.relative_to(ROOT / "src").as_posix() for path in python_files(ROOT / "src")}
    for room in ROOMS:
        found |= {f"crosscal/{path.relative_to(ROOT).as_posix()}" for path in python_files(ROOT / room)}
    return found


def python_files(folder: Path) -> set[Path]:
    """Python files below a folder, links left out."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=folder, capture_output=True, text=True, check=True
    )
    return {folder / name for name in listed.stdout.splitlines()}


def check_wheel(path: Path) -> None:
    """Compare the wheel's modules with the checkout's."""
    names = [name for name in zipfile.ZipFile(path).namelist() if name.endswith(".py")]
    require(names, modules(), path.name)


def check_source(path: Path) -> None:
    """Compare the source distribution's modules with the checkout's, and look for its other parts."""
    with tarfile.open(path) as archive:
        links = [member.name for member in archive if member.issym() or member.islnk()]
        files = [member.name.partition("/")[2] for member in archive if member.isfile()]
    if links:
        sys.exit(f"{path.name} holds links: {links}")
    if missing := [name for name in (*IN_SOURCE, TESTS[0]) if name not in files]:
        sys.exit(f"{path.name} lacks {missing}")
    inside = [name for name in files if name.endswith(".py") and name.partition("/")[0] in ("src", *ROOMS)]
    places = [name.removeprefix("src/") if name.startswith("src/") else f"crosscal/{name}" for name in inside]
    require(places, modules(), path.name)


def require(names: list[str], wanted: set[str], place: str) -> None:
    """Ask for each module once, and for no other."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice or set(names) != wanted:
        sys.exit(
            f"{place}: twice {twice}, missing {sorted(wanted - set(names))}, "
            f"too many {sorted(set(names) - wanted)}"
        )
    print(f"{place}: {len(names)} modules, each once")


def check_plain_links(scratch: Path) -> None:
    """Install a checkout in which git wrote links as text files, as on Windows, and run tests beside it."""
    clone, tree = scratch / "plain-links", scratch / "plain-links-installed"
    subprocess.run(["git", "clone", "--quiet", "-c", "core.symlinks=false", ROOT, clone], check=True)
    if not (clone / "src" / "crosscal" / "drivers").is_file():
        sys.exit("the clone has links; core.symlinks=false should have made files of them")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", tree, "."]
    subprocess.run(install, cwd=clone, check=True)
    env = os.environ | {"PYTHONPATH": str(tree)}  # before what is installed in this environment
    found = subprocess.run(
        [sys.executable, "-c", "import crosscal.drivers as d; print(d.__file__)"],
        cwd=clone,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    if not found.stdout.startswith(str(tree)):
        sys.exit(f"tests would run {found.stdout.strip()} instead of what was installed in {tree}")
    subprocess.run([sys.executable, "-m", "pytest", "-q", *TESTS], cwd=clone, env=env, check=True)


def main() -> None:
    """Check both distributions and the checkout."""
    scratch = Path(sys.argv[1])
    subprocess.run([sys.executable, "-m", "build", "--outdir", scratch / "dist", ROOT], check=True)
    check_wheel(next((scratch / "dist").glob("*.whl")))
    check_source(next((scratch / "dist").glob("*.tar.gz")))
    check_plain_links(scratch)


if __name__ == "__main__":
    main()
