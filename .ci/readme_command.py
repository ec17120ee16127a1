"""Print a command of the README, so that what CI runs is what a reader is told to run.

A command is a fenced block right after a line `<!-- ci: NAME -->`.
"""

import re
import sys
from pathlib import Path

name = sys.argv[1]
readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
found = re.search(rf"<!-- ci: {re.escape(name)} -->\n```\w*\n(.*?)```", readme, re.DOTALL)
if found is None:
    sys.exit(f"README.md has no block marked <!-- ci: {name} -->")
print(found.group(1), end="")
