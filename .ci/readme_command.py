"""Print a command of the README or of another page, so that what CI runs is what a reader is told to run.

A command is a fenced block right after a line `<!-- ci: NAME -->`. Usage: readme_command.py NAME [PAGE]
"""

import re
import sys
from pathlib import Path

name = sys.argv[1]
page = sys.argv[2] if len(sys.argv) > 2 else "README.md"
readme = (Path(__file__).parent.parent / page).read_text(encoding="utf-8")
found = re.search(rf"<!-- ci: {re.escape(name)} -->\n```\w*\n(.*?)```", readme, re.DOTALL)
if found is None:
    sys.exit(f"{page} has no block marked <!-- ci: {name} -->")
print(found.group(1), end="")
