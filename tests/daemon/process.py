"""The daemon as a process of its own: `python -m tests.daemon.process CONFIG [GRACE]`."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from syncd.daemon.daemon import GRACE
from syncd.daemon.serving import serve
from syncd.errors import SyncdError
from syncd.settings import load


def main() -> int:
    grace = timedelta(seconds=float(sys.argv[2])) if len(sys.argv) > 2 else GRACE
    try:
        return serve(load(Path(sys.argv[1])), grace=grace)
    except SyncdError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
