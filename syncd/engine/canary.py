"""Is the app telling the truth right now? Nothing counts as gone unless known records answer before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.core.fieldmap import Sync
from syncd.core.record import Gone, Merged, Record, Ref
from syncd.engine import calls
from syncd.engine.world import World
from syncd.errors import Unavailable

__all__ = ["sworn_read"]

_CANARIES = 3


def sworn_read(world: World, sync: Sync, app: str, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
    """Read by id, bracketed by reads of records known to be alive.

    Raises Unavailable if the app denies those too: then what it says of `refs` is no evidence.
    """
    with world.store.read() as tx:
        canaries = [ref for ref in tx.links.canaries(sync.name, app, _CANARIES + len(refs)) if ref not in refs]
    canaries = canaries[:_CANARIES]
    _sing(world, app, canaries)
    found = calls.read(world, app, refs)
    _sing(world, app, canaries)
    return found


def _sing(world: World, app: str, canaries: Sequence[Ref]) -> None:
    connector = world.apps[app].connector
    if not canaries:
        connector.check()
        return
    alive = [fact for fact in connector.read(canaries).values() if isinstance(fact, Record)]
    if not alive:
        raise Unavailable(
            f"{app}: none of {len(canaries)} known records can be read; nothing it says is believed for now",
            hint=f"look whether syncd's access to {app} was narrowed",
        )
