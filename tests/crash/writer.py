"""The process whose power is cut: `python -m tests.crash.writer FOLDER LOG [SYNCHRONOUS]`, under `record.c`.

It tells the story of `syncd.testing.crash` with the real engine and a real file, opened anew for each act, and leaves a
mark in the log after each commit: from then on somebody relies on it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Pool, event

from syncd.app import assemble
from syncd.console.runs import apply_now, propose, run_once
from syncd.core.record import Ref
from syncd.daemon.logs import configure
from syncd.engine.cycle import once
from syncd.engine.world import World
from syncd.settings import load
from syncd.testing.clock import TurnedClock
from syncd.testing.crash.scene import staged
from syncd.testing.crash.story import ACTS, begun
from tests.crash.disk import MARK, Deed, entry


def main(folder: Path, log: Path, synchronous: str) -> None:
    marks = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    @event.listens_for(Engine, "after_cursor_execute")
    def _committed(_db: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement == "COMMIT":
            os.write(marks, entry(Deed(MARK, str(folder), 0, b"")))

    @event.listens_for(Pool, "checkout")
    def _weakened(raw: Any, *_: Any) -> None:
        if synchronous:
            raw.execute(f"PRAGMA synchronous={synchronous}")

    clock = TurnedClock(1_790_000_000.0)
    with staged(folder, clock) as scene:
        os.environ.update(scene.secrets)
        scene.renew(seed=1)
        config, told = load(scene.config), begun(scene, seed=1)
        configure(config.log)
        for act in ACTS:
            told.play(act)
            clock.turn(act.wait)
            with assemble(config, clock=clock) as assembly:
                _run(assembly.world, act.way)
                with assembly.world.store.begin() as tx:  # as the webhooks' door does, before it answers
                    tx.hints.add([Ref("crm", "contacts", act.title)], tx.now)


def _run(world: World, way: str) -> None:
    match way:
        case "apply":
            apply_now(world, propose(world, lambda _: None), by="test", progress=lambda _: None)
        case "once":
            run_once(world, lambda _: None, by="test")
        case _:
            once(world, whole=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
