"""Calls to a connector, with references in the engine's own terms.

A field that points to another record holds, outside, that record's id in the app; inside, the id of its entity: the
same in every app. The border is here. A reference to a record that syncd does not know (yet) is not shown at all; one
that has no record in the app (yet) is not owed, see `reachable`. Ties between records are fields named `@object`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from traceback import extract_tb
from typing import Final

from syncd.core.bounds import bounded
from syncd.core.entity import Link, LinkState
from syncd.core.fieldmap import Sync
from syncd.core.match import Key
from syncd.core.record import (
    ABSENT,
    Create,
    Cursor,
    EntityId,
    Fields,
    Gone,
    Merged,
    Outcome,
    Raw,
    Record,
    Ref,
    Refused,
    Stored,
    Unknown,
    Unsent,
    Update,
    Write,
)
from syncd.engine.world import World
from syncd.errors import BrokenProtocol, ConnectorError
from syncd.sdk.contract import Associates, Dissociates, Page
from syncd.sdk.ties import tied_to
from syncd.store.ports import Transaction

__all__ = ["changes", "reachable", "read", "reference_keys", "references", "understood", "write"]

_BUGS: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a connector raises that stumbles over an answer."""
_SAID: Final = 2000
"""Characters of what an app says of a write."""


@contextmanager
def understood(app: str) -> Iterator[None]:
    """What a connector raises by mistake is an answer that it does not know. Raises BrokenProtocol."""
    try:
        yield
    except _BUGS as bug:
        place = extract_tb(bug.__traceback__)[-1]
        # The message of the error may hold a person's data; where it happened does not.
        where = f"{Path(place.filename).name}:{place.lineno}"
        raise BrokenProtocol(
            f"{app}: the connector stumbles over an answer ({type(bug).__name__} in {where})",
            hint="this is a mistake in the connector: report it",
        ) from bug


def changes(world: World, app: str, object: str, since: Cursor | None) -> Iterator[Page]:
    """The connector's pages."""
    pages = iter(world.apps[app].connector.changes(object, since))
    while True:
        with understood(app):
            page = next(pages, None)
        if page is None:
            return
        page = replace(page, rows=_bounded(page.rows))
        if not page.facts or not references(world, app):
            yield page
            continue
        shown = {row.ref: row for row in _inward(world, app, [row for row in page.rows if isinstance(row, Record)])}
        yield replace(page, rows=tuple(shown.get(row.ref, row) for row in page.rows))


def read(world: World, app: str, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
    """Facts by id."""
    with understood(app):
        found = _kept(world.apps[app].connector.read(refs))
    if not references(world, app):
        return found
    shown = {r.ref: r for r in _inward(world, app, [r for r in found.values() if isinstance(r, Record)])}
    return {ref: shown.get(fact.ref, fact) if isinstance(fact, Record) else fact for ref, fact in found.items()}


def write(world: World, app: str, writes: Sequence[Write]) -> Sequence[Outcome]:
    """Writes, then the ties that were among their fields."""
    pointing = references(world, app)
    if not pointing:
        with understood(app):
            return [_short(outcome) for outcome in world.apps[app].connector.write(writes)]
    plain, ties, cuts = _outward(world, app, writes, pointing)
    silent = {w.key for w in plain if isinstance(w, Update) and not w.patch}
    with understood(app):
        outcomes = {
            o.key: _short(o) for o in world.apps[app].connector.write([w for w in plain if w.key not in silent])
        }
    outcomes |= {w.key: Stored(w.key, w.ref) for w in plain if isinstance(w, Update) and w.key in silent}
    for key, pairs in ties.items():
        outcomes[key] = _tied(world, app, outcomes[key], pairs)
    for key, objects in cuts.items():
        outcomes[key] = _untied(world, app, outcomes[key], objects)
    records = [o.record for o in outcomes.values() if isinstance(o, Stored) and o.record is not None]
    shown = {record.ref: record for record in _translated(world, app, records, pointing)}
    return [
        replace(o, record=shown[o.record.ref]) if isinstance(o, Stored) and o.record is not None else o
        for o in outcomes.values()
    ]


def _bounded(rows: Iterable[Record | Gone | Merged]) -> tuple[Record | Gone | Merged, ...]:
    return tuple(bounded(row) if isinstance(row, Record) else row for row in rows)


def _kept(found: Mapping[Ref, Record | Gone | Merged]) -> Mapping[Ref, Record | Gone | Merged]:
    return {ref: bounded(fact) if isinstance(fact, Record) else fact for ref, fact in found.items()}


def _short(outcome: Outcome) -> Outcome:
    """No longer than it may be kept."""
    match outcome:
        case Stored(record=Record() as record):
            return replace(outcome, record=bounded(record))
        case Refused(reason=reason) | Unknown(reason=reason) | Unsent(reason=reason):
            said = reason.replace("\x00", "\N{REPLACEMENT CHARACTER}")
            return replace(outcome, reason=said if len(said) <= _SAID else f"{said[:_SAID]}…")
    return outcome


def reachable(tx: Transaction, sync: Sync, app: str, wanted: Fields) -> Fields:
    """`wanted` without references to entities that have no record in this app yet."""
    kept = {}
    for name, value in wanted.items():
        target = sync.rules[name].refers
        link = tx.links.at(EntityId(str(value)), app) if target and value else None
        if not target or not value or (link is not None and link.state is not LinkState.GONE):
            kept[name] = value
    return kept


def reference_keys(sync: Sync, fields: Fields) -> tuple[Key, ...]:
    """How those who point to an entity are found, once it has a record in one more app."""
    return tuple(
        (f"reference:{rule.refers}", str(fields[name]))
        for name, rule in sync.rules.items()
        if rule.refers and fields.get(name)
    )


def references(world: World, app: str) -> dict[tuple[str, str], str]:
    """Object and field of the app to the sync whose entities the field points to."""
    return {
        (sync.apps[app], field): rule.refers
        for sync in world.syncs.values()
        if app in sync.apps
        for rule in sync.mapped(app)
        if rule.refers
        for field in rule.lenses[app].window
    }


def _inward(world: World, app: str, records: Sequence[Record]) -> list[Record]:
    pointing = references(world, app)
    return _translated(world, app, _with_ties(world, app, records, pointing), pointing)


def _with_ties(
    world: World, app: str, records: Sequence[Record], pointing: Mapping[tuple[str, str], str]
) -> list[Record]:
    """The records with the ties that a mapping asks for, each the first that the app names."""
    connector = world.apps[app].connector
    shown = {record.ref: record for record in records}
    for object, field in pointing:
        to, refs = tied_to(field), [ref for ref in shown if ref.object == object]
        if not to or not refs or not isinstance(connector, Associates):
            continue
        with understood(app):
            tied = connector.associated(refs, to)
        for ref, ends in tied.items():
            tie = ends[0].id if ends else None
            shown[ref] = replace(shown[ref], fields={**shown[ref].fields, field: tie})
    return list(shown.values())


def _translated(
    world: World, app: str, records: Sequence[Record], pointing: Mapping[tuple[str, str], str]
) -> list[Record]:
    """The records with entities in place of ids; a reference to an unknown record is taken out."""
    if not pointing:
        return list(records)
    fallen = _fallen_away(world, app, records)
    known = [_without(record, {name for ref, name in fallen if ref == record.ref}) for record in records]
    by_target: dict[str, list[Ref]] = defaultdict(list)
    for record in known:
        for (object, field), target in pointing.items():
            ref = _target(world, app, target, record.fields.get(field))
            if object == record.ref.object and ref is not None:
                by_target[target].append(ref)
    with world.store.read() as tx:
        links: dict[tuple[str, Ref], Link | None] = {}
        for target, refs in by_target.items():
            tx.links.load(target, refs)
            links |= {(target, ref): tx.links.get(target, ref) for ref in refs}
    return [_one_inward(world, app, record, pointing, links) for record in known]


def _without(record: Record, names: Collection[str]) -> Record:
    if not names:
        return record
    return replace(record, fields={name: raw for name, raw in record.fields.items() if name not in names})


def _fallen_away(world: World, app: str, records: Sequence[Record]) -> set[tuple[Ref, str]]:
    """References that are empty only since what they pointed to is gone: nobody has emptied them, so none is shown.

    The app empties them at once; that the record is gone is found out, and believed, only later.
    """
    pointed: dict[tuple[Ref, str], Ref] = {}
    with world.store.read() as tx:
        for sync in [sync for sync in world.syncs.values() if app in sync.apps]:
            fields = [name for rule in sync.mapped(app) if rule.refers for name in rule.lenses[app].window]
            own = [record for record in records if record.ref.object == sync.apps[app]]
            empty = [(one.ref, name) for one in own for name in fields if one.fields.get(name, ABSENT) in (None, "")]
            tx.links.load(sync.name, [ref for ref, _ in empty])
            for ref, name in empty:
                link = tx.links.get(sync.name, ref)
                end = tx.links.at(EntityId(str(link.seen[name])), app) if link and link.seen.get(name) else None
                if end is not None:
                    pointed[ref, name] = end.ref
    if not pointed:
        return set()
    try:
        with understood(app):
            found = world.apps[app].connector.read(list(dict.fromkeys(pointed.values())))
    except ConnectorError:
        return set(pointed)  # nobody knows: they are looked at again, for they are not as they were seen
    return {shown for shown, end in pointed.items() if isinstance(found.get(end), Gone)}


def _one_inward(
    world: World,
    app: str,
    record: Record,
    pointing: Mapping[tuple[str, str], str],
    links: Mapping[tuple[str, Ref], Link | None],
) -> Record:
    fields = dict(record.fields)
    for (object, field), target in pointing.items():
        if object != record.ref.object or field not in fields:
            continue
        ref = _target(world, app, target, fields[field])
        if ref is None:
            continue
        link = links.get((target, ref))
        if link is None or link.state is LinkState.GONE:
            del fields[field]
        else:
            fields[field] = str(link.entity)
    return replace(record, fields=fields)


def _target(world: World, app: str, target: str, raw: Raw) -> Ref | None:
    sync = world.syncs.get(target)
    if raw in (None, "") or sync is None or app not in sync.apps:
        return None
    return Ref(app, sync.apps[app], str(raw))


def _outward(
    world: World, app: str, writes: Sequence[Write], pointing: Mapping[tuple[str, str], str]
) -> tuple[list[Write], dict[str, list[Ref]], dict[str, list[str]]]:
    """The writes with ids in place of entities; apart from them, by the key of their write, whom to tie to, and to
    which object there shall be no tie any more."""
    plain: list[Write] = []
    ties: dict[str, list[Ref]] = defaultdict(list)
    cuts: dict[str, list[str]] = defaultdict(list)
    with world.store.read() as tx:
        for write in writes:
            if not isinstance(write, Create | Update):
                plain.append(write)
                continue
            object = write.object if isinstance(write, Create) else write.ref.object
            fields = dict(write.fields if isinstance(write, Create) else write.patch)
            for field in [name for name in fields if tied_to(name) and not fields[name]]:
                del fields[field]
                if isinstance(write, Update):
                    cuts[write.key].append(tied_to(field))
            for field in [name for name in fields if (object, name) in pointing and fields[name]]:
                link = tx.links.at(EntityId(str(fields[field])), app)
                if tied_to(field):
                    del fields[field]
                    ties[write.key] += [link.ref] if link else []
                elif link is not None:
                    fields[field] = link.ref.id
            plain.append(replace(write, fields=fields) if isinstance(write, Create) else replace(write, patch=fields))
    return plain, ties, cuts


def _tied(world: World, app: str, outcome: Outcome, ends: Sequence[Ref]) -> Outcome:
    """Tie a record that was just stored. What fails here is looked at again: the fields stand already."""
    connector = world.apps[app].connector
    if not isinstance(outcome, Stored) or not isinstance(connector, Associates):
        return outcome
    try:
        connector.associate([(outcome.ref, end) for end in ends])
    except ConnectorError as failed:
        return Unknown(outcome.key, f"stored, but not tied: {failed.message}")
    return replace(outcome, record=None)  # the answer does not show the tie: it is read back


def _untied(world: World, app: str, outcome: Outcome, objects: Sequence[str]) -> Outcome:
    """Untie a record from the one that it shows; if it has further ties, the app shows the next of them."""
    connector = world.apps[app].connector
    if not (isinstance(outcome, Stored) and isinstance(connector, Associates) and isinstance(connector, Dissociates)):
        return outcome
    try:
        for object in objects:
            ends = connector.associated([outcome.ref], object).get(outcome.ref, ())
            connector.dissociate([(outcome.ref, end) for end in ends[:1]])
    except ConnectorError as failed:
        return Unknown(outcome.key, f"stored, but not untied: {failed.message}")
    return replace(outcome, record=None)
