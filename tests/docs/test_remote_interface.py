"""docs/remote_interface.md against both engines: commands, forms, groups, errors, numbered decisions."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from crosscal.firmware_models.commands import COMMANDS
from crosscal.firmware_models.scpi_errors import TEXTS, event_bit

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "remote_interface.md").read_text(encoding="utf-8")
REFERENCE = re.compile(r"\b[Dd]ecisions? (\d+(?:(?:,| and|, and| to| or) \d+)*)")
READ_FOR_REFERENCES = {".py", ".txt", ".md", ".c", ".h", ".toml", ".yaml"}
GROUP = re.compile(r"(PROG|READBACK|SEQ|TEMP|SIM|AGE|LOCK|TILE|CAL)(, CAL)?")
ENGINE_IN_C = ROOT / "firmware_models" / "c"


def rows_of_commands() -> dict[str, tuple[str, str | None]]:
    """Header → forms (S it can be set, Q it can be asked) and group, as the page's tables have them."""
    found: dict[str, tuple[str, str | None]] = {}
    tables = PAGE.partition("\n## Commands")[2].partition("\n## ")[0]
    for section in re.split(r"^### ", tables, flags=re.MULTILINE)[1:]:
        everywhere = "SIM" if section.startswith("Simulation") else None
        for line in section.splitlines():
            if not line.startswith("| `"):
                continue
            header, forms, third = (cell.strip() for cell in line.strip("|").split("|")[:3])
            header = header.strip("`")
            assert header not in found, f"{header} twice"
            group = third if GROUP.fullmatch(third) else everywhere
            found[header] = ("".join(form[0] for form in forms.upper().split(", ")), group)
    return found


def rows_of_the_engine_in_c() -> dict[str, tuple[str, str | None]]:
    """The same of the command tables in C: `{"HEADER", set or NULL, query or NULL, groups, array, forms}`."""
    found: dict[str, tuple[str, str | None]] = {}
    row = re.compile(r'^ +\{"([^"]+)", (\w+), (\w+), ([\w |]+), \w+, [\w |]+\},', re.MULTILINE)
    for source in (ENGINE_IN_C / "commands").glob("*.c"):
        for header, set_, query, groups in row.findall(source.read_text(encoding="utf-8")):
            forms = ("" if set_ == "NULL" else "S") + ("" if query == "NULL" else "Q")
            found[header] = (
                forms,
                groups.replace("GROUP_", "").replace(" | ", ", ").replace("NONE", "") or None,
            )
    return found


def test_the_tables_have_the_commands_of_the_engines_and_no_others() -> None:
    in_python = {
        command.header: (("S" if command.set else "") + ("Q" if command.query else ""), command.group)
        for command in COMMANDS
    }
    in_c = rows_of_the_engine_in_c()
    assert len(in_c) > 60, "the pattern finds the tables"
    assert rows_of_commands() == in_c | in_python
    # The simulated crossbar in C keeps no history of its cells.
    assert set(in_python) - set(in_c) == {"SIMulation:TRUTh:AGE", "SIMulation:TRUTh:WRITten"}
    assert all(in_c[header][0] == in_python[header][0] for header in in_c)


def test_the_table_of_errors_is_the_engine_s() -> None:
    rows = re.findall(r"^\| (-?\d{3}) \| ([^|]+) \| [^|]+ \| (\d) \|$", PAGE, re.MULTILINE)
    stated = {int(code): (text, 1 << int(bit)) for code, text, bit in rows}
    assert {code: stated.pop(code, None) for code in TEXTS} == {
        code: (text, event_bit(code)) for code, text in TEXTS.items()
    }
    in_c = (ENGINE_IN_C / "engine" / "scpi_errors.c").read_text(encoding="utf-8")
    assert all(f'"{text}"' in in_c for text, _ in stated.values()), (
        "further errors are those of the engine in C"
    )


DECISIONS = [int(number) for number in re.findall(r"^### Decision (\d+): \S", PAGE, re.MULTILINE)]


def test_decisions_that_every_board_follows_are_numbered_without_gaps() -> None:
    required = list(range(1, 21))
    assert DECISIONS[:20] == required
    assert sorted(set(DECISIONS)) == DECISIONS, "optional ones ascend; a number may be reserved"


def references() -> list[tuple[str, int]]:
    """Every "decision N" in the files that git keeps."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    found = []
    for name in listed.stdout.splitlines():
        path = ROOT / name
        # docs/decisions numbers records of its own
        if path.suffix in READ_FOR_REFERENCES and path.is_file() and not name.startswith("docs/decisions/"):
            text = path.read_text(encoding="utf-8")
            found += [
                (name, int(n)) for numbers in REFERENCE.findall(text) for n in re.findall(r"\d+", numbers)
            ]
    return found


def test_every_reference_to_a_decision_resolves() -> None:
    found = references()
    assert len(found) > 30, "the pattern finds what is known to be there"
    assert [(name, number) for name, number in found if number not in DECISIONS] == []
