"""Fenced snippets of a page of documentation, with the directives that the page's source gives CI.

A fence with a title, ```python title="my_lab.py", is the text of a file: saved under that name, not run. A
toml fence without one is saved as bench.toml. A directive is a comment. Right above a fence:

    <!-- ci: continued -->            Python that goes on from the snippet before it, with its names
    <!-- ci: serve -->                commands that run until Ctrl-C: started here, ended with the page
    <!-- ci: sizes --matrices 80 -> --matrices 8; --vectors 60 -> --vectors 20 -->
                                      it takes more than 20 s as printed: CI replaces these texts, the same
                                      options with other values; `bash .ci/long` runs it as printed
    <!-- ci: demo -->, test, …        a command that `.ci/run` runs itself
    <!-- ci: example -->              the text of a script of examples/, run as such

Anywhere in the page:

    <!-- ci: board lab-12x16 -->      a served board of this profile answers at the printed addresses
    <!-- ci: given b7.onnx -->        the calibrator that comes with the package, under this name
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

RUN_ELSEWHERE = {"demo", "test", "setup", "checks", "example"}
LANGUAGES = {"python", "sh", "toml"}
NOT_RUN = {"c", "json", "text"}
"""Other fences that a page may have: formats and printed answers."""

_DIRECTIVE = re.compile(r"<!-- ci: (\w+) ?(.*?) ?-->")
_SNIPPET = {"continued", "serve", "sizes", *RUN_ELSEWHERE}
_PAGE = {"board", "given"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """One fence.

    Attributes:
        place: `docs/page.md:12`. language: as the fence says. title: name of the file, or None.
        text: its lines.
        directives: name → argument, "" for none.
    """

    place: str
    language: str
    title: str | None
    text: str
    directives: dict[str, str]

    @property
    def runs(self) -> bool:
        """Whether the runner has to do with it."""
        return self.language in LANGUAGES and not RUN_ELSEWHERE & set(self.directives)

    def reduced(self) -> str:
        """The text with the sizes that CI substitutes."""
        text = self.text
        for pair in filter(None, self.directives.get("sizes", "").split(";")):
            printed, arrow, smaller = (part.strip() for part in pair.partition("->"))
            if not arrow or _kept(printed) != _kept(smaller):
                raise ValueError(f"{self.place}: {pair.strip()!r} is not the same option with another value")
            if printed not in text:
                raise ValueError(f"{self.place}: {printed!r} is not in the snippet")
            text = text.replace(printed, smaller)
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page: its snippets in order, and what its source asks of the runner."""

    name: str
    snippets: tuple[Snippet, ...]
    board: str | None
    given: tuple[str, ...]


def read_page(path: Path, root: Path) -> Page:
    """Read a page.

    Raises:
        ValueError: a directive or a language that is not known, with its line.
    """
    name = path.relative_to(root).as_posix()
    snippets: list[Snippet] = []
    page: dict[str, list[str]] = {key: [] for key in _PAGE}
    pending: dict[str, str] = {}
    fence: tuple[int, str, list[str]] | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        place = f"{name}:{number}"
        if fence is not None:
            if line.strip() == "```":
                started, language, lines = fence
                text = "\n".join(lines) + "\n"
                where = f"{name}:{started}"
                language, _, title = language.partition(" ")
                named = re.fullmatch(r'title="([^"]+)"', title)
                title = named[1] if named else None
                snippets.append(
                    Snippet(place=where, language=language, title=title, text=text, directives=pending)
                )
                fence, pending = None, {}
            else:
                fence[2].append(line)
        elif line.startswith("```"):
            fence = number, line[3:].strip(), []
            if fence[1].partition(" ")[0] not in LANGUAGES | NOT_RUN:
                raise ValueError(f"{place}: got a fence of {fence[1]!r}; allowed: {LANGUAGES | NOT_RUN}")
        elif found := _DIRECTIVE.fullmatch(line.strip()):
            if found[1] in _PAGE:
                page[found[1]].append(found[2])
            elif found[1] in _SNIPPET:
                pending[found[1]] = found[2]
            else:
                raise ValueError(f"{place}: no directive {found[1]!r}; known: {sorted(_SNIPPET | _PAGE)}")
        elif pending:
            raise ValueError(f"{place}: {sorted(pending)} must stand right above a fence")
    board = page["board"][0] if page["board"] else None
    return Page(name=name, snippets=tuple(snippets), board=board, given=tuple(page["given"]))


def groups(page: Page) -> list[list[Snippet]]:
    """Snippets that are run together: a Python snippet with those that continue it, any other by itself."""
    found: list[list[Snippet]] = []
    for snippet in page.snippets:
        if not snippet.runs:
            continue
        if "continued" in snippet.directives:
            if not found or snippet.language != "python" or found[-1][-1].language != "python":
                raise ValueError(f"{snippet.place}: continued, but no Python stands before it")
            found[-1].append(snippet)
        else:
            found.append([snippet])
    return found


def pages(root: Path) -> list[Page]:
    """All pages of the documentation, and the README."""
    listed = [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").rglob("*.md"))]
    return [read_page(path, root) for path in listed if path.exists()]


def _kept(text: str) -> list[str]:
    """The options of a command; of other text all but its numbers."""
    return re.findall(r"--[\w-]+", text) or [re.sub(r"\d+", "0", text)]
