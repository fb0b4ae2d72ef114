"""`python -m syncd` is the command `syncd`."""

from __future__ import annotations

import sys

from syncd.console.cli import main

if __name__ == "__main__":
    sys.exit(main())
