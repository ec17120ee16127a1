"""Shapes in annotations are checked where arrays cross a boundary: a wrong one fails where it is passed.

Modules with compiled kernels are left out: a kernel must reach numba as it stands in its file.
"""

import os
import re
import signal
from importlib.util import find_spec
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

WORKERS_MOST = 4
"""Each takes about 1 GB, most of it torch and compiled kernels."""


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Share the whole suite between processes where pytest-xdist is there; files that are named run in one.

    By whole files, which share fixtures; -n, --dist, --pdb and -s are left as they are given.
    """
    if hasattr(config, "workerinput"):  # one of these processes: it must not start others
        return
    option = config.option
    asked = getattr(option, "numprocesses", 0) is not None or option.dist != "no"
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if asked or not whole or option.usepdb or option.capture == "no":
        return
    workers = min(WORKERS_MOST, os.cpu_count() or 1)
    if workers > 1:
        option.numprocesses, option.dist, option.tx = workers, "loadfile", ["popen"] * workers


# A run in the background, or under nohup, ignores these, and so would every program that a test starts.
for name, action in (
    ("SIGINT", signal.default_int_handler),
    ("SIGHUP", signal.SIG_DFL),
    ("SIGQUIT", signal.SIG_DFL),
):
    if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
        signal.signal(getattr(signal, name), action)

KERNELS = re.compile(r"\bnjit\b|^(?:from|import) numba\b", re.MULTILINE)
# Annotations are evaluated, and array.array has no element type at run time before Python 3.12.
PLAIN_ARRAYS = re.compile(r"\barray\[float\]")
ROOMS = ("drivers", "runtime", "simulated_bench", "training")

# These refuse wrong shapes by themselves, which their tests ask them to.
REFUSING = (
    "crosscal.runtime.inverse.tensors",
    "crosscal.runtime.recalibration.cell_recalibration",
    "crosscal.runtime.recalibration.posterior",
    "crosscal.simulated_bench.charge",
    "crosscal.simulated_bench.circuit",
    "crosscal.simulated_bench.linear_gaussian",
    "crosscal.simulated_bench.netlists",
    "crosscal.simulated_bench.pictures.snapshot",
    "crosscal.training.calibrators.whitebox.circuit_model",
)


def modules_without_kernels() -> list[str]:
    """Name every module of the rooms in which nothing is compiled."""
    found = []
    for room in ROOMS:
        spec = find_spec(f"crosscal.{room}")
        assert spec is not None
        folder = Path(str(spec.origin)).parent
        for path in sorted(folder.rglob("*.py")):
            # The name of a package would stand for all that is in it, kernels too.
            text = path.read_text(encoding="utf-8")
            if path.name != "__init__.py" and not KERNELS.search(text) and not PLAIN_ARRAYS.search(text):
                found.append(".".join(("crosscal", room, *path.relative_to(folder).with_suffix("").parts)))
    return found


# Types, too, where no test needs a fake of them.
FULLY_CHECKED = [
    "crosscal.core",
    "crosscal.simulated_bench.front_end.channels",
    "crosscal.training.calibrators.affine_fit",
    "crosscal.training.evaluation.evaluation",
    "crosscal.training.collecting.inputs",
    "crosscal.training.measurements",
]
install_import_hook(FULLY_CHECKED, "shape_checker.check")
install_import_hook(
    [name for name in modules_without_kernels() if not name.startswith((*REFUSING, *FULLY_CHECKED))],
    "shape_checker.check_shapes",
)
