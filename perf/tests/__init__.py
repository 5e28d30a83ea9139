"""The harness's own arithmetic; `scripts/test shell` runs these."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
