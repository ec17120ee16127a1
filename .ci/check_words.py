"""Count of vague relative words in the docstrings of the product, with the limit that CI holds.

Usage: python3 .ci/check_words.py [--list]

Plain technical English names the thing: "reading", "latest", "relative to". Five code bases of the field use
what, which, whose and whoever 0.15 to 0.34 times in 100 words of their docstrings.
"""

import ast
import re
import sys
from pathlib import Path

ROOMS = ("drivers", "firmware_models", "runtime", "simulated_bench", "src", "training")
COUNTED = re.compile(r"\b(?:what|which|whose|whoever)\b", re.IGNORECASE)
OPENS_AS_QUESTION = re.compile(r"(?:What|How|Where|Who|Which)\b")
LIMIT = 0.5
"""Per 100 words: somewhat above the highest of the five, 0.34."""


def docstrings(path: Path) -> list[tuple[int, bool, str]]:
    """Line, whether it is the module's, and text of every docstring of a file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for statement in body:
            # Also the strings that stand below attributes and constants.
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                text = statement.value.value
                if isinstance(text, str):
                    is_module = isinstance(node, ast.Module) and statement is body[0]
                    found.append((statement.lineno, is_module, text))
    return found


def main() -> None:
    """Print the counts by room; exit with 1 where a limit is passed."""
    root = Path(__file__).resolve().parent.parent
    total_words = total_counted = 0
    questions = []
    for room in ROOMS:
        words = counted = 0
        for path in sorted((root / room).rglob("*.py")):
            if any(part.is_symlink() for part in path.parents):
                continue
            for line, is_module, text in docstrings(path):
                words += len(text.split())
                hits = COUNTED.findall(text)
                counted += len(hits)
                if hits and "--list" in sys.argv:
                    print(f"{path.relative_to(root)}:{line}: {', '.join(hits)}")
                if is_module and OPENS_AS_QUESTION.match(text.lstrip()):
                    questions.append(f"{path.relative_to(root)}: {text.strip().splitlines()[0]}")
        print(f"{room:16} {counted:5} in {words:6} words of docstrings, {100 * counted / words:.2f} per 100")
        total_words, total_counted = total_words + words, total_counted + counted
    rate = 100 * total_counted / total_words
    print(f"{'all':16} {total_counted:5} in {total_words:6} words, {rate:.2f} per 100 (at most {LIMIT})")
    for question in questions:
        print(f"a module docstring names the thing, with a noun phrase: {question}")
    if rate > LIMIT or questions:
        sys.exit(1)


if __name__ == "__main__":
    main()
