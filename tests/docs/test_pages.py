"""Pages of the documentation: addresses, numbers and commands that they name exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from crosscal.command_line import crosscal

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples" / "README.md"]
)
RECORDS = sorted(path.name for path in (DOCS / "decisions").glob("[0-9]*.md"))
SECTIONS = ["## Context", "## Decision", "## Consequences"]
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """Return a page without its fenced snippets."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)#\s]+)", prose(page)):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_in_the_repository_that_pages_name_exist(page: Path) -> None:
    rooms = "src|drivers|runtime|training|simulated_bench|firmware_models|tests|benchmarks|examples|docs"
    for path in re.findall(rf"`((?:{rooms})/[\w./*-]*)`", prose(page)):
        assert any(ROOT.glob(path.rstrip("/"))), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_running_text_have_the_options_that_they_are_given(page: Path) -> None:
    for text in re.findall(r"`(crosscal [a-z][^`]*)`", prose(page)):
        command, words = find_command(shlex.split(text)[1:])
        options = {name for parameter in command.params for name in parameter.opts}
        for word in words:
            if word.startswith("-"):
                assert word in options, text


def find_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words name, and the rest of them."""
    command: click.Command = crosscal
    while isinstance(command, click.Group) and words:
        if words[0].startswith("-"):
            break
        inner = command.get_command(click.Context(command), words[0].rstrip(","))
        assert inner is not None, words
        command, words = inner, words[1:]
    return command, words


def test_benchmarks_that_pages_name_exist() -> None:
    named = {
        name for page in PAGES for name in re.findall(r"python benchmarks/([\w/]+\.py)", page.read_text())
    }
    assert named
    assert all((ROOT / "benchmarks" / name).exists() for name in named)


def test_records_are_numbered_without_gaps() -> None:
    assert [int(name[:4]) for name in RECORDS] == list(range(1, len(RECORDS) + 1))


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_states_date_and_status_and_has_its_sections(name: str) -> None:
    text = (DOCS / "decisions" / name).read_text(encoding="utf-8")
    assert text.startswith(f"# {int(name[:4])}. ")
    assert re.search(r"^- \*\*Date:\*\* \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    assert re.search(r"^- \*\*Status:\*\* (proposed|accepted|superseded by \d+)$", text, re.MULTILINE)
    assert [line for line in text.splitlines() if line.startswith("## ")] == SECTIONS


def test_the_index_and_the_site_list_every_record_with_its_title() -> None:
    index = (DOCS / "decisions" / "index.md").read_text(encoding="utf-8")
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for name in RECORDS:
        text = (DOCS / "decisions" / name).read_text(encoding="utf-8")
        title, date = text.splitlines()[0].removeprefix("# "), re.search(r"Date:\*\* (\S+)", text)
        status = re.search(r"Status:\*\* (.+)", text)
        assert date is not None
        assert status is not None
        assert f"| [{title}]({name}) | {date[1]} | {status[1]} |" in index
        assert f"decisions/{name}" in site


def test_the_glossary_is_in_order_and_each_term_has_its_meaning() -> None:
    rows = re.findall(
        r"^\| ([^|]+) \|([^|]*)\|([^|]*)\| ([^|]+) \|$", (DOCS / "glossary.md").read_text(), re.M
    )
    terms = [row[0] for row in rows[1:]]
    assert len(terms) > 40
    assert terms == sorted(terms, key=lambda term: (term[0].isdigit(), term.lower()))
    assert all(len(row[3].split()) > 2 for row in rows[1:])


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
