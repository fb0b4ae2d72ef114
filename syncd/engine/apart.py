"""What fails for one record is set apart and waits by itself: it never stops the rest.

A call about many that fails is made again for each half, and so on, down to those it fails for. Before and after that,
other records vouch for the app: where none of them can be read, the failure is the app's own and goes up as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from syncd.core.fieldmap import Sync
from syncd.core.record import Gone, Merged, Record, Ref
from syncd.engine import calls
from syncd.engine.world import World
from syncd.errors import ConnectorError, Throttled, Unauthorised
from syncd.sdk.contract import Finds
from syncd.store.ports import Transaction
from syncd.store.values import Parked, ParkedKind

__all__ = ["Asked", "ask", "close_unread", "find", "put_off", "read"]

K = TypeVar("K")
V = TypeVar("V")

_SOONEST: Final = 15.0
_LATEST: Final = 600.0
"""Seconds between two tries of a record that cannot be read: doubled from one to the other."""
_CANARIES: Final = 3
_ENOUGH: Final = 8
"""So many failures and not one answer: there is no use in asking on. Whoever was not asked is asked next time."""


@dataclass(frozen=True, slots=True)
class Asked(Generic[K, V]):
    """What a call about many has come to. Whoever is in neither was not asked."""

    found: Mapping[K, V]
    failed: Mapping[K, ConnectorError]


def ask(call: Callable[[Sequence[K]], Mapping[K, V]], keys: Sequence[K], vouch: Callable[[], None]) -> Asked[K, V]:
    """Call about all of them; if that fails, find out about whom. `vouch` raises where it is the app that fails."""
    found: dict[K, V] = {}
    failed: dict[K, ConnectorError] = {}
    todo = [list(keys)] if keys else []
    while todo and (found or len(failed) < _ENOUGH):
        part = todo.pop()
        try:
            found.update(call(part))
        except (Throttled, Unauthorised):
            raise
        except ConnectorError as failure:
            if len(part) == len(keys):
                vouch()
            if len(part) == 1:
                failed[part[0]] = failure
            else:
                todo += [part[len(part) // 2 :], part[: len(part) // 2]]
    if failed and len(keys) > 1:
        vouch()
    return Asked(found, failed)


def read(world: World, sync: Sync, app: str, refs: Sequence[Ref]) -> Asked[Ref, Record | Gone | Merged]:
    """Read by id, setting apart those that cannot be read."""

    def vouch() -> None:
        with world.store.read() as tx:
            others = [ref for ref in tx.links.canaries(sync.name, app, _ENOUGH + len(refs)) if ref not in refs]
        if not others:
            world.apps[app].connector.check()
            return
        failure: ConnectorError | None = None
        for part in (others[:_CANARIES], *([ref] for ref in others[:_ENOUGH])):
            try:
                calls.read(world, app, part)
            except (Throttled, Unauthorised):
                raise
            except ConnectorError as silent:
                failure = silent
            else:
                return
        if failure is not None:
            raise failure

    asked = ask(lambda part: calls.read(world, app, part), refs, vouch)
    for ref, failure in asked.failed.items():
        world.log.warning("record cannot be read", app=app, record=ref.id, reason=failure.message)
    return asked


def find(
    world: World, sync: Sync, app: str, connector: Finds, field: str, values: Sequence[str]
) -> Mapping[str, Sequence[Ref]]:
    """Look for values of a field; one that cannot be looked for is missing from the answer."""

    def look(part: Sequence[str]) -> Mapping[str, Sequence[Ref]]:
        with calls.understood(app):
            found = connector.find(sync.apps[app], field, part)
        return {value: found.get(value, ()) for value in part}

    asked = ask(look, values, world.apps[app].connector.check)
    for failure in asked.failed.values():
        world.log.warning("search failed", app=app, field=field, reason=failure.message)
    return asked.found


def put_off(world: World, tx: Transaction, sync: Sync, failed: Mapping[Ref, ConnectorError]) -> None:
    """Read these again, later and later; in the end a person is asked."""
    for ref, failure in failed.items():
        tries = tx.hints.tries(ref)
        if tries < world.safety.attempts:
            tx.hints.postpone(ref, tx.now + min(_LATEST, _SOONEST * 2.0**tries))
            continue
        link = tx.links.get(sync.name, ref)
        entity, reason = link.entity if link else None, f"it cannot be read: {failure.message}"
        work = Parked(kind=ParkedKind.QUARANTINE, sync=sync.name, app=ref.app, ref=ref, entity=entity, reason=reason)
        tx.parked.park(work)
        tx.hints.drop([ref], tx.now)


def close_unread(tx: Transaction, sync: Sync, app: str, answered: Mapping[Ref, object]) -> None:
    """These can be read: whoever was to be asked about that is not any more."""
    works = tx.parked.open((ParkedKind.QUARANTINE,), sync=sync.name) if answered else ()
    unread = [work for work in works if not work.field and "forgotten" not in work.detail]
    done = [work for work in unread if work.ref in answered and work.app == app]
    tx.parked.withdraw(done, "it can be read again")
