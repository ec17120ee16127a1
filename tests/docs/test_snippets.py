"""Snippets of the documentation as their runner reads them; the runner itself is `.ci/snippets`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / ".ci" / "snippets"))

from pages import Page, groups, pages, read_page  # noqa: E402  (the runner stands outside the tests)

PAGES = pages(ROOT)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_snippet_is_read_with_its_smaller_sizes(page: Page) -> None:
    for group in groups(page):
        for snippet in group:
            assert ("sizes" in snippet.directives) == (snippet.reduced() != snippet.text)


def test_the_pages_have_snippets_of_every_language() -> None:
    languages = {snippet.language for page in PAGES for group in groups(page) for snippet in group}
    assert languages == {"python", "sh", "toml"}


def page_of(tmp_path: Path, text: str) -> Page:
    (tmp_path / "page.md").write_text(text, encoding="utf-8")
    return read_page(tmp_path / "page.md", tmp_path)


def test_a_continued_snippet_runs_with_the_one_before(tmp_path: Path) -> None:
    page = page_of(
        tmp_path,
        "```python\na = 1\n```\ntext\n<!-- ci: continued -->\n```python\nprint(a)\n```\n```sh\nls\n```\n",
    )
    assert [[part.text for part in group] for group in groups(page)] == [["a = 1\n", "print(a)\n"], ["ls\n"]]


def test_smaller_sizes_keep_the_options(tmp_path: Path) -> None:
    text = "<!-- ci: sizes {} -->\n```sh\ncrosscal x --matrices 80 -o run.h5\n```\n"
    (snippet,) = page_of(tmp_path, text.format("--matrices 80 -> --matrices 8")).snippets
    assert snippet.reduced() == "crosscal x --matrices 8 -o run.h5\n"
    for wrong in ("--matrices 80 -> --quick", "--vectors 80 -> --vectors 8", "crosscal x -> crosscal y"):
        (snippet,) = page_of(tmp_path, text.format(wrong)).snippets
        with pytest.raises(ValueError, match=r"page\.md:2"):
            snippet.reduced()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("```\nls\n```\n", "page.md:1: got a fence of ''"),
        ("<!-- ci: skip -->\n```sh\nls\n```\n", "no directive 'skip'"),
        ("<!-- ci: serve -->\n\n```sh\nls\n```\n", "must stand right above a fence"),
    ],
)
def test_what_is_not_known_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        page_of(tmp_path, text)
