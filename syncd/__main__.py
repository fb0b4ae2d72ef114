"""The command `syncd`, also as `python -m syncd`.

What the command line needs is imported within: a Ctrl-C ends it quietly from the first moment on.
"""

from __future__ import annotations

import sys

__all__ = ["main"]

_INTERRUPTED = 130


def main() -> int:
    """Run the command that this process was started with; its exit code."""
    try:
        from syncd.console.cli import main as run

        return run()
    except KeyboardInterrupt:
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
