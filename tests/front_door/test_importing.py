"""Data that exist already: every format goes in and comes back, and a file that is wrong is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from scipy.io import netcdf_file, savemat

from crosscal.command_line import crosscal
from crosscal.core.errors import CrosscalError
from crosscal.core.run_file import Run, read_run

RNG = np.random.default_rng(11)
TARGET_S = RNG.uniform(20e-6, 90e-6, (2, 3, 4))
VOLTAGE_V = RNG.uniform(0.05, 0.3, (2, 6, 3))
CURRENT_A = 0.9 * VOLTAGE_V @ TARGET_S + 1e-6
SI = {"target": TARGET_S, "voltage": VOLTAGE_V, "current": CURRENT_A}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> None:
    result = CliRunner().invoke(crosscal, arguments)
    if result.exception is not None:
        raise result.exception


def refused(*arguments: str) -> str:
    with pytest.raises(CrosscalError) as error:
        run("import", *arguments)
    assert not Path("run.h5").exists()
    assert [path.name for path in Path.cwd().iterdir() if path.name.startswith(".")] == []
    return str(error.value)


def require_same(path: str = "run.h5", *, scale: float = 1e-12) -> None:
    found = read_run(path)
    np.testing.assert_allclose(found.target_s, TARGET_S, rtol=scale)
    np.testing.assert_allclose(found.voltage_v, VOLTAGE_V, rtol=scale)
    np.testing.assert_allclose(found.current_a, CURRENT_A, rtol=scale)


def write_wide_table(path: str, *, delimiter: str = ",", encoding: str = "utf-8") -> None:
    """One line per read: voltages, currents in µA, all cells in µS."""
    headings = [f"v{i + 1} [V]" for i in range(3)] + [f"i{j + 1} (uA)" for j in range(4)]
    headings += [f"g_{i + 1}_{j + 1} [uS]" for i in range(3) for j in range(4)]
    lines = [delimiter.join(headings)]
    for k in range(2):
        for v in range(6):
            cells = [*VOLTAGE_V[k, v], *(1e6 * CURRENT_A[k, v]), *(1e6 * TARGET_S[k].ravel())]
            text = delimiter.join(repr(float(cell)) for cell in cells)
            lines.append(text.replace(".", ",") if delimiter == ";" else text)
    Path(path).write_bytes("\r\n".join(lines).encode(encoding))


def test_an_archive_with_keys_and_units_of_its_own_is_imported() -> None:
    np.savez("lab.npz", weights=1e6 * TARGET_S, drive=1e3 * VOLTAGE_V, seen=1e6 * CURRENT_A, note="b7")
    keys = ("--target", "weights", "--voltage", "drive", "--current", "seen")
    units = ("--conductance-unit", "uS", "--voltage-unit", "mV", "--current-unit", "µA")
    run("import", "lab.npz", *keys, *units, "--board", "lab,chip 7")
    require_same()
    assert read_run("run.h5").plan.identity == "lab,chip 7"


def test_usual_names_are_found_by_themselves_and_vectors_may_be_shared() -> None:
    shared_v = VOLTAGE_V[0]
    np.savez("lab.npz", G=TARGET_S, V=shared_v, I=0.9 * shared_v @ TARGET_S)
    run("import", "lab.npz")
    assert read_run("run.h5").voltage_v.shape == (2, 6, 3)


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_matlab_files_of_both_kinds_are_imported(version: str) -> None:
    if version == "5":
        savemat("lab.mat", {"G": TARGET_S, "V": VOLTAGE_V, "I": CURRENT_A})
    else:
        # HDF5 behind a heading of 512 bytes, with MATLAB's order of axes.
        with h5py.File("lab.mat", "w", userblock_size=512) as file:
            for name, array in (("G", TARGET_S), ("V", VOLTAGE_V), ("I", CURRENT_A)):
                file[name] = array.T
        content = bytearray(Path("lab.mat").read_bytes())
        content[:20] = b"MATLAB 7.3 MAT-file "
        Path("lab.mat").write_bytes(content)
    run("import", "lab.mat")
    require_same()


def test_an_hdf5_file_of_another_layout_is_imported_with_the_units_it_states() -> None:
    with h5py.File("lab.h5", "w") as file:
        file["session/chip/conductance"] = 1e6 * TARGET_S
        file["session/chip/conductance"].attrs["units"] = "uS"
        file["session/in"] = VOLTAGE_V
        file["session/out"] = CURRENT_A
    run("import", "lab.h5", "--voltage", "session/in", "--current", "session/out")
    require_same()


@pytest.mark.parametrize(("delimiter", "encoding"), [(",", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-16")])
def test_a_table_with_a_line_per_read_is_imported_with_the_units_of_its_headings(
    delimiter: str, encoding: str
) -> None:
    write_wide_table("lab.csv", delimiter=delimiter, encoding=encoding)
    run("import", "lab.csv")
    require_same()


def test_three_tables_without_headings_are_imported() -> None:
    for name, array in (("g", TARGET_S[0]), ("v", VOLTAGE_V[0]), ("i", 1e6 * CURRENT_A[0])):
        np.savetxt(f"{name}.csv", array, delimiter=",")
    run("import", "g.csv", "v.csv", "i.csv", "--current-unit", "uA")
    np.testing.assert_allclose(read_run("run.h5").current_a[0], CURRENT_A[0])


@pytest.mark.parametrize("suffix", ["csv", "npz", "nc", "mat"])
def test_exported_data_come_back_as_they_were(suffix: str) -> None:
    Run.from_arrays(TARGET_S, VOLTAGE_V, CURRENT_A).save("first.h5")
    run("export", "first.h5", "-o", f"x.{suffix}")
    files = [f"x.{suffix}"] if suffix != "csv" else ["x.target.csv", "x.voltage.csv", "x.current.csv"]
    run("import", *files, "-o", "run.h5")
    require_same(scale=0.0)


def test_netcdf_has_axes_and_units() -> None:
    Run.from_arrays(TARGET_S, VOLTAGE_V, CURRENT_A, identity="lab,chip 7").save("first.h5")
    run("export", "first.h5", "-o", "x.nc")
    with netcdf_file("x.nc", "r", mmap=False) as file:
        assert file.board == b"lab,chip 7"
        assert file.variables["current_a"].dimensions == ("matrix", "vector", "column")
        assert file.variables["current_a"].units == b"A"
        np.testing.assert_array_equal(file.variables["current_a"][:], CURRENT_A)
        np.testing.assert_array_equal(file.variables["target_s"][:], TARGET_S)


def test_nothing_is_replaced_without_force_and_another_suffix_is_refused() -> None:
    Run.from_arrays(TARGET_S, VOLTAGE_V, CURRENT_A).save("first.h5")
    Path("x.voltage.csv").write_text("precious", encoding="utf-8")
    with pytest.raises(CrosscalError, match=r"x\.voltage\.csv, a file that exists"):
        run("export", "first.h5", "-o", "x.csv")
    assert not Path("x.target.csv").exists()
    run("export", "first.h5", "-o", "x.csv", "--force")
    with pytest.raises(CrosscalError, match=r"\.csv, \.npz, \.nc"):
        run("export", "first.h5", "-o", "x.xlsx")
    np.savez("lab.npz", **SI)  # pyright: ignore[reportArgumentType]
    with pytest.raises(CrosscalError, match="exists already"):
        run("import", "lab.npz", "-o", "first.h5")
    run("import", "lab.npz", "-o", "first.h5", "--force")


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"current": 1e6 * CURRENT_A}, ("--current-unit", "uA"), "--current-unit uA"),
        ({"target": TARGET_S.transpose(0, 2, 1)}, ("--transpose",), "--transpose"),
        ({"target": TARGET_S[:, ::-1]}, ("--reverse-rows",), "--reverse-rows"),
        ({"target": TARGET_S[:, :, ::-1]}, ("--reverse-columns",), "--reverse-columns"),
        ({"current": -CURRENT_A}, ("--negate",), "--negate"),
        (
            {"voltage": VOLTAGE_V.transpose(0, 2, 1), "current": CURRENT_A.transpose(0, 2, 1)},
            ("--vectors-last",),
            "--vectors-last",
        ),
        (
            {name: values.transpose(0, 2, 1) for name, values in SI.items()},
            ("--vectors-last", "--transpose"),
            "--vectors-last --transpose",
        ),
        (
            {"target": 1e6 * TARGET_S, "current": 1e6 * CURRENT_A},
            ("--conductance-unit", "uS", "--current-unit", "uA"),
            "--conductance-unit uS",
        ),
        (
            {"voltage": 1e3 * VOLTAGE_V, "current": 1e3 * CURRENT_A},
            ("--voltage-unit", "mV", "--current-unit", "mA"),
            "--voltage-unit mV",
        ),
    ],
)
def test_each_finding_names_the_option_that_imports_the_file(
    changes: dict[str, Any], options: tuple[str, ...], message: str
) -> None:
    np.savez("lab.npz", **(SI | changes))
    said = refused("lab.npz")
    assert message in said
    assert "\n" not in said
    run("import", "lab.npz", *options)
    require_same()


def test_missing_and_saturated_readings_are_imported_when_they_are_marked() -> None:
    full_scale_a = float(np.quantile(CURRENT_A, 0.8))
    clipped = np.minimum(CURRENT_A, full_scale_a)
    np.savez("lab.npz", **(SI | {"current": clipped}))
    assert "--full-scale" in refused("lab.npz")
    run("import", "lab.npz", "--full-scale", f"{1e6 * full_scale_a:.9g}uA")
    assert ((read_run("run.h5").status & 1) == (clipped >= full_scale_a)).all()
    Path("run.h5").unlink()
    holes = np.where(CURRENT_A > np.quantile(CURRENT_A, 0.8), np.nan, CURRENT_A)  # noqa: SIM300
    np.savez("lab.npz", **(SI | {"current": holes}))
    assert "--allow-missing" in refused("lab.npz")
    run("import", "lab.npz", "--allow-missing")
    assert ((read_run("run.h5").status == 4) == np.isnan(holes)).all()


def test_files_that_make_no_run_are_refused_in_one_line() -> None:
    write_wide_table("lab.csv")
    text = Path("lab.csv").read_text(encoding="utf-8").splitlines()
    Path("ragged.csv").write_text("\n".join([*text[:-1], text[-1].rpartition(",")[0]]), encoding="utf-8")
    assert "its lines have 18 to 19 columns" in refused("ragged.csv")
    Path("short.csv").write_text("\n".join(text[:-1]), encoding="utf-8")
    assert "matrices with 5 to 6 lines each" in refused("short.csv")
    Path("word.csv").write_text("\n".join([*text[:-1], text[-1].replace("0.", "zero", 1)]), encoding="utf-8")
    assert "could not convert" in refused("word.csv")
    np.savez("lab.npz", a=TARGET_S, b=VOLTAGE_V)
    assert "a (2, 3, 4), b (2, 6, 3); name it with --target KEY" in refused("lab.npz")
    assert "--target nothing, of which there is none" in refused("lab.npz", "--target", "nothing")
    np.savez("lab.npz", **SI)  # pyright: ignore[reportArgumentType]
    assert "the unit 'ohm' for --target" in refused("lab.npz", "--conductance-unit", "ohm")
    np.savez("lab.npz", **(SI | {"voltage": VOLTAGE_V[:, :5]}))  # pyright: ignore[reportArgumentType]
    assert "voltages (2, 5, 3), currents (2, 6, 4)" in refused("lab.npz")
    for name in ("missing.npz", "missing.csv"):
        assert f"{name}: No such file" in refused(name)
    Path("damaged.npz").write_bytes(b"PK\x03\x04" + bytes(50))
    assert "damaged.npz" in refused("damaged.npz")
    Path("damaged.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))
    assert "damaged.mat" in refused("damaged.mat")
    Path("damaged.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    assert "damaged.h5" in refused("damaged.h5")
