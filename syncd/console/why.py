"""Why a field is what it is: the chain of facts, what each app holds, and what will be written next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from syncd.console.find import Found
from syncd.console.mapped import Version, Versions
from syncd.console.status import moment
from syncd.console.tell import said, tell_field
from syncd.console.work import Work, work_of
from syncd.core.entity import Entity, Link, LinkState, base
from syncd.core.fieldmap import FieldRule, Sync, Way
from syncd.core.lens import Misfit
from syncd.core.record import Absent
from syncd.engine.consent import record_opt_out
from syncd.engine.debts import frozen
from syncd.engine.world import World
from syncd.errors import ConfigError
from syncd.spelling import suggest
from syncd.store.ports import Transaction
from syncd.store.values import Entry

__all__ = ["Holding", "Step", "Why", "holdings", "why"]

_ALL = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One entry of the change log, as it bears on the field."""

    seq: int
    at: datetime | None
    event: str
    app: str
    text: str
    cause: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one app holds. `state`: that of the link, `doubtful` while a write is in doubt, or `none`."""

    app: str
    record: str
    state: str
    raw: Mapping[str, Any]
    """The app's own fields, as last seen."""
    shows: Any
    """What they mean in canonical terms."""
    sent: Any
    """What was last settled with the app, where it keeps something else than was meant."""
    next: str
    """What will be written, or why nothing will."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """Everything about one field of one entity."""

    label: str
    sync: str
    entity: str
    field: str
    value: Any
    deleted: bool
    author: str
    """The app whose value stands, or `syncd` where a person decided."""
    set_by: int
    """The entry that set it; 0 where none did."""
    register: str
    """What the register of opt-outs says, for a consent."""
    steps: tuple[Step, ...]
    mappings: tuple[Version, ...]
    """The mappings by which they came about."""
    apps: tuple[Holding, ...]
    waiting: tuple[Work, ...]


def why(world: World, found: Found, field: str) -> Why:
    """Everything about a canonical field. Raises ConfigError where the sync has no such field."""
    sync = world.syncs[found.sync]
    if field not in sync.rules:
        raise ConfigError(f'{sync.name} has no field "{field}"', hint=suggest(field, sync.rules))
    with world.store.read() as tx:
        entity = tx.entities.get(found.entity)
        held = entity.held.get(field)
        parked = tx.parked.of([entity.id]).get(entity.id, [])
        opt_out = record_opt_out(tx, sync, entity.fields).get(field)
        entries = _entries(tx, entity, field)
        return Why(
            label=tx.entities.labels([entity.id]).get(entity.id, entity.id),
            sync=sync.name,
            entity=entity.id,
            field=field,
            value=held.value if held else None,
            deleted=entity.deleted,
            author=held.author if held else "",
            set_by=held.seq if held else 0,
            register=f"opted out since {moment(opt_out.since)}, told by {opt_out.app}" if opt_out else "",
            steps=tuple(_steps(tx, entries, field)),
            mappings=Versions(tx, sync.name).among(entries),
            apps=tuple(holdings(tx, sync, entity, sync.rules[field])),
            waiting=work_of(tx, [item for item in parked if item.field in ("", field)]),
        )


def _entries(tx: Transaction, entity: Entity, field: str) -> list[Entry]:
    """The entries about the field, and those that brought them about, in order."""
    known: dict[int, Entry] = {e.seq: e for e in tx.log.find(entity=entity.id, field=field, limit=_ALL)}
    asked = [entry.cause for entry in known.values()]
    while asked:
        seq = asked.pop()
        entry = None if seq is None or seq in known else tx.log.get(seq)
        if entry is not None:
            known[entry.seq] = entry
            asked.append(entry.cause)
    return [known[seq] for seq in sorted(known)]


def _steps(tx: Transaction, entries: Sequence[Entry], field: str) -> Iterable[Step]:
    known = {entry.seq: entry for entry in entries}

    def author_of(seq: int) -> str:
        entry = known.get(seq) or tx.log.get(seq)
        return entry.app if entry else ""

    for entry in entries:
        yield Step(
            seq=entry.seq,
            at=moment(entry.at),
            event=entry.event.value,
            app=entry.app,
            text=tell_field(entry, field, author_of),
            cause=entry.cause,
        )


def holdings(tx: Transaction, sync: Sync, entity: Entity, rule: FieldRule) -> Iterable[Holding]:
    """What each app of the sync holds of one field, and what will be written there next."""
    links: dict[str, list[Link]] = {}
    for link in tx.links.of(entity.id):
        links.setdefault(link.ref.app, []).append(link)
    for app in sync.apps:
        own = sorted(links.get(app, ()), key=lambda link: link.state is LinkState.GONE)
        yield _holding(tx, sync, entity, rule, app, own)


def _holding(tx: Transaction, sync: Sync, entity: Entity, rule: FieldRule, app: str, links: Sequence[Link]) -> Holding:
    doubtful = entity.id in tx.intents.of_entities([entity.id], app)
    link = links[0] if links else None
    if link is None:
        coming = tx.deliveries.get(sync.name, app, entity.id) is not None
        note = "a record will be made" if coming else "it has no record there, and none is due"
        state = "doubtful" if doubtful else "none"
        return Holding(app=app, record="", state=state, raw={}, shows=None, sent=None, next=note)
    lens = rule.lenses.get(app)
    raw = {name: link.seen[name] for name in lens.window if name in link.seen} if lens else {}
    shown = base(rule, link, entity.fields) if lens else None
    return Holding(
        app=app,
        record=str(link.ref),
        state="doubtful" if doubtful else link.state.value,
        raw=raw,
        shows=None if isinstance(shown, Absent | Misfit) else shown,
        sent=link.sent.get(rule.name),
        next=_next(tx, sync, entity, rule, link),
    )


def _next(tx: Transaction, sync: Sync, entity: Entity, rule: FieldRule, link: Link) -> str:
    app = link.ref.app
    if app not in rule.lenses:
        return "the field is not mapped there"
    if rule.ways[app] is Way.READ:
        return "it is only read there"
    if link.state is not LinkState.LIVE:
        return f"nothing: the record is {link.state.value.replace('_', ' ')}"
    work = tx.parked.of([entity.id]).get(entity.id, [])
    parked = frozen(sync, work, entity, app)
    if rule.name in parked:
        return "nothing until a person has decided"
    due = link.owed(entity, sync, parked)
    if rule.name not in due:
        return "nothing: it is up to date"
    return f"{said(due[rule.name])} will be written"
