"""A bench of five rows and nine columns, and PyVISA's manager of its board."""

import pytest
import pyvisa
from visa_rig import BENCH


@pytest.fixture
def library(tmp_path):
    path = tmp_path / "bench.toml"
    path.write_text(BENCH)
    return f"{path}@crosscal"


@pytest.fixture
def manager(library):
    manager = pyvisa.ResourceManager(library)
    yield manager
    manager.close()
