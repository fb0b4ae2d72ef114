"""What a merge asks of a person: opened as parked work, and closed where an app has settled it itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from syncd.core.entity import Entity
from syncd.core.fieldmap import Sync
from syncd.core.merge import Merge, Verdict, Verdicts
from syncd.core.record import EntityId, Ref
from syncd.engine.loops import loops
from syncd.engine.world import World
from syncd.store.codec import plain
from syncd.store.ports import Transaction
from syncd.store.values import Parked, ParkedKind

__all__ = ["ask"]

_ASKS: Final = {Verdict.ASKED: ParkedKind.CONFLICT, Verdict.MISFIT: ParkedKind.QUARANTINE}


def ask(world: World, tx: Transaction, sync: Sync, entity: Entity, ref: Ref, result: Merge, seq: int) -> None:
    """Open the work that needs a person, and close what has settled itself."""
    work = tx.parked.of([entity.id]).get(entity.id, [])
    for verdict in result.verdicts:
        rule = sync.rules[verdict.field]
        kind = _ASKS.get(verdict.verdict)
        if verdict.verdict is Verdict.HELD:
            kind = ParkedKind.OPT_IN if rule.consent else ParkedKind.BLANK
        if kind is not None:
            tx.parked.park(_question(kind, sync, entity.id, ref, verdict, seq))
            continue
        if work:
            tx.parked.withdraw(_settled(work, ref.app, verdict), "settled by the app itself")
        if verdict.verdict is Verdict.TAKEN and loops(world, tx, sync, entity, verdict.field, ref.app):
            reason = f"{ref.app} and another app keep rewriting each other's value"
            parked = Parked(kind=ParkedKind.LOOP, sync=sync.name, entity=entity.id, field=verdict.field, cause=seq)
            tx.parked.park(replace(parked, reason=reason, detail={"value": plain(verdict.new), "app": ref.app}))


def _settled(work: Sequence[Parked], app: str, verdict: Verdicts) -> list[Parked]:
    """What was asked about a field, and what an app says of it now has answered."""
    about = [item for item in work if item.field == verdict.field and item.app == app]
    if verdict.verdict is Verdict.TAKEN:
        about += [item for item in work if _conceded(item, verdict)]
    if verdict.verdict is Verdict.LOST:
        about = [item for item in about if item.kind is ParkedKind.QUARANTINE]
    return [item for item in about if item.kind is not ParkedKind.LOOP]


def _conceded(item: Parked, verdict: Verdicts) -> bool:
    """Another app had asked for the very value that is taken now."""
    same = item.kind is ParkedKind.CONFLICT and item.field == verdict.field
    return same and item.detail.get("theirs") == plain(verdict.new)


def _question(kind: ParkedKind, sync: Sync, entity: EntityId, ref: Ref, verdict: Verdicts, seq: int) -> Parked:
    return Parked(
        kind=kind,
        sync=sync.name,
        app=ref.app,
        entity=entity,
        ref=ref if kind is ParkedKind.QUARANTINE else None,
        field=verdict.field,
        reason=verdict.rule,
        detail={"app": ref.app, "theirs": plain(verdict.new), "ours": plain(verdict.old), "record": ref.id},
        cause=seq,
    )
