"""`syncd demo`: two simulated apps with people in them, the real daemon between them, and a summary by the oracles."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from syncd.console.voice import clean, errors, output, say_json
from syncd.errors import ConfigError
from syncd.settings import Duration, load

if TYPE_CHECKING:
    from rich.console import RenderableType

    from syncd.app import Assembly
    from syncd.console.stage import Audience
    from syncd.core.fieldmap import Sync
    from syncd.testing.verdict import Summary

__all__ = ["demo"]

_PATIENCE = 60.0
"""Seconds within which the apps must agree once people have stopped."""


_MEANING: Final = {
    "edits": "values that people typed",
    "mirrored": "of those, how many came to stand in the other app",
    "conflicts": "typed on both sides at once: one value stands, the other is in the change log",
    "lost": "values that stand nowhere and are in no log: must be 0",
    "duplicates": "people who are twice in one app: must be 0",
    "resubscribed": "people written to again after they had left: must be 0",
    "echoes": "writes although nothing had changed any more: must be 0",
    "converged": "whether both apps show the same of everybody",
    "calls_per_change": "requests to the apps for each mirrored value, polling included",
}
"""What each figure of the summary says."""
_ASKED: Final = """fields.last_name.conflict = "manual"
"""
"""Added to the mapping where somebody is there to answer."""
_COLUMNS: Final = {"when": 8, "who": 26, "app": 4, "what": 8, "field": 10, "from": 14, "to": 14, "why": 16}
"""Heading to width: lines stay where they are while values change."""


@dataclass(frozen=True, slots=True)
class _Show:
    """What is on: enough to draw it."""

    assembly: Assembly
    audience: Audience
    sync: Sync
    until: float


def demo(
    *,
    seconds: Annotated[str, Parameter("--for")] = "20s",
    seed: int = 1,
    console: Annotated[bool, Parameter(negative="", show_default=False)] = False,
    json: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """Show it: a CRM and a newsletter tool with 500 people each, edited on both sides at once, kept the same.

    Everything is simulated and on this machine; no account is needed and nothing is left behind.

    Parameters
    ----------
    seconds
        How long people edit, such as 20s or 2m.
    seed
        Which people, and what they do.
    console
        Serve the web console, with questions to answer, and stay until Ctrl-C.
    json
        Say only how it ended, as JSON.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        span = TypeAdapter(Duration).validate_python(seconds).total_seconds()
    except ValidationError as error:
        raise ConfigError(f'--for is "{seconds}"', hint='write a duration such as "20s" or "2m"') from error
    if console:
        return _keep_open(span, seed)
    try:
        found = _perform(span, seed, quiet=json)
    except KeyboardInterrupt:
        _say("the demo was stopped; nothing is left of it", quiet=json)
        raise
    if json:
        say_json(asdict(found))
    else:
        _close(found)
    well = found.converged and not (found.lost or found.duplicates or found.resubscribed or found.echoes)
    return 0 if well else 1


def _perform(seconds: float, seed: int, *, quiet: bool) -> Summary:
    from syncd.app import assemble
    from syncd.console.stage import Audience, staged
    from syncd.daemon import logs
    from syncd.engine.cycle import once
    from syncd.engine.plan import mark_applied
    from syncd.testing.verdict import by_address, marks, summary

    with tempfile.TemporaryDirectory(prefix="syncd-demo-") as folder, staged(Path(folder), seed) as stage:
        with _environment(stage.secrets):
            config = load(stage.config)
        logs.configure(config.log)
        with assemble(config) as assembly:
            ((_, sync),) = assembly.world.syncs.items()
            _say(f"{len(stage.actors)} apps, {_crowd(stage.actors, sync)}: first sync", quiet=quiet)
            started = time.monotonic()
            report = once(assembly.world, whole=True)
            mark_applied(assembly.world, by="demo")
            took = time.monotonic() - started
            _say(f"  {report.tally.created} made, {report.tally.updated} completed, in {took:.1f} s", quiet=quiet)
            known = by_address(stage.actors, sync)
            shared = {
                address: {app: ids[0] for app, ids in apps.items()}
                for address, apps in known.items()
                if len(apps) == len(stage.actors)
            }
            audience = Audience(stage, shared, seed)
            start, began = marks(stage.actors), assembly.world.clock.now()
            with _daemon(assembly):
                _play(_Show(assembly, audience, sync, time.monotonic() + seconds), seconds, quiet=quiet)
        end = marks(stage.actors)
        with assemble(config) as again:  # a daemon that has left its store lets nobody write there any more
            echoes = sum(once(again.world, whole=True).tally.written for _ in range(2))
            return summary(again.world, sync, stage.actors, audience.left, start, end, began, echoes)


def _play(show: _Show, seconds: float, *, quiet: bool) -> None:
    """People type while syncd runs; then both come to rest."""
    typing = threading.Thread(target=show.audience.perform, args=(seconds,), name="people", daemon=True)
    typing.start()
    if quiet or not output().is_terminal:
        typing.join()
    else:
        _watch(show, typing)
    _rest(show)


def _rest(show: _Show) -> None:
    from syncd.testing.verdict import agreed

    patience = time.monotonic() + _PATIENCE
    while time.monotonic() < patience:
        with show.assembly.world.store.read() as tx:
            idle = not tx.intents.open() and not any(tx.deliveries.count(app) for app in show.assembly.world.apps)
        if idle and agreed(show.audience.stage.actors, show.sync):
            return
        time.sleep(0.5)


def _keep_open(seconds: float, seed: int) -> int:
    """Two apps, the daemon and the web console, until Ctrl-C. Who edits a last name on both sides asks a question."""
    from syncd.app import assemble
    from syncd.console.stage import Audience, staged
    from syncd.daemon import logs
    from syncd.engine.cycle import once
    from syncd.engine.plan import mark_applied
    from syncd.testing.verdict import by_address

    with tempfile.TemporaryDirectory(prefix="syncd-demo-") as folder, staged(Path(folder), seed) as stage:
        with stage.config.open("a") as file:
            file.write(_ASKED)
        with _environment(stage.secrets):
            config = load(stage.config)
        logs.configure(config.log)
        with assemble(config) as assembly:
            ((_, sync),) = assembly.world.syncs.items()
            _say(f"{len(stage.actors)} apps, {_crowd(stage.actors, sync)}: first sync", quiet=False)
            once(assembly.world, whole=True)
            mark_applied(assembly.world, by="demo")
            known = by_address(stage.actors, sync)
            both = {a: {app: ids[0] for app, ids in apps.items()} for a, apps in known.items() if len(apps) > 1}
            with _daemon(assembly) as port:
                _say(f"the console: http://127.0.0.1:{port}/   (Ctrl-C ends it, and nothing is left)", quiet=False)
                Audience(stage, both, seed, pace=0.5).perform(seconds)
                _say("people have stopped editing; the console stays open", quiet=False)
                threading.Event().wait()
    return 0


@contextmanager
def _daemon(assembly: Assembly) -> Iterator[int]:
    """The real daemon, in a thread of this process, and the port of its door."""
    from syncd.daemon.daemon import Daemon
    from syncd.daemon.lock import sole
    from syncd.web.site import pages

    with sole(assembly.config, "demo") as held:
        daemon = Daemon(assembly, held, pages=pages(assembly.config))
        running = threading.Thread(target=daemon.run, name="daemon")
        running.start()
        try:
            yield daemon.port
        finally:
            daemon.stop()
            running.join()


@contextmanager
def _environment(secrets: object) -> Iterator[None]:
    """The twins' secrets, where the configuration looks for them, for as long as it is read."""
    before = dict(os.environ)
    os.environ.update(dict(secrets) if isinstance(secrets, dict) else {})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _crowd(actors: object, sync: Sync) -> str:
    from syncd.console.stage import Actor
    from syncd.testing.verdict import by_address

    known = (
        by_address([actor for actor in actors if isinstance(actor, Actor)], sync) if isinstance(actors, tuple) else {}
    )
    both = sum(len(apps) > 1 for apps in known.values())
    each = max(
        sum(actor in apps for apps in known.values()) for actor in {app for apps in known.values() for app in apps}
    )
    return f"{len(known)} people, {each} in each, {both} of them known to both"


def _watch(show: _Show, typing: threading.Thread) -> None:
    """Draw what happens, twice a second, until people stop."""
    from rich.live import Live

    with Live(_drawn(show), console=output(), refresh_per_second=4, transient=True) as live:
        while typing.is_alive():
            typing.join(0.5)
            live.update(_drawn(show))


def _drawn(show: _Show) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    with show.assembly.world.store.read() as tx:
        entries = tx.log.find(limit=12)
        people = tx.entities.labels([entry.entity for entry in entries if entry.entity])
        counts = tx.log.counts()
        owed = {app: tx.deliveries.count(app) for app in show.assembly.world.apps}
    table = Table(box=None)
    for heading, width in _COLUMNS.items():
        table.add_column(heading, width=width, no_wrap=True, overflow="ellipsis")
    for entry in entries:
        for name, what in list(entry.fields.items())[:1] or [("", {})]:
            moment = time.strftime("%H:%M:%S", time.localtime(entry.at))
            who = people.get(entry.entity, "") if entry.entity else ""
            words = [
                who,
                entry.app,
                entry.event.value,
                name,
                what.get("old", ""),
                what.get("new", ""),
                what.get("rule", ""),
            ]
            table.add_row(moment, *(Text(clean("" if word is None else word)) for word in words))
    left = max(0.0, show.until - time.monotonic())
    head = f"{left:4.0f} s to go   {counts.get('merged', 0)} changes   {counts.get('sent', 0)} writes   "
    waiting = ", ".join(f"{app} is owed {count}" for app, count in owed.items())
    return Group(Text(head + waiting, style="bold"), table)


def _say(line: str, *, quiet: bool) -> None:
    if not quiet:
        errors().print(line)


def _close(found: Summary) -> None:
    from rich.table import Table

    table = Table("asked of the two apps themselves", "", "what it means", box=None)
    for name, value in asdict(found).items():
        table.add_row(name.replace("_", " "), str(value), _MEANING[name])
    output().print(table)
    output().print("to look around in a browser, answer a question and take something back: syncd demo --console")
