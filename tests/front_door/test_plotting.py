"""Pictures, numbers behind them, netlists and the page, from a profile or a bench.toml and nothing else."""

from __future__ import annotations

import base64
import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from crosscal.command_line import crosscal
from crosscal.core.errors import CrosscalError
from crosscal.simulated_bench import (
    Bench,
    Meminductor,
    Sinh,
    cell_current,
    pinch_limit_hz,
    program_bench,
    take_snapshot,
)
from crosscal.simulated_bench.netlists.run import ngspice_is_installed
from crosscal.simulated_bench.pictures.style import has_two_signs, prefixed

BENCH = """
profile = "lab-12x16"
[array]
rows = 5
columns = 3
[faults]
cells = [{ row = 2, column = 3, kind = "SHORT" }]
amplifiers = [1]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own, with a small bench.toml in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bench.toml").write_text(BENCH)
    return tmp_path


def run(*arguments: str) -> Result:
    """Call `crosscal`; errors made for people come out as they are."""
    result = CliRunner().invoke(crosscal, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


@pytest.mark.parametrize(
    "arguments",
    [
        ("voltages", "bench.toml"),
        ("currents", "bench.toml", "--vector", "random"),
        ("transient", "bench.toml"),
        ("drift", "--until", "100"),
        ("iv", "bench.toml"),
        ("loop",),
        ("loop", "memcapacitor"),
        ("loop", "meminductor"),
        ("budget", "bench.toml", "--vector", "random:8"),
        ("charge-budget", "--rows", "5", "--columns", "4"),
    ],
    ids="-".join,
)
def test_every_picture_is_drawn_and_hands_over_its_numbers(arguments: tuple[str, ...]) -> None:
    run("plot", *arguments, "-o", "p.svg", "--data", "p.csv")
    picture = Path("p.svg").read_text()
    assert picture.count("<path") > 5
    with Path("p.csv").open(newline="") as file:
        head, *rows = csv.reader(file)
    assert len(head) >= 2
    assert len(rows) >= 10
    assert all(len(row) == len(head) for row in rows)
    first = 1 if arguments[0].endswith("budget") else 0
    assert np.isfinite(np.array([row[first:] for row in rows if "nan" not in row], dtype=float)).all()


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_the_suffix_names_the_format(suffix: str) -> None:
    run("plot", "iv", "bench.toml", "-o", f"p.{suffix}")
    assert Path(f"p.{suffix}").read_bytes().startswith({"png": b"\x89PNG", "pdf": b"%PDF"}[suffix])


def test_the_numbers_behind_the_voltages_are_those_of_the_solver() -> None:
    run("plot", "voltages", "bench.toml", "--seed", "4", "-o", "p.png", "--data", "p.npz")
    bench = Bench.from_toml("bench.toml")
    target_s = np.random.default_rng(4).uniform(
        bench.facts.conductance_min_s, bench.facts.conductance_max_s, (5, 3)
    )
    program_bench(bench, target_s)
    expected = take_snapshot(bench, target_s, np.full((1, 5), 0.3)).solution
    written = np.load("p.npz")
    assert np.array_equal(written["row_wire_v"], expected.word_v[0])
    assert np.array_equal(written["column_wire_v"], expected.bit_v[0])
    assert written["row"][:, 0].tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("plot", "iv", "-o", "p.bmp"), "p.bmp"),
        (("plot", "iv", "-o", "p.png", "--data", "p.xls"), "p.xls"),
        (("plot", "drift", "bench.toml"), "does not age.*rram-32x24"),
        (("plot", "voltages", "bench.toml", "--vector", "random:2"), "2 vectors"),
        (("plot", "voltages", "bench.toml", "--vector", "v.npy"), "v.npy"),
        (("plot", "drift", "--vector", "random:2"), "2 vectors"),
        (("plot", "page", "bench.toml", "--vector", "long.npy"), r"shape \(1, 7\); allowed: \(5,\)"),
        (("export-spice", "bench.toml", "--vector", "long.npy"), r"shape \(1, 7\); allowed: \(5,\)"),
        (("export-spice", "bench.toml", "--vector", "9"), r"9 V on row 1 of vector 1; allowed: ±0.6 V"),
        (("plot", "currents", "bench.toml", "--vector", "nan"), "nan V on row 1"),
        (("plot", "voltages", "bench.toml", "--matrix", "complex.npy"), "complex.npy"),
        (("export-spice", "bench.toml", "--matrix", "complex.npy"), "complex.npy"),
        (("plot", "voltages", "bench.toml", "--matrix", "bench.toml"), "bench.toml"),
        (("plot", "transient", "bench.toml", "--tile", "2", "1"), "tile 2,1"),
        (("plot", "transient", "bench.toml", "--capacitance", "0"), "takes time to settle"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_message(arguments: tuple[str, ...], words: str) -> None:
    Path("v.npy").write_bytes(b"no array")
    np.save("long.npy", np.full(7, 0.2))
    np.save("complex.npy", np.full((5, 3), 50e-6 + 1e-6j))
    with pytest.raises(CrosscalError, match=words):
        run(*arguments)
    assert not [path for path in Path.cwd().iterdir() if path.suffix in (".png", ".cir", ".html")]


@pytest.mark.parametrize(
    "arguments",
    [
        ("plot", "transient", "bench.toml", "--capacitance", "nan"),
        ("plot", "transient", "bench.toml", "--duration", "inf"),
        ("plot", "iv", "--volts", "nan"),
        ("plot", "loop", "--frequency", "nan"),
        ("plot", "voltages", "bench.toml", "--after", "nan"),
        ("export-spice", "bench.toml", "--transient", "nan"),
    ],
)
def test_an_option_without_a_finite_number_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(crosscal, arguments)
    assert result.exit_code == 2
    assert f"Invalid value for '{arguments[-2]}'" in result.output
    assert "not a finite number" in result.output


VARIED = {
    "input_offset_v": "[front_end]\nprofile = 'ideal'\ninput_offset_v = 1e-3",
    "steepness_spread": "[device]\nsteepness_spread = 0.02",
    "steepness_temperature_power": "temperature_c = 60.0\n[device]\nsteepness_temperature_power = -1.0",
}
"""Keys that set laws of cells or columns apart, each in a table of a `bench.toml`."""


@pytest.mark.parametrize("key", VARIED)
def test_boards_of_varied_cells_are_drawn_by_their_common_law_but_are_no_netlist(key: str) -> None:
    array = "[array]\nrows = 5\ncolumns = 4"
    above, table = VARIED[key].split("[", 1)
    Path("varied.toml").write_text(f'profile = "memsys2025"\n{above}[{table}\n{array}\n')
    run("plot", "iv", "varied.toml", "-o", "iv.png", "--data", "iv.npz")
    found = np.load("iv.npz")
    law = Bench.from_toml("varied.toml").common_device
    of_middle = float(found["conductance_s"][1].flat[0]), found["voltage_v"][1]
    middle_a = cell_current(law, *of_middle)
    np.testing.assert_allclose(found["current_a"][1], middle_a, rtol=1e-12)
    if key == "steepness_temperature_power":
        plain_a = cell_current(Sinh(), *of_middle)
        assert np.abs(middle_a - plain_a).max() > 0.01 * np.abs(plain_a).max()
    with pytest.raises(CrosscalError, match=f"export a board with .*{key} = 0") as refused:
        run("export-spice", "varied.toml")
    assert len(str(refused.value)) < 250


def test_time_that_runs_backwards_is_wrong_usage() -> None:
    result = CliRunner().invoke(crosscal, ("plot", "page", "bench.toml", "--after", "-1"))
    assert result.exit_code == 2
    assert "Invalid value for '--after': -1.0 is not in the range x>=0" in result.output


def test_the_loops_title_says_how_far_up_a_meminductor_is_pinched() -> None:
    run("plot", "loop", "meminductor", "-o", "p.svg")
    limit_hz = pinch_limit_hz(Meminductor(), amplitude_v=0.1)
    assert f"pinched to 5 % up to {1e-6 * limit_hz:.3g} MHz" in Path("p.svg").read_text()


def page_of(*arguments: str) -> tuple[str, dict]:
    """The page that `plot page` writes, and the data inside it."""
    run("plot", "page", *arguments, "-o", "bench.html")
    page = Path("bench.html").read_text(encoding="utf-8")
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return page, json.loads(found[1])


def test_the_page_needs_nothing_but_itself() -> None:
    page, _ = page_of("bench.toml")
    assert "__PAGE_" not in page
    for outside in (
        r"\bsrc\s*=",
        r"\bhref\s*=",
        r"url\(",
        r"@import",
        "fetch\\(",
        "XMLHttpRequest",
        r"import\(",
    ):
        assert not re.search(outside, page), outside
    addresses = set(re.findall(r"https?://[^\"'\s)]+", page))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name of XML, fetched by nobody


def test_the_page_shows_the_numbers_of_the_bench() -> None:
    _, data = page_of("bench.toml", "--vector", "random:2")
    assert (data["rows"], data["columns"], len(data["vectors"])) == (5, 3, 2)
    assert data["faults"] == [[1, 2, "SHORT"]]
    assert data["amplifier_faults"] == [0]
    assert all(reading[0] is None and reading[1] is not None for reading in data["reading_a"])
    cell_a = np.frombuffer(base64.b64decode(data["cell_a"]), dtype="<f4").reshape(2, 5, 3)
    # Single precision: 7 digits.
    np.testing.assert_allclose(cell_a.sum(axis=1), data["flowing_a"], rtol=1e-6)
    assert ["array.rows", "5"] in data["settings"]


def test_the_page_names_broken_lines_and_tiles_by_their_places_on_the_board() -> None:
    Path("lines.toml").write_text(
        """
profile = "memsys2025"
array = { rows = 6, columns = 8 }
tiles = { rows = 2, columns = 2 }
[faults]
lines = [
    { line = "ROW", number = 5, cell = 6, kind = "OPEN" },
    { line = "COLUMN", number = 7, cell = 2, kind = "BRIDGE" },
    { line = "COLUMN", number = 1, cell = 4, kind = "GROUND" },
]
"""
    )
    _, data = page_of("lines.toml")
    facts = dict(data["facts"])
    assert facts["Array"] == "6 rows × 8 columns in 2 × 2 tiles"
    assert sorted(facts["Broken lines"].split(", ")) == [
        "column 1 to ground at row 4",
        "column 7 to column 8 at row 2",
        "row 5 open at column 6",
    ]


def test_a_touch_below_zero_needs_no_colours_for_a_sign() -> None:
    assert not has_two_signs(np.array([0.3, 0.1, -1e-3, np.nan]))
    assert has_two_signs(np.array([0.3, -0.1]))
    assert not has_two_signs(np.array([np.nan]))


def test_a_name_that_looks_like_markup_stays_text() -> None:
    Path("<b>&.toml").write_text(BENCH + '[board]\nserial = "</script>"\n')
    page, data = page_of("<b>&.toml")
    assert "<title>&lt;b&gt;&amp;: 5×3 crossbar</title>" in page
    assert data["facts"][0][1].endswith("serial </script>")
    assert page.count("</script>") == 2


def test_the_page_can_be_worked_by_keyboard_and_read_aloud() -> None:
    page, _ = page_of("bench.toml")
    assert 'lang="en"' in page
    assert re.search(r'<canvas id="map" tabindex="0"[^>]*aria-label=', page, re.DOTALL)
    assert 'aria-live="polite"' in page
    assert all(f"{key}:" in page for key in ("ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"))
    for select in ("vector", "quantity"):
        assert re.search(rf'<label>[^<]+<select id="{select}">', page)


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


def test_text_and_lines_stand_out_by_day_and_by_night() -> None:
    """Contrast after WCAG 2.1: 4.5 to 1 for text, 3 to 1 for lines."""
    page, _ = page_of("bench.toml")
    for theme in re.findall(r":root \{(.*?)\}", page, re.DOTALL):
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", theme))
        for paper in ("paper", "panel"):
            for name, least in (("ink", 4.5), ("quiet", 4.5), ("read", 3), ("ideal", 3), ("flowing", 3)):
                bright, dark = sorted((luminance(colours[paper]), luminance(colours[name])), reverse=True)
                assert (bright + 0.05) / (dark + 0.05) >= least, (paper, name)


def test_a_netlist_of_the_board_names_what_it_is_of() -> None:
    run("export-spice", "bench.toml", "--vector", "random:2", "-o", "board.cir")
    text = Path("board.cir").read_text()
    assert text.startswith("* 5x3 crossbar")
    assert "* broken cells: cell 2,3: SHORT" in text
    assert text.count("\nB_cell_") == 15
    assert text.count("\nop\n") == 2
    assert "wrdata board.currents.txt i(V_out_1) i(V_out_2) i(V_out_3)" in text


def test_a_check_says_how_far_ngspice_agrees_or_what_to_install() -> None:
    if ngspice_is_installed():
        said = run("export-spice", "bench.toml", "--check").output
        assert "ngspice agrees: operating points, 1 compared" in said
    else:
        with pytest.raises(CrosscalError, match="install it"):
            run("export-spice", "bench.toml", "--check")
    assert not Path("board.cir").exists()


@pytest.mark.parametrize(
    ("values", "factor", "unit"),
    [
        ([0.0], 1.0, "A"),
        ([1e-6, -0.99e-3], 1e6, "µA"),
        ([1e-3], 1e3, "mA"),
        ([999.0, np.nan], 1.0, "A"),
        ([1e3], 1e-3, "kA"),
        ([1e-30], 1e18, "aA"),
    ],
)
def test_the_prefix_suits_the_largest_value(values: list[float], factor: float, unit: str) -> None:
    found = prefixed(np.array(values), "A")
    assert found == (pytest.approx(factor), unit)
