"""Opening boards through PyVISA: names of resources and of benches, and the board's life."""

import gc
import subprocess
import sys
from pathlib import Path

import pytest
import pyvisa
from pyvisa.constants import (
    InterfaceType,
    StatusCode,
)
from visa_rig import BENCH, EVERY_WAY, GPIB, SOCKET, USB, code_of, opened

from crosscal.core.errors import SettingsError


@pytest.mark.parametrize("resource", EVERY_WAY)
def test_every_kind_of_resource_reaches_the_board(manager, resource):
    instrument = opened(manager, resource)
    assert instrument.query("*IDN?") == "crosscal,CB1,T59,1.0"
    assert instrument.query("ARR:SIZE?") == "5,9"


def test_resources_are_listed_by_visa_expressions(manager):
    assert set(manager.list_resources("?*")) == set(EVERY_WAY)
    assert set(manager.list_resources()) == set(EVERY_WAY) - {SOCKET}
    assert manager.list_resources("GPIB?*") == (GPIB,)
    assert manager.list_resources_info("USB?*")[USB].interface_type == InterfaceType.usb
    with pytest.raises(pyvisa.VisaIOError, match="NFOUND"):
        manager.list_resources("VXI?*")


@pytest.mark.parametrize(
    "absent",
    ["GPIB0::10::INSTR", "TCPIP0::elsewhere::inst0::INSTR", "ASRL2::INSTR", "USB0::1::2::X::0::INSTR"],
)
def test_an_address_with_nothing_behind_it_is_an_error_at_once(manager, absent):
    with pytest.raises(pyvisa.VisaIOError) as caught:
        manager.open_resource(absent)
    assert code_of(caught) is StatusCode.error_resource_not_found


def test_what_is_no_resource_name_is_an_error_at_once(manager):
    with pytest.raises(pyvisa.VisaIOError) as caught:
        manager.open_resource("somewhere over the rainbow")
    assert code_of(caught) is StatusCode.error_invalid_resource_name


def test_short_names_and_other_cases_are_completed(manager):
    assert opened(manager, "TCPIP::LOCALHOST::5025::SOCKET").query("ARR:SIZE?") == "5,9"
    assert opened(manager, "gpib::9").query("ARR:SIZE?") == "5,9"


def test_a_profile_can_be_named_in_place_of_a_file():
    manager = pyvisa.ResourceManager("memsys2025@crosscal")
    assert opened(manager).query("ARR:SIZE?") == "64,64"
    manager.close()


def test_the_environment_variable_selects_the_bench(library, monkeypatch):
    monkeypatch.setenv("PYVISA_LIBRARY", library)
    manager = pyvisa.ResourceManager()
    assert opened(manager).query("ARR:SIZE?") == "5,9"
    manager.close()


def test_the_backend_alone_opens_the_default_board():
    manager = pyvisa.ResourceManager("@crosscal")
    assert opened(manager).query("ARR:SIZE?") == "16,12"
    manager.close()


def test_a_bench_that_cannot_be_built_is_an_error_that_names_the_key(tmp_path):
    (tmp_path / "bad.toml").write_text('profile = "memsys2025"\nnoize = 1\n')
    with pytest.raises(SettingsError, match="noize"):
        pyvisa.ResourceManager(f"{tmp_path}/bad.toml@crosscal")
    with pytest.raises(SettingsError, match="profile"):
        pyvisa.ResourceManager(f"{tmp_path}/absent.toml@crosscal")


@pytest.mark.parametrize("resources", ['["nonsense"]', '["PXI0::1::INSTR"]', '["ASRL1::INSTR", "asrl1"]'])
def test_resources_that_visa_does_not_know_are_an_error_that_names_the_key(tmp_path, resources):
    path = tmp_path / "bench.toml"
    path.write_text(f'profile = "memsys2025"\nvisa.resources = {resources}\n')
    with pytest.raises(SettingsError, match=r"visa\.resources"):
        pyvisa.ResourceManager(f"{path}@crosscal")


def test_a_new_manager_finds_a_fresh_board_even_while_the_old_one_is_remembered(library):
    first = pyvisa.ResourceManager(library)
    opened(first).write("SENS:AVER:COUN 7")
    first.close()
    second = pyvisa.ResourceManager(library)
    assert opened(second).query("SENS:AVER:COUN?") == "1"
    second.close()
    assert first is not second


def test_two_managers_of_one_bench_are_the_same_while_it_is_on(manager, library):
    assert pyvisa.ResourceManager(library) is manager


def test_two_benches_do_not_know_of_each_other(manager, tmp_path):
    (tmp_path / "other.toml").write_text(BENCH)
    other = pyvisa.ResourceManager(f"{tmp_path}/other.toml@crosscal")
    opened(manager).write("SENS:AVER:COUN 7")
    assert opened(other).query("SENS:AVER:COUN?") == "1"
    other.close()


@pytest.mark.parametrize("change", [str.lower, str.upper, str.swapcase])
def test_every_resource_name_is_case_blind(manager, change):
    for name in manager.list_resources("?*"):
        instrument = opened(manager, change(name))
        assert instrument.query("ARR:SIZE?") == "5,9"
        instrument.close()


def test_closing_the_manager_takes_the_rows_to_rest(manager, monkeypatch):
    rested = []
    hardware = manager.visalib.board.bench
    monkeypatch.setattr(hardware, "rest", lambda: rested.append(True))
    opened(manager).write("OUTP ON")
    manager.close()
    assert rested


def test_a_missing_part_is_told_by_name_and_not_as_a_missing_backend():
    program = (
        "import sys; sys.modules['pyvisa_sim'] = None\n"
        "import pyvisa\n"
        "try: pyvisa.ResourceManager('lab-16x12@crosscal')\n"
        "except ValueError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'crosscal[bench]'" in done.stdout


def test_the_board_is_gone_with_its_last_manager(library):
    manager = pyvisa.ResourceManager(library)
    opened(manager).write("SENS:AVER:COUN 5")
    del manager
    gc.collect()
    manager = pyvisa.ResourceManager(library)
    assert opened(manager).query("SENS:AVER:COUN?") == "1"
    manager.close()


def test_pyvisa_info_names_the_backend():
    from pyvisa.highlevel import get_wrapper_class

    assert set(get_wrapper_class("crosscal").get_debug_info()) == {"Version"}


def test_paths_with_an_at_sign_and_spaces_are_found(tmp_path):
    folder = tmp_path / "a b@c"
    folder.mkdir()
    (folder / "bench.toml").write_text(BENCH)
    manager = pyvisa.ResourceManager(f"{Path(folder)}/bench.toml@crosscal")
    assert opened(manager).query("ARR:SIZE?") == "5,9"
    manager.close()
