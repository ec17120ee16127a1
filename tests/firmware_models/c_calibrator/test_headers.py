"""Headers as a firmware's build meets them: strict compilers, C++, several at once, MISRA's checker."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from c_program import STRICT, compile_c, needs_compiler
from specimens import specimen, trained

from crosscal.commands.export_c.header import programmed_header
from crosscal.core.errors import InputError
from crosscal.firmware_models.c_calibrator import require_name

FORMS = {
    "affine": ("affine", False),
    "affine_q15": ("affine", True),
    "network": ("concatsquash", False),
    "network_q15": ("concatsquash", True),
    "wide": ("structured", False),
}
# Of MISRA C:2012 with its amendments.
MANDATORY = re.compile(
    r"misra-c2012-(9\.1|12\.5|13\.6|17\.3|17\.4|17\.6|19\.1|21\.13|21\.17|21\.18|21\.19|21\.20|22\.2|22\.4|22\.5|22\.6)\]"
)


def header_of(name: str, **how: bool) -> str:
    kind, fixed_point = FORMS[name]
    # A network as trained has 35,000 weights, which MISRA's checker takes minutes for.
    case = (specimen if kind == "concatsquash" else trained)(kind, 5, 9)
    matrix_s, _ = case.measured(1, seed=1)
    return programmed_header(case.calibrator.program(matrix_s), name=name, fixed_point=fixed_point, **how)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("headers")
    for name in FORMS:
        (place / f"{name}.h").write_text(header_of(name))
        (place / f"{name}_tested.h").write_text(header_of(name, self_test=True))
    return place


def calls(names: list[str], suffix: str = "", *, twice: bool = False) -> str:
    includes = [f'#include "{name}{suffix}.h"' for name in names] * (2 if twice else 1)
    used = [f"    sum += {name}_calibrate(measured_a, calibrated_a);" for name in names]
    body = "\n".join(used)
    declared = "int read_all(const float *measured_a, float *calibrated_a);"
    defined = declared.removesuffix(";")
    return "\n".join(
        [*includes, declared, defined, "{", "    int sum = 0;", body, "    return sum;", "}", ""]
    )


@needs_compiler
@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize(
    ("language", "option"),
    [("-std=c99", "-O0"), ("-std=c99", "-O2"), ("-std=c99", "-O3"), ("-std=gnu17", "-O2")],
)
def test_a_strict_compiler_finds_nothing_where_only_calibrate_is_called(
    name: str, language: str, option: str, folder: Path
) -> None:
    source = folder / "one.c"
    source.write_text(calls([name]))
    compile_c(source, language, *STRICT, option, "-c", "-o", str(folder / "one.o"))


@needs_compiler
@pytest.mark.parametrize("option", ["-O0", "-O2"])
def test_several_headers_stand_in_one_program_each_included_twice(option: str, folder: Path) -> None:
    source = folder / "all.c"
    source.write_text(calls(list(FORMS), "_tested", twice=True))
    compile_c(source, "-std=c99", *STRICT, option, "-c", "-o", str(folder / "all.o"))


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler (g++) on this machine")
@pytest.mark.parametrize("language", ["-std=c++17", "-std=c++20"])
def test_they_are_cplusplus_too(language: str, folder: Path) -> None:
    source = folder / "all.cpp"
    source.write_text(calls(list(FORMS), "_tested", twice=True))
    compile_c(source, language, *STRICT, "-O2", "-c", "-o", str(folder / "all.o"), compiler="g++")


@needs_compiler
def test_one_file_may_hold_the_functions_for_all_others(folder: Path) -> None:
    (folder / "owner.c").write_text('#define wide_API\n#include "wide.h"\n')
    (folder / "user.c").write_text(
        "int wide_calibrate(const float *measured_a, float *calibrated_a);\n"
        "int main(void) { float current_a[9] = {1e9f}; return wide_calibrate(current_a, current_a) != 2; }\n"
    )
    program = folder / "user"
    compile_c(folder / "user.c", str(folder / "owner.c"), "-std=c99", *STRICT, "-o", str(program), "-lm")
    assert subprocess.run([str(program)], check=False).returncode == 0


@needs_compiler
@pytest.mark.parametrize("name", FORMS)
def test_sanitisers_find_nothing(name: str, folder: Path) -> None:
    source = folder / f"{name}_checked.c"
    source.write_text(f'#include "{name}_tested.h"\nint main(void) {{ return {name}_self_test(); }}\n')
    program = folder / f"{name}_checked"
    checks = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    compile_c(source, "-std=c99", "-g", "-O1", *checks, "-o", str(program), "-lm")
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("cppcheck") is None, reason="cppcheck is not installed on this machine")
@pytest.mark.parametrize("name", FORMS)
def test_mandatory_rules_of_misra_are_kept(name: str, folder: Path) -> None:
    source = folder / f"{name}_misra.c"
    source.write_text(calls([name]))
    done = subprocess.run(
        ["cppcheck", "--addon=misra", "--std=c99", "--enable=warning,portability", "--quiet", str(source)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    # The addon ran at all: advisory rules, such as 15.5 of several returns, are not all kept.
    assert "misra-c2012-" in done.stderr
    assert [line for line in done.stderr.splitlines() if MANDATORY.search(line)] == []
    assert [
        line for line in done.stderr.splitlines() if re.search(r" (error|warning): .*\[(?!misra)", line)
    ] == []


def test_a_header_says_what_it_is_of(folder: Path) -> None:
    comment = (folder / "wide.h").read_text().split("*/")[0]
    for said in ("structured", "5 rows, 9 columns", "SHA-256", "ampere", "crosscal", "flash", "stack"):
        assert said in comment


def test_constants_are_hexadecimal(folder: Path) -> None:
    arrays = re.findall(r"static const float \w+\[\d+\] = \{([^}]*)\}", (folder / "wide.h").read_text())
    literals = [literal.strip() for array in arrays for literal in array.split(",")]
    assert len(literals) > 500
    assert all(re.fullmatch(r"-?0x[01](\.[0-9a-f]+)?p-?\d+f", literal) for literal in literals)


@pytest.mark.parametrize(
    "name", ["7board", "b-7", "", "int", "class", "two__lines", "ends_", "_x", "ß", "a" * 32]
)
def test_a_name_that_is_no_identifier_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="C identifier"):
        require_name(name)
