"""Is the app telling the truth right now? Nothing counts as gone unless known records answer before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.core.fieldmap import Sync
from syncd.core.record import Gone, Merged, Record, Ref
from syncd.engine import apart, calls
from syncd.engine.world import World
from syncd.errors import ConnectorError, Halted, Unavailable
from syncd.store.ports import Transaction

__all__ = ["accepted", "guarded", "guarding", "resumed_at", "sworn_read"]

_CANARIES = 3
_CHOIR = 50
"""As many are asked where the first few are silent: those may have been deleted, too, and not be missed yet."""
_LASTING = 3600.0
"""Seconds after which silence is a new silence."""


def sworn_read(world: World, sync: Sync, app: str, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
    """Read by id; what is denied is read again, bracketed by reads of records known to be alive.

    Whoever is missing from the answer cannot be read, and is put off. A record that is shown vouches for itself.

    Raises Unavailable if the app denies those that are known to be alive, too: then what it says of `refs` is no
    evidence. Raises Halted if that lasts, or if the refs are all that is known of the app, several, and all of them
    are denied: nobody is left to vouch for it.
    """
    found = _read(world, sync, app, refs)
    denied = [ref for ref, fact in found.items() if not _tells(fact)]
    if not denied:
        return found
    with world.store.read() as tx:
        canaries = [ref for ref in tx.links.canaries(sync.name, app, _CHOIR + len(refs)) if ref not in refs]
        vouched = bool(canaries) or len(refs) == 1 or accepted(tx, app)
    _sing(world, app, canaries)
    again = _read(world, sync, app, denied)
    _sing(world, app, canaries)
    if not vouched and all(ref in again and not _tells(again[ref]) for ref in refs):
        raise Halted(
            f"{app}: all {len(refs)} records that are linked there are denied",
            hint=f"look at {app}; if this is right, run: syncd resume {app}",
        )
    return {ref: fact for ref, fact in found.items() if _tells(fact)} | dict(again)


def _read(world: World, sync: Sync, app: str, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
    asked = apart.read(world, sync, app, refs)
    if asked.failed:
        with world.store.begin() as tx:
            apart.put_off(world, tx, sync, asked.failed)
    return asked.found


def _sing(world: World, app: str, canaries: Sequence[Ref]) -> None:
    connector = world.apps[app].connector
    if not canaries:
        connector.check()
        return

    def answers(part: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        with calls.understood(app):
            return connector.read(part)

    few, rest = canaries[:_CANARIES], canaries[_CANARIES:_CHOIR]
    failed: list[ConnectorError] = []
    for part in (few, rest):
        asked = apart.ask(answers, part, connector.check)
        if any(_tells(fact) for fact in asked.found.values()):
            return
        failed += asked.failed.values()
    if failed:
        raise failed[0]
    _silent(world, app, canaries)


def _silent(world: World, app: str, canaries: Sequence[Ref]) -> None:
    """None of them is shown: the app is blind, or they have all been deleted. If it lasts, a person says which."""
    name, hint = f"silent:{app}", f"look whether syncd's access to {app} was narrowed"
    with world.store.begin() as tx:
        if accepted(tx, app):
            return
        since = float(tx.meta.get(name) or 0.0)
        lasts = 0.0 < tx.now - since - world.safety.second_look.total_seconds() < _LASTING
        if not lasts and (not since or tx.now - since > _LASTING):
            tx.meta.put(name, str(tx.now))
        tx.hints.add(canaries[:_CHOIR], tx.now)
    if lasts:
        raise Halted(
            f"{app}: none of {len(canaries)} known records has been shown for a while",
            hint=f"{hint}; if they were all deleted, run: syncd resume {app}",
        )
    raise Unavailable(
        f"{app}: none of {len(canaries)} known records can be read; nothing it says is believed for now", hint=hint
    )


def _tells(fact: Record | Gone | Merged) -> bool:
    """A record, where it was merged to, a tombstone: only an app that tells the truth says so. A mere 404 may lie."""
    return not isinstance(fact, Gone) or fact.told


def accepted(tx: Transaction, app: str) -> bool:
    """A person has looked at this app within the hour, and said to go on."""
    return resumed_at(tx, app) > tx.now - 3600


def resumed_at(tx: Transaction, app: str) -> float:
    """When a person last said to go on, in seconds since the epoch."""
    return float(tx.meta.get(f"resumed:{app}") or 0.0)


def guarded(tx: Transaction, app: str) -> bool:
    """The app is paused, and it was a guard that has stopped it: what it shows is in question, nothing else is."""
    return bool(tx.apps.get(app).paused and tx.meta.get(guarding(app)))


def guarding(app: str) -> str:
    """The fact of the store that says when a guard has stopped the app; "" where it did not."""
    return f"guarded:{app}"
