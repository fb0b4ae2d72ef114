"""A whole comparison of one app, by the engine alone: how many records a second."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from syncd.app import assemble
from syncd.engine.cycle import pull_app
from syncd.settings import load

__all__ = ["sweep"]


def sweep(config: Path, app: str) -> dict[str, float]:
    """List everything of an app that is in step, and compare it."""
    with assemble(load(config)) as assembly:
        began, cpu = time.perf_counter(), time.process_time()
        tally, _ = pull_app(assembly.world, app, whole=True)
        return {"read": tally.read, "wall": time.perf_counter() - began, "cpu": time.process_time() - cpu}


if __name__ == "__main__":
    print(json.dumps(sweep(Path(sys.argv[1]), sys.argv[2])))
