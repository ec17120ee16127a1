"""Print the oldest releases that pyproject.toml allows, as a constraints file for pip.

Usage: floors.py > floors.txt
"""

import re
import sys
import tomllib
from pathlib import Path

EXTRAS = ("bench", "cluster", "train", "test")

# Releases of the declared floors' own dependencies that are younger than those and deprecate what they call:
# warnings are errors in the tests.
OF_THEIR_TIME = ("pyparsing==3.1.0",)


def floor(requirement: str) -> str:
    """Turn `name>=1.2,<2; marker` into `name==1.2; marker`."""
    found = re.match(r"([\w.-]+)\s*[>=]=\s*([\w.]+)[^;]*(;.*)?$", requirement)
    if found is None:
        sys.exit(f"{requirement!r} in pyproject.toml declares no floor; write name>=version")
    return f"{found[1]}=={found[2]}{found[3] or ''}"


project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
declared = [*project["dependencies"]]
for extra in EXTRAS:
    declared += project["optional-dependencies"][extra]
floors = sorted({floor(requirement) for requirement in declared})
names = [line.partition("==")[0] for line in floors]
if twice := {name for name in names if names.count(name) > 1}:
    sys.exit(f"pyproject.toml declares more than one floor for {', '.join(sorted(twice))}; write one")
print("\n".join([*floors, *OF_THEIR_TIME]))
