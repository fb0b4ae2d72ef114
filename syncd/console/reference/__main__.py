"""`python -m syncd.console.reference FOLDER` writes the reference there."""

from __future__ import annotations

import sys
from pathlib import Path

from syncd.console.console import speak_to_stderr
from syncd.console.reference import write

speak_to_stderr()
write(Path(sys.argv[1]))
