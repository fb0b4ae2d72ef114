"""The command `syncd`, also as `python -m syncd`.

What the command line needs is imported within: a Ctrl-C ends it quietly from the first moment on.
"""

from __future__ import annotations

import gc
import os
import sys

__all__ = ["main"]

_INTERRUPTED = 130
_YOUNG, _OLDER, _OLD = 50_000, 20, 50
"""How seldom the collector looks for cycles. What syncd makes by the hundred thousand, rows and records, has none, and
is freed without it; to look through it after every 700 took a fifth of a first sync."""


def main() -> int:
    """Run the command that this process was started with; its exit code."""
    gc.set_threshold(_YOUNG, _OLDER, _OLD)
    os.umask(0o077)  # what is written is for its owner's eyes only
    try:
        from syncd.console.cli import main as run

        return run()
    except KeyboardInterrupt:
        return _INTERRUPTED


if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # `-m` puts the folder there in which one happens to be: no plug-in comes from there
    sys.exit(main())
