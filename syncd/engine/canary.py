"""Is the app telling the truth right now? Nothing counts as gone unless known records answer before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.core.fieldmap import Sync
from syncd.core.record import Gone, Merged, Record, Ref
from syncd.engine import apart, calls
from syncd.engine.world import World
from syncd.errors import ConnectorError, Halted, Unavailable
from syncd.store.ports import Transaction

__all__ = ["accepted", "resumed_at", "sworn_read"]

_CANARIES = 3
_CHOIR = 50
"""As many are asked where the first few are silent: those may have been deleted, too, and not be missed yet."""


def sworn_read(world: World, sync: Sync, app: str, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
    """Read by id, bracketed by reads of records known to be alive.

    Whoever is missing from the answer cannot be read, and is put off.

    Raises Unavailable if the app denies those too: then what it says of `refs` is no evidence. Raises Halted if the
    refs are all that is known of the app, several, and all of them are denied: nobody is left to vouch for it.
    """
    with world.store.read() as tx:
        canaries = [ref for ref in tx.links.canaries(sync.name, app, _CHOIR + len(refs)) if ref not in refs]
        vouched = bool(canaries) or len(refs) == 1 or accepted(tx, app)
    _sing(world, app, canaries)
    asked = apart.read(world, sync, app, refs)
    _sing(world, app, canaries)
    found = asked.found
    if asked.failed:
        with world.store.begin() as tx:
            apart.put_off(world, tx, sync, asked.failed)
    if found and not vouched and all(isinstance(fact, Gone) and not fact.told for fact in found.values()):
        raise Halted(
            f"{app}: all {len(refs)} records that are linked there are denied",
            hint=f"look at {app}; if this is right, run: syncd resume {app}",
        )
    return found


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
        if any(isinstance(fact, Record) for fact in asked.found.values()):
            return
        failed += asked.failed.values()
    if failed:
        raise failed[0]
    raise Unavailable(
        f"{app}: none of {len(canaries)} known records can be read; nothing it says is believed for now",
        hint=f"look whether syncd's access to {app} was narrowed",
    )


def accepted(tx: Transaction, app: str) -> bool:
    """A person has looked at this app within the hour, and said to go on."""
    return resumed_at(tx, app) > tx.now - 3600


def resumed_at(tx: Transaction, app: str) -> float:
    """When a person last said to go on, in seconds since the epoch."""
    return float(tx.meta.get(f"resumed:{app}") or 0.0)
