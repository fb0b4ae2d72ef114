"""One round for everything, and rounds until nothing is left to do: what `run --once` does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from syncd.engine.canary import guarded
from syncd.engine.forgetting import finish
from syncd.engine.gone import look_again
from syncd.engine.optouts import hear_opt_outs, tell_opt_outs, urgent
from syncd.engine.pull import pull, read_hints
from syncd.engine.push import payable, push, waiting
from syncd.engine.reckoning import reckon
from syncd.engine.remedies import attempt
from syncd.engine.resolve import resolve, ripened
from syncd.engine.setback import listed_since
from syncd.engine.world import Tally, World
from syncd.sdk.spans import SILENT, Span
from syncd.store.values import Delivery, Entry, Event

__all__ = ["Report", "began", "deliver_all", "once", "pull_app", "tend"]

_ROUNDS = 50
_COUNTED = 10_000
"""So many deliveries of an app are counted; of more, whether anything moves shows in which of them is next."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did, and what it leaves."""

    tally: Tally
    doubtful: int
    """Writes whose outcome is still unknown."""
    owed: int
    """Deliveries that could not be made."""
    failing: tuple[str, ...]
    """Apps that are paused or do not answer."""


def began(world: World, what: str, *, by: str = "") -> None:
    """Note in the log that a run has begun: what it changes can then be taken back by it."""
    with world.store.begin() as tx:
        tx.log.append(Entry(event=Event.BEGAN, note=what, by=by))


def pull_app(world: World, app: str, *, whole: bool = False) -> tuple[Tally, float]:
    """List what has changed in an app, for every sync it is part of."""

    def stage() -> Tally:
        tally = Tally()
        for sync in world.syncs.values():
            if app in sync.apps:
                tally += pull(world, sync, app, whole=whole)
                tally += look_again(world, sync, app)
        with world.store.begin() as tx:
            failing = tx.apps.get(app).failing
            tx.apps.answered(app)
        if failing:
            world.log.info("app answers again", app=app)
        return tally

    with world.spans.span("cycle", app=app, stage="sweep" if whole else "poll") as span:
        tally, rest = attempt(world, app, stage, lambda: hear_opt_outs(world, app))
        _note(span, tally)
    return tally, rest


def tend(world: World, app: str) -> tuple[Tally, float]:
    """Everything but listing: settle doubts, read hints, deliver one batch."""

    def stage() -> Tally:
        for sync in world.syncs.values():
            if app in sync.apps:
                reckon(world, sync)  # before anything is taken in by a mapping that may stand for a while only
        done = resolve(world, app) + read_hints(world, app)
        with world.store.read() as tx:
            listed = listed_since(world, tx, app)
        return done + push(world, app) if listed else done

    if world.spans is SILENT or not _has_work(world, app):  # every few seconds, and mostly for nothing
        return attempt(world, app, stage, lambda: tell_opt_outs(world, app))
    with world.spans.span("cycle", app=app, stage="tend") as span:
        tally, rest = attempt(world, app, stage, lambda: tell_opt_outs(world, app))
        _note(span, tally)
    return tally, rest


def _has_work(world: World, app: str) -> bool:
    with world.store.read() as tx:
        soonest = tx.deliveries.next_due(app)
        due = soonest is not None and soonest <= tx.now
        return due or tx.hints.count(app) > 0 or bool(tx.intents.open(app))


def _note(span: Span, tally: Tally) -> None:
    span.note(**{name: count for name, count in asdict(tally).items() if count})


def deliver_all(world: World) -> Iterator[Tally]:
    """Tend every app in turn until nothing that is due is left, or nothing moves any more."""
    for _ in range(_ROUNDS * 1000):
        moved, (count, nexts) = Tally(), _due(world)
        if not count:
            return
        for app in world.apps:
            done, _wait = tend(world, app)
            moved += done
        yield moved
        if moved == Tally():
            left, then = _due(world)
            if left >= count and then == nexts:
                return


def once(world: World, *, whole: bool = False, progress: Callable[[Tally], None] = lambda _: None) -> Report:
    """Pull everything, deliver everything, until it is quiet."""
    finish(world)  # a restored backup may have brought somebody back
    tally, failing = Tally(), set()
    for app in world.apps:
        done, wait = pull_app(world, app, whole=whole)
        tally += done
        if wait:
            failing.add(app)
        progress(tally)
    for moved in deliver_all(world):
        tally += moved
        progress(tally)
    finish(world)
    with world.store.read() as tx:
        doubtful = len(tx.intents.open())
        owed = sum(tx.deliveries.count(app) for app in world.apps)
        failing |= {app for app in world.apps if tx.apps.get(app).paused}
    return Report(tally, doubtful, owed, tuple(sorted(failing)))


def _due(world: World) -> tuple[int, Sequence[Delivery]]:
    """How much there is to do, as far as it is counted, and where it is not counted to its end, what comes next."""
    ripe = sum(len(ripened(world, app)) for app in world.apps)
    with world.store.read() as tx:
        hints = sum(
            len(tx.hints.due(app, sync.apps[app], tx.now, 1000))
            for sync in world.syncs.values()
            for app in sync.apps
            if app in world.apps
        )
        open_apps = [app for app in world.apps if not tx.apps.get(app).paused and not world.apps[app].read_only]
        spared = sum(len(urgent(world, tx, app)) for app in world.apps if guarded(tx, app))
        owed = {app: waiting(world, tx, app, _COUNTED) for app in open_apps}
        nexts = [one for app, count in owed.items() if count >= _COUNTED for one in payable(world, tx, app, 1)]
        return ripe + hints + spared + sum(owed.values()), nexts
