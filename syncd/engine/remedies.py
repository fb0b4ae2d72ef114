"""From an error's class to what happens next: wait, or pause this one app and tell a person."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from syncd.core.record import EntityId, Ref
from syncd.engine.canary import guarded, guarding
from syncd.engine.guards import Tripped
from syncd.engine.promises import sound_log
from syncd.engine.setback import setback
from syncd.engine.world import Tally, World
from syncd.errors import (
    BrokenPromise,
    BrokenProtocol,
    ConfigError,
    ConnectorError,
    Halted,
    StoreError,
    Throttled,
    Unauthorised,
)
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event, Parked, ParkedKind

__all__ = ["Stopped", "accept", "attempt", "pause", "paused", "release", "resume", "stopped_by"]


class Stopped(StrEnum):
    """What has paused an app. The reason beside it is for a person's eyes: it may quote what the app said."""

    GUARD = "guard"
    LOGIN = "login"  # the app refuses the credentials
    ANSWER = "answer"  # the app answers what its connector does not know
    SETTINGS = "settings"  # the configuration no longer fits the account
    PROMISE = "promise"  # a promise would have been broken
    PERSON = "person"


_KINDS: Final = {
    Unauthorised: Stopped.LOGIN,
    BrokenProtocol: Stopped.ANSWER,
    ConfigError: Stopped.SETTINGS,
}


def attempt(world: World, app: str, stage: Callable[[], Tally], spared: Callable[[], Tally]) -> tuple[Tally, float]:
    """Run one stage for one app. What it did, and how many seconds to leave the app alone (0: go on).

    `spared` is what is done of it while a guard has stopped the app: opt-outs wait for nobody. A failing app never
    stops the others; a failing store stops everything, since nothing may be written to an app that cannot first be
    written down.
    """
    stopped = False
    if paused(world, app):
        with world.store.read() as tx:
            stopped = guarded(tx, app) and setback(tx) is None
        if not stopped:
            return Tally(), 60.0
    try:
        with world.store.read() as tx:
            sound_log(tx, app)
        done = spared() if stopped else stage()
    except Halted as halted:
        _halt(world, app, halted)
        return Tally(), 60.0
    except (Unauthorised, BrokenProtocol, ConfigError) as stop:  # the configuration may no longer fit the account
        pause(world, app, str(stop), kind=next(kind for error, kind in _KINDS.items() if isinstance(stop, error)))
        return Tally(), 60.0
    except BrokenPromise as broken:
        _stop(world, broken)
        return Tally(), 60.0
    except ConnectorError as failed:
        with world.store.begin() as tx:
            tx.apps.failing(app, failed.message)
        world.log.warning("app failing", app=app, error=type(failed).__name__, reason=failed.message)
        wait = failed.retry_after if isinstance(failed, Throttled) and failed.retry_after else 15.0
        return Tally(), wait
    except StoreError:
        world.log.critical("store failing", app=app)
        raise
    return done, 0.0


def _stop(world: World, broken: BrokenPromise) -> None:
    """Tell it, count it, and pause the app that it is about."""
    ref = Ref(*broken.record.split("/", 2)) if broken.record else None
    entity = EntityId(broken.entity) if broken.entity else None
    fields: dict[str, dict[str, str]] = {broken.field: {}} if broken.field else {}
    entry = Entry(event=Event.BROKEN, app=broken.app, entity=entity, ref=ref, fields=fields, note=broken.told)
    with world.store.begin() as tx:
        seq = tx.log.append(entry)
    world.counts.broken(broken.app, broken.promise)
    pause(world, broken.app, str(broken), cause=seq, kind=Stopped.PROMISE)


def _halt(world: World, app: str, halted: Halted) -> None:
    """A guard has tripped: pause the app, and ask."""
    with world.store.begin() as tx:
        reason = str(halted)
        if isinstance(halted, Tripped):
            id = tx.parked.park(halted.work)
            reason = (
                f"{halted.message}\n  look at {app}; if this is right: syncd approve {id}; if not: syncd refuse {id}"
            )
        news = _paused(tx, app, reason, kind=Stopped.GUARD)
        tx.meta.put(guarding(app), str(tx.now))
    if news:
        world.log.error("app paused", app=app, reason=reason)


def _stopped(app: str) -> str:
    return f"stopped:{app}"


def paused(world: World, app: str) -> str:
    """Why the app is left alone: it is paused, or the store was set back; "" if it is not."""
    with world.store.read() as tx:
        back = setback(tx)
        return tx.apps.get(app).paused or (back.why if back else "")


def stopped_by(tx: Transaction, app: str) -> Stopped | None:
    """What has paused the app; None if nothing has, or nobody has noted it."""
    known = tx.meta.get(_stopped(app)) if tx.apps.get(app).paused else ""
    return Stopped(known) if known else None


def pause(
    world: World, app: str, reason: str, by: str = "", cause: int | None = None, kind: Stopped = Stopped.PERSON
) -> bool:
    """Stop this app alone, until a person resumes it. False if it was paused already."""
    with world.store.begin() as tx:
        news = _paused(tx, app, reason, by, cause, kind)
    if news:
        world.log.error("app paused", app=app, reason=reason)
    return news


def _paused(
    tx: Transaction, app: str, reason: str, by: str = "", cause: int | None = None, kind: Stopped = Stopped.PERSON
) -> bool:
    news = tx.apps.pause(app, reason)
    if news:
        tx.meta.put(_stopped(app), kind)
        tx.log.append(Entry(event=Event.PAUSED, app=app, note=reason, by=by, cause=cause))
    return news


def resume(world: World, app: str, by: str = "") -> bool:
    """Go on with a paused app; where a guard had stopped it, what made that trip counts as accepted for an hour.

    One that was paused for anything else is guarded as before: new credentials may see less than the old ones did.
    False if it was not paused.
    """
    with world.store.begin() as tx:
        news = tx.apps.resume(app)
        if news and tx.meta.get(guarding(app)):
            accept(tx, app)
            tx.meta.put(guarding(app), "")
            for work in _questions(tx, app):
                tx.parked.close(work.id, "approved, by going on", by)
        if news:
            tx.log.append(Entry(event=Event.RESUMED, app=app, by=by))
    if news:
        world.log.info("app resumed", app=app, by=by)
    return news


def accept(tx: Transaction, app: str) -> None:
    """Whatever the app shows, or does not, is taken for the truth for an hour."""
    tx.meta.put(f"resumed:{app}", str(tx.now))


def release(tx: Transaction, app: str, by: str, cause: int) -> None:
    """A guard's question was answered: go on, unless another is open, or something else has stopped the app."""
    if guarded(tx, app) and not _questions(tx, app):
        tx.apps.resume(app)
        tx.meta.put(guarding(app), "")
        tx.log.append(Entry(event=Event.RESUMED, app=app, by=by, cause=cause))


def _questions(tx: Transaction, app: str) -> list[Parked]:
    return [work for work in tx.parked.open((ParkedKind.GUARD,)) if work.app == app]
