"""The process that dies: `python -m syncd.testing.crash.child CONFIG CLOCK`, started and told what to do by `nest`.

It has everything imported, and forks for each order: so a real process, with its own connection to a real file, is
there at once. What runs in the fork is what the command line runs; around it every commit and every call is counted,
and at the number it was told the process kills itself.
"""

from __future__ import annotations

import gc
import json
import os
import random
import signal
import ssl
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import Engine, event

from syncd.app import assemble
from syncd.console.runs import apply_now, propose, run_once
from syncd.daemon.lock import sole
from syncd.daemon.logs import configure
from syncd.daemon.serving import serve
from syncd.engine.cycle import once
from syncd.engine.resolve import recover
from syncd.engine.world import Tally, World
from syncd.settings import Config, load
from syncd.store.store import Store
from syncd.testing.crash.clock import SharedClock
from syncd.testing.crash.scene import HELD

__all__ = ["Strike", "main"]

_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""The apps are on loopback: nobody's certificates need to be read."""
_ROUND: Final = 300.0
"""Seconds between two rounds of a run that goes on until it is quiet: more than any lag or late write."""
_ROUNDS: Final = 12


@dataclass
class Strike:
    """Counts the places where a process may die, and lets it die at one of them: 0 lets it live."""

    at: int
    tell: Callable[[str], None]
    """Told what the place is where it dies."""
    trail: list[str] = field(default_factory=list)
    """What each place was."""

    def pass_by(self, what: str) -> bool:
        """One more place. True where it is the one, and the killing is left to somebody outside."""
        self.trail.append(what)
        if len(self.trail) != self.at:
            return False
        self.tell(what)
        if what.startswith("sent"):
            return True
        os.kill(os.getpid(), signal.SIGKILL)
        raise RuntimeError("killed, and still here")


class Wire(httpx.BaseTransport):
    """The network, with places at each call: not sent yet, sent and not answered, answered and not used.

    What only reads leaves nothing behind on its way, and has no second place.
    """

    def __init__(self, app: str, strike: Strike) -> None:
        self._app = app
        self._strike = strike
        self._network = httpx.HTTPTransport(verify=_NO_TLS)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Make the call."""
        request.extensions["timeout"] = {}  # a slow machine is no fault of the app, and must not change the story
        call = f"{self._app} {request.method} {request.url.path}"
        self._strike.pass_by(f"before {call}")
        if request.method != "GET" and self._strike.pass_by(f"sent {call}"):
            request.headers[HELD] = "held"
        response = self._network.handle_request(request)
        assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101 - what this transport makes
        content = b"".join(response.stream)
        response.close()
        self._strike.pass_by(f"after {call}")
        stream = httpx.ByteStream(content)
        return httpx.Response(response.status_code, headers=response.headers, stream=stream)

    def close(self) -> None:
        """Hang up."""
        self._network.close()


def main() -> int:
    """Take orders from standard input, one JSON object a line, until it ends."""
    config = load(Path(sys.argv[1]))
    configure(config.log)
    clock = SharedClock(Path(sys.argv[2]))
    Store.open("sqlite://", clock.now).close()  # what is imported only where it is needed is there from now on
    gc.freeze()  # and is not looked through again in each fork
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        order = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            os._exit(_told(writing, config, clock, order) if order["way"] in _WAYS else serve(config))
        os.close(writing)
        print(json.dumps({"pid": child}), file=answers, flush=True)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        told = {"code": os.waitstatus_to_exitcode(status), "said": said.decode()}
        print(json.dumps(told), file=answers, flush=True)
    return 0


def _told(writing: int, config: Config, clock: SharedClock, order: dict[str, Any]) -> int:
    def tell(said: Any) -> None:
        os.write(writing, json.dumps(said).encode() + b"\n")

    try:
        strike = Strike(order["strike"], lambda what: tell({"died": what}))
        tell(_run(config, clock, _WAYS[order["way"]], strike, random.Random(order["chance"])))
    except Exception:  # noqa: BLE001 - whatever it is, it is the finding
        tell({"failed": traceback.format_exc()})
    return 0


def _run(
    config: Config, clock: SharedClock, way: Callable[[World, SharedClock], int], strike: Strike, chance: random.Random
) -> Any:
    @event.listens_for(Engine, "before_cursor_execute")
    def _committing(_db: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement == "COMMIT":
            strike.pass_by("commit")

    wires = {name: Wire(name, strike) for name in config.apps}
    with sole(config, "crash"), assemble(config, clock=clock, transports=wires, chance=chance) as assembly:
        written = way(assembly.world, clock)
        with assembly.world.store.read() as tx:
            doubtful = len(tx.intents.open())
            owed = sum(tx.deliveries.count(app) for app in assembly.world.apps)
            paused = [app for app in assembly.world.apps if tx.apps.get(app).paused]
            parked = dict(tx.parked.counts())
        verdict = assembly.world.store.verify()
    return {
        "trail": strike.trail,
        "written": written,
        "doubtful": doubtful,
        "owed": owed,
        "paused": paused,
        "parked": parked,
        "verdict": verdict,
    }


def _quietly(_: Tally) -> None:
    """Nobody looks on."""


def _apply(world: World, _: SharedClock) -> int:
    done = apply_now(world, propose(world, _quietly), by="crash", progress=_quietly)
    return done.created + done.updated + done.deleted


def _once(world: World, _: SharedClock) -> int:
    done = run_once(world, _quietly, by="")
    return done.created + done.updated + done.deleted


def _sweep(world: World, _: SharedClock) -> int:
    recover(world)
    return once(world, whole=True).tally.written


def _settle(world: World, clock: SharedClock) -> int:
    """Sweep until it is quiet; what two more sweeps then write, which is nothing, or the fault."""
    recover(world)
    for _ in range(_ROUNDS):
        clock.turn(_ROUND)
        report = once(world, whole=True)
        if not report.tally.written and not report.doubtful and not report.owed:
            break
    clock.turn(_ROUND)
    return once(world, whole=True).tally.written + once(world).tally.written


_WAYS: Final = {"apply": _apply, "once": _once, "sweep": _sweep, "settle": _settle}

if __name__ == "__main__":
    sys.exit(main())
