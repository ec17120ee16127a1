"""Makes the transcripts, which stand beside the firmware's tests, importable here."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "firmware_models"))
