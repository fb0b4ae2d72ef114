"""Everything that is known of one person, for the person themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from syncd.console.find import Found
from syncd.console.private import keep_private
from syncd.console.status import moment
from syncd.console.tell import Line, line
from syncd.console.voice import json_text
from syncd.console.work import Work, work_of
from syncd.core.entity import Entity
from syncd.core.record import EntityId
from syncd.engine.consent import consent_keys
from syncd.engine.person import person
from syncd.engine.world import World
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event

__all__ = ["Agreed", "Exported", "Known", "Listed", "Question", "Recorded", "export", "keep_export"]

FORM: Final = "person-1"
_ALL: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """The agreed value of a field. `author`: the app it came from, or `syncd` where a person decided."""

    field: str
    value: Any
    author: str
    set_by: int
    """The entry of the history that set it."""
    set_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A record in an app as it was last seen, in the app's own fields. `sent`: what was last settled with the app."""

    record: str
    state: str
    seen: dict[str, Any]
    sent: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An address in the register of opt-outs."""

    channel: str
    address: str
    since: datetime | None
    app: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What one sync knows of the person."""

    entity: str
    sync: str
    deleted: bool
    agreed: tuple[Agreed, ...]
    records: tuple[Recorded, ...]
    history: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What waits for an answer, or waited for one until it was `closed`."""

    work: Work
    closed: datetime | None
    answer: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """Everything that syncd holds of one person."""

    form: str
    at: datetime | None
    known: tuple[Known, ...]
    opt_outs: tuple[Listed, ...]
    questions: tuple[Question, ...]
    entry: int
    """The entry of the change log that says that this was handed out, and by whom."""


def export(world: World, found: Found, *, by: str) -> Exported:
    """Everything known of a person; that it was handed out, and by whom, is noted in the change log."""
    with world.store.begin() as tx:
        ids = person(world.syncs, tx, found.entity)
        entities = [tx.entities.get(id) for id in ids]
        refs = [link.ref for id in ids for link in tx.links.of(id)]
        known = tuple(_known(tx, entity) for entity in entities)
        opt_outs = tuple(listed for entity in entities for listed in _listed(world, tx, entity))
        parked = tx.parked.ever(ids, refs)
        questions = tuple(
            Question(work=work, closed=moment(one.closed), answer=one.answer, by=one.by)
            for one, work in zip(parked, work_of(tx, parked), strict=True)
        )
        entry = tx.log.append(Entry(event=Event.EXPORTED, sync=found.sync, entity=found.entity, by=by))
        return Exported(
            form=FORM,
            at=moment(tx.now),
            known=known,
            opt_outs=tuple(dict.fromkeys(opt_outs)),
            questions=questions,
            entry=entry,
        )


def keep_export(found: Exported, path: Path) -> None:
    """Write it to a file that only its owner may read. Raises ConfigError where that cannot be."""
    keep_private([json_text(found).encode(), b"\n"], path)


def _known(tx: Transaction, entity: Entity) -> Known:
    times = {held.seq: entry.at for held in entity.held.values() if (entry := tx.log.get(held.seq)) is not None}
    return Known(
        entity=entity.id,
        sync=entity.sync,
        deleted=entity.deleted,
        agreed=tuple(
            Agreed(
                field=name,
                value=held.value,
                author=held.author,
                set_by=held.seq,
                set_at=moment(times.get(held.seq)),
            )
            for name, held in sorted(entity.held.items())
        ),
        records=tuple(
            Recorded(record=str(link.ref), state=link.state.value, seen=dict(link.seen), sent=dict(link.sent))
            for link in tx.links.of(entity.id)
        ),
        history=_history(tx, entity.id),
    )


def _history(tx: Transaction, id: EntityId) -> tuple[Line, ...]:
    return tuple(line(entry) for entry in reversed(tx.log.find(entity=id, limit=_ALL)))


def _listed(world: World, tx: Transaction, entity: Entity) -> Sequence[Listed]:
    sync = world.syncs.get(entity.sync)
    keys = consent_keys(sync, entity.fields) if sync else ()
    found = [entry for channel, address in keys for entry in tx.optouts.of(channel, [address]).values()]
    return [Listed(channel=x.channel, address=x.address, since=moment(x.since), app=x.app) for x in found]
