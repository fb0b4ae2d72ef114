"""Work that waits for a person: what there is, and answering it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from syncd.console.status import moment
from syncd.console.tell import said
from syncd.core.entity import base
from syncd.core.fieldmap import FieldRule, Sync, Way
from syncd.core.lens import Misfit
from syncd.core.record import Absent, EntityId, Value
from syncd.engine.decide import approve, drop_hold, resolve_conflict, retry
from syncd.engine.masses import let_through, put_aside
from syncd.engine.whose import belongs, is_apart
from syncd.engine.world import World
from syncd.errors import ConfigError, SyncdError
from syncd.mapping.lenses import Single
from syncd.mapping.types import TYPES, Options
from syncd.spelling import suggest
from syncd.store.ports import Storage, Transaction
from syncd.store.values import Parked, ParkedKind

__all__ = [
    "CONFLICTS",
    "HOLDS",
    "QUARANTINE",
    "Answered",
    "Work",
    "apart_all",
    "approve_all",
    "belongs_to",
    "open_work",
    "refuse_hold",
    "resolve_agreed",
    "resolve_from",
    "resolve_to",
    "retry_all",
    "typed",
    "work_of",
]

CONFLICTS: Final = (ParkedKind.CONFLICT, ParkedKind.OPT_IN, ParkedKind.BLANK, ParkedKind.LOOP)
HOLDS: Final = (ParkedKind.HOLD, ParkedKind.GUARD)
QUARANTINE: Final = (ParkedKind.QUARANTINE, ParkedKind.AMBIGUOUS, ParkedKind.DUPLICATE)

_MOST = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One piece of open work."""

    id: int
    kind: str
    sync: str
    app: str
    record: str
    entity: str
    label: str
    """What people know the entity by."""
    field: str
    reason: str
    ours: Any
    """The agreed value, for a contested field."""
    theirs: Any
    """The app's own value, for a contested field; the value refused, in quarantine."""
    detail: Mapping[str, Any]
    opened: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came of an answer. `error`: why it could not be given."""

    id: int
    done: bool
    note: str = ""
    error: str = ""
    code: int = 0
    """The exit code that it would have by itself."""


def open_work(store: Storage, kinds: Sequence[ParkedKind], *, sync: str = "") -> tuple[Work, ...]:
    """Open work of these kinds, oldest first."""
    with store.read() as tx:
        return work_of(tx, tx.parked.open(kinds, sync=sync, limit=_MOST))


def work_of(tx: Transaction, items: Iterable[Parked]) -> tuple[Work, ...]:
    """Parked work for a person."""
    parked = list(items)
    labels = tx.entities.labels([item.entity for item in parked if item.entity])
    return tuple(
        Work(
            id=item.id,
            kind=item.kind.value,
            sync=item.sync,
            app=item.app,
            record=str(item.ref) if item.ref else "",
            entity=item.entity or "",
            label=labels.get(item.entity, "") if item.entity else "",
            field=item.field,
            reason=item.reason,
            ours=item.detail.get("ours"),
            theirs=item.detail.get("theirs", item.detail.get("value")),
            detail=item.detail,
            opened=moment(item.opened),
        )
        for item in parked
    )


def resolve_to(world: World, id: int, text: str, *, by: str) -> Answered:
    """Let a value that a person typed stand everywhere. Raises ConfigError if it is none for the field."""
    sync, work = _contested(world, id)
    rule = sync.rules[work.field]
    value = typed(rule, text)
    _can_be_held(rule, value, rule.lenses)
    return _decided(world, id, value, by)


def _can_be_held(rule: FieldRule, value: Value, apps: Iterable[str]) -> None:
    """Raises ConfigError where an app that would be written to cannot hold the value."""
    for app in apps:
        put = rule.lenses[app].put(value, {}) if rule.ways[app] is not Way.READ else {}
        if isinstance(put, Misfit):
            raise ConfigError(f"{app} cannot hold {said(value)} as {rule.name}: {put.reason}")


def resolve_from(world: World, id: int, app: str, *, by: str) -> Answered:
    """Let the value that an app shows stand everywhere. Raises ConfigError if it shows none."""
    sync, work = _contested(world, id)
    rule = sync.rules[work.field]
    if app not in rule.lenses:
        raise ConfigError(f'{work.field} is not kept in "{app}"', hint=suggest(app, rule.lenses))
    with world.store.read() as tx:
        entity = tx.entities.get(work.entity) if work.entity else None
        link = tx.links.at(entity.id, app) if entity else None
        shown = base(rule, link, entity.fields) if entity and link else None
    if entity is None or link is None or isinstance(shown, Absent | Misfit):
        raise ConfigError(f"{app} shows no value of {work.field} that makes sense", hint="say --value VALUE instead")
    _can_be_held(rule, shown, [other for other in rule.lenses if other != app])
    return _decided(world, id, shown, by)


def resolve_agreed(world: World, id: int, *, by: str) -> Answered:
    """Let the value that is agreed now stand everywhere."""
    _, work = _contested(world, id)
    with world.store.read() as tx:
        value = tx.entities.get(work.entity).value(work.field) if work.entity else None
    return _decided(world, id, value, by)


def approve_all(world: World, ids: Sequence[int], *, by: str) -> tuple[Answered, ...]:
    """Say yes to what is held, one after another; one that cannot be answered never stops the others."""

    def answer(id: int) -> str:
        if _guarded(world, id):
            let_through(world, id, by=by)
            return "the app goes on, and what it shows is taken in"
        gone = approve(world, id, by=by)
        return "the delete will be carried out" if gone else "a person has edited it since: it stays"

    return tuple(_tried(id, answer) for id in ids)


def refuse_hold(world: World, id: int, *, by: str) -> Answered:
    """Say no to what is held. Raises ConfigError if there is nothing of this number, Halted if it was answered."""
    if _guarded(world, id):
        back = put_aside(world, id, by=by)
        taken = f"; {back} records were taken in before, and are as they were" if back else ""
        return Answered(id=id, done=True, note=f"the app goes on, and what it shows of that is put aside{taken}")
    drop_hold(world, id, by=by)
    return Answered(id=id, done=True, note="the record will be made again where it was deleted")


def _guarded(world: World, id: int) -> bool:
    with world.store.read() as tx:
        work = tx.parked.get(id)
    return work is not None and work.kind is ParkedKind.GUARD


def belongs_to(world: World, id: int, whom: EntityId, *, by: str) -> Answered:
    """Say whose a record is. Raises as `belongs` does."""
    seq = belongs(world, id, whom, by=by)
    return Answered(id=id, done=True, note=f"theirs, by entry {seq}; it is taken in as on first contact")


def apart_all(world: World, ids: Sequence[int], *, by: str) -> tuple[Answered, ...]:
    """Say of second records that they are somebody else's; one that cannot be answered never stops the others."""

    def answer(id: int) -> str:
        seq = is_apart(world, id, by=by)
        return f"somebody else's, by entry {seq}; it is left alone, and not asked about again"

    return tuple(_tried(id, answer) for id in ids)


def retry_all(world: World, ids: Sequence[int], *, by: str) -> tuple[Answered, ...]:
    """Try quarantined work again; one that cannot be answered never stops the others."""

    def answer(id: int) -> str:
        retry(world, id, by=by)
        return "will be tried again"

    return tuple(_tried(id, answer) for id in ids)


def _tried(id: int, answer: Callable[[int], str]) -> Answered:
    try:
        return Answered(id=id, done=True, note=answer(id))
    except SyncdError as error:
        return Answered(id=id, done=False, error=error.message, code=error.exit_code)


def _contested(world: World, id: int) -> tuple[Sync, Parked]:
    with world.store.read() as tx:
        work = tx.parked.get(id)
    if work is None or work.kind not in CONFLICTS:
        raise ConfigError(f"there is no conflict with number {id}", hint="see: syncd conflicts")
    if work.sync not in world.syncs or work.field not in world.syncs[work.sync].rules:
        raise ConfigError(f"the configuration has no {work.sync}.{work.field} any more")
    return world.syncs[work.sync], work


def typed(rule: FieldRule, text: str) -> Value:
    """A typed value in canonical form; an empty text is blank, and commas separate several choices.

    Raises ConfigError if it is none for the field.
    """
    given: Value = tuple(part.strip() for part in text.split(",")) if rule.type == "choices" and text else text
    options = next((lens.options for lens in rule.lenses.values() if isinstance(lens, Single)), Options())
    value = TYPES[rule.type].clean(given, options)
    if isinstance(value, Misfit):
        raise ConfigError(f'"{text}" is no value for {rule.name}: {value.reason}')
    return value


def _decided(world: World, id: int, value: Value, by: str) -> Answered:
    seq = resolve_conflict(world, id, value, by=by)
    return Answered(id=id, done=True, note=f"decided in entry {seq}; it will be written wherever it differs")
