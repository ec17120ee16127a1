"""The fixture `crosscal_bench`: a fresh simulated board for each test of a script or driver.

    def test_my_script(crosscal_bench):
        my_script.main(crosscal_bench.resource, visa_library=crosscal_bench.backend)
        assert crosscal_bench.bench.true_conductance()[0] == pytest.approx(50e-6, rel=0.01)

    @pytest.mark.crosscal_bench("memsys2025", seed=3, noise={"read_relative": 0})
    def test_without_noise(crosscal_bench): ...

The mark takes a profile or the path of a `bench.toml`, and keys to put on top of it; indirect parametrising
takes a profile's name, a path, or a dict of such keys. The option `crosscal_bench` in pytest's ini file gives
the default without a mark. pytest loads this module at every start, so it imports nothing of weight.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from pyvisa.resources import MessageBasedResource

    from crosscal.drivers import Board
    from crosscal.simulated_bench import Bench, BenchServer

DEFAULT_PROFILE = "lab-16x12"


class BenchForTest:
    """A simulated board of a test's own, reached like any instrument.

    Args:
        path: the `bench.toml` that describes it.
        allow_code: let that file name a device class of its own.

    Attributes:
        path: the same, for programs started as processes of their own.
        backend: PyVISA backend with this one board, for `pyvisa.ResourceManager` and `crosscal.open_board`.
        resources: VISA resource names that reach it.
    """

    def __init__(self, path: Path, *, allow_code: bool = False) -> None:
        import pyvisa

        from crosscal.core.user_code import code_allowed
        from crosscal.simulated_bench.instrument.visa_backend import CrosscalVisaLibrary

        self.path = path
        self.backend = f"{path}@crosscal"
        # PyVISA declares that making a library gives its base class.
        with code_allowed(allow_code):
            library = cast(CrosscalVisaLibrary, CrosscalVisaLibrary(str(path)))
        library.stays_on = True
        self._library = library
        self.resources = pyvisa.ResourceManager(self.backend).list_resources("?*")

    @property
    def resource(self) -> str:
        """The first of its resource names."""
        return self.resources[0]

    @property
    def bench(self) -> Bench:
        """The simulation behind the instrument, hidden from scripts: for the test's assertions."""
        return self._library.board.bench

    def open(self, resource: str | None = None, **attributes: Any) -> MessageBasedResource:
        """Open the board with plain PyVISA; messages end in newlines unless `attributes` say otherwise."""
        import pyvisa

        settings: dict[str, Any] = {"read_termination": "\n", "write_termination": "\n"} | attributes
        opened = pyvisa.ResourceManager(self.backend).open_resource(resource or self.resource, **settings)
        # All of its resources are message based.
        return cast("MessageBasedResource", opened)

    def open_board(self, resource: str | None = None) -> Board:
        """Open the board with crosscal's own driver."""
        import crosscal

        return crosscal.open_board(resource or self.resource, backend=self.backend)

    def serve_tcp(self) -> BenchServer:
        """Serve the same board on a free TCP port, for clients without PyVISA: `with … as server:`."""
        from crosscal.simulated_bench import BenchServer

        server = BenchServer(self._library.board)
        server.listen_tcp("127.0.0.1", 0)
        return server

    def close(self) -> None:
        """Close every session and switch the board off."""
        manager = self._library.resource_manager
        if manager is not None:
            manager.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the ini option."""
    parser.addini(
        "crosscal_bench",
        "profile, or path of a bench.toml from the root folder: what the fixture crosscal_bench uses",
        default=DEFAULT_PROFILE,
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark."""
    config.addinivalue_line(
        "markers",
        "crosscal_bench(source, **keys): profile or bench.toml of the simulated board, and keys on top",
    )


@pytest.fixture
def crosscal_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BenchForTest]:
    """Give a fresh simulated board; see `BenchForTest`."""
    try:
        import pyvisa_sim  # noqa: F401  (its absence is what we look for)
    except ImportError as error:
        raise pytest.UsageError(
            f"the fixture crosscal_bench lacks a package ({error}); get it by pip install 'crosscal[bench]'"
        ) from error
    path = tmp_path / "bench.toml"
    document = _document(request)
    path.write_text(_toml(document), encoding="utf-8")
    # A law in a mark or parameter was written by the test's author; one in a file that they name was not.
    bench = BenchForTest(path, allow_code="law" in document.get("device", {}))
    yield bench
    bench.close()


def _document(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Merge the settings of ini file, mark and parameter, the later on top."""
    document: dict[str, Any] = {"profile": request.config.getini("crosscal_bench")}
    for mark in reversed(list(request.node.iter_markers("crosscal_bench"))):
        document |= _keys(*mark.args, **mark.kwargs)
    parameter = getattr(request, "param", {})
    document |= _keys(**parameter) if isinstance(parameter, dict) else _keys(parameter)
    found = request.config.rootpath / str(document["profile"])
    if found.is_file():
        document["profile"] = str(found)
    return document


def _keys(source: str | Path | None = None, **keys: Any) -> dict[str, Any]:
    return keys if source is None else {"profile": str(source), **keys}


def _toml(document: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(key)} = {_toml_value(value)}\n" for key, value in document.items())


def _toml_value(value: Any) -> str:
    """Write a value inline; JSON and TOML agree on strings, booleans and numbers."""
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)} = {_toml_value(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    if isinstance(value, float):
        return repr(float(value))
    return json.dumps(value)
