"""A full comparison: everything that the apps show now against what is agreed, and why it differs where it does.

Nothing is taken in and nothing is written, neither to an app nor, of people's data, to the store. What is found is told
by record, field and cause; values only to those who ask for them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from syncd.core.entity import Entity, Link, LinkState
from syncd.core.fieldmap import FieldRule, Sync, Way, told
from syncd.core.lens import Misfit, View, view
from syncd.core.match import keys
from syncd.core.record import Absent, Record, Ref, Value
from syncd.engine import apart, calls
from syncd.engine.debts import frozen, lacks, waits
from syncd.engine.findings import Audit, Cause, Coverage, Difference, Invalid, Option, Twins
from syncd.engine.world import Tally, World
from syncd.errors import ConnectorError
from syncd.sdk.contract import Page
from syncd.store.codec import plain
from syncd.store.ports import Transaction
from syncd.store.values import Parked, ParkedKind

__all__ = ["audit"]

_BATCH: Final = 200
_CHECKED: Final = ("email", "phone")


@dataclass
class _Found:
    """What is being found in one app of one sync."""

    sync: Sync
    app: str
    values: bool
    records: int = 0
    unlinked: int = 0
    listed: set[Ref] = field(default_factory=set)
    filled: Counter[str] = field(default_factory=Counter)
    keyed: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    unpaired: Counter[tuple[str, str]] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    invalid: list[Invalid] = field(default_factory=list)

    def differs(self, ref: Ref | None, entity: Entity, name: str, cause: Cause, shown: View = None) -> None:
        """Note a difference."""
        seen = shown.found if isinstance(shown, Misfit) else None if isinstance(shown, Absent) else plain(shown)
        self.differences.append(
            Difference(
                sync=self.sync.name,
                app=self.app,
                record=str(ref) if ref else "",
                entity=entity.id,
                field=name,
                cause=cause,
                agreed=plain(entity.value(name)) if self.values and name else None,
                shown=seen if self.values else None,
            )
        )


def audit(
    world: World, syncs: Sequence[str], *, values: bool = False, progress: Callable[[Tally], None] = lambda _: None
) -> Audit:
    """Compare everything that these syncs keep. `values`: tell values of people's records as well.

    `progress` is told how many records were looked at. An app that is paused, or cannot be listed, is left out.
    """
    began, found, unseen = world.clock.now(), list[_Found](), dict[str, str]()
    for name in syncs:
        sync = world.syncs[name]
        for app in sync.apps:
            part = _Found(sync, app, values)
            reason = _looked_through(world, part, partial(_tell, progress, sum(len(one.listed) for one in found)))
            if reason:
                unseen[app] = reason
                continue
            found.append(part)
            _unlisted(world, part)
        _lacking(world, sync, [part for part in found if part.sync is sync])
    return Audit(
        at=began,
        unseen=unseen,
        records=_by_sync(found, lambda part: part.records),
        unlinked=_by_sync(found, lambda part: part.unlinked),
        differences=tuple(one for part in found for one in part.differences),
        duplicates=tuple(twins for part in found for twins in _twins(part)),
        invalid=tuple(one for part in found for one in part.invalid),
        options=tuple(option for part in found for option in _options(world, part)),
        coverage=tuple(one for part in found for one in _coverage(part)),
    )


def _tell(progress: Callable[[Tally], None], before: int, listed: int) -> None:
    progress(Tally(read=before + listed))


def _looked_through(world: World, part: _Found, progress: Callable[[int], None]) -> str:
    """List an app to the end, and compare. Why that cannot be done; "" if it was."""
    sync, app = part.sync, part.app
    with world.store.read() as tx:
        paused = tx.apps.get(app).paused
    if paused:
        return f"it is paused: {paused.splitlines()[0]}"
    pages, complete = calls.changes(world, app, sync.apps[app], None), False
    try:
        while True:
            with world.apps[app].turn:  # nothing is written there between what is shown and what is known
                page = next(pages, None)
                if page is None:
                    return "" if complete else "its listing does not come to an end"
                complete = page.complete
                _compare(world, part, _facts(world, sync, app, page))
            progress(len(part.listed))
    except ConnectorError as failed:
        return failed.message


def _by_sync(found: Sequence[_Found], count: Callable[[_Found], int]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for part in found:
        counts[part.sync.name][part.app] = count(part)
    return dict(counts)


def _facts(world: World, sync: Sync, app: str, page: Page) -> Sequence[Record]:
    """The records of a page, read by id where rows are no facts. What cannot be read is left out."""
    rows = [row for row in page.rows if isinstance(row, Record)]
    if page.facts or not rows:
        return rows
    found = apart.read(world, sync, app, [row.ref for row in rows]).found
    return [fact for fact in found.values() if isinstance(fact, Record)]


def _compare(world: World, part: _Found, facts: Sequence[Record]) -> None:
    """Look at these records, against what the store knows of them at this moment."""
    sync, app = part.sync, part.app
    with world.store.read() as tx:
        tx.links.load(sync.name, [fact.ref for fact in facts])
        links = {fact.ref: tx.links.get(sync.name, fact.ref) for fact in facts}
        known = [link.entity for link in links.values() if link is not None]
        tx.entities.load(known)
        tx.links.load_of(known)
        work = tx.parked.of(known)
        writing = tx.intents.of_refs(app, [fact.ref for fact in facts])
        for fact in facts:
            if fact.ref in part.listed:
                continue  # it has changed while it was listed, and is listed again
            part.listed.add(fact.ref)
            link = links[fact.ref]
            if link is None and _is_none_of_ours(part, fact):
                continue
            part.records += 1
            _measure(part, fact)
            if link is None or link.state is LinkState.GONE:
                part.unlinked += 1
                continue
            due = tx.deliveries.get(sync.name, app, link.entity) is not None
            tie = _Tie(
                tx.entities.get(link.entity), link, work.get(link.entity, []), doubt=fact.ref in writing, due=due
            )
            for rule in sync.mapped(app):
                _field(part, tie, fact, rule)


def _is_none_of_ours(part: _Found, fact: Record) -> bool:
    wants = part.sync.filters.get(part.app)
    return wants is not None and not wants(told(part.sync, fact))


def _measure(part: _Found, fact: Record) -> None:
    """What is said of a record by itself: filled fields, keys, values that are none."""
    app, own = part.app, told(part.sync, fact)
    part.filled.update(name for name, value in own.items() if value is not None)
    for name, value in keys(part.sync, own)[:1]:
        part.keyed[name, value].append(str(fact.ref))
    for rule in part.sync.mapped(app):
        seen = view(rule.lenses[app], fact.fields, {})
        if isinstance(seen, Misfit) and rule.type in _CHECKED:
            value = seen.found if part.values else ""
            part.invalid.append(
                Invalid(
                    sync=part.sync.name, app=app, record=str(fact.ref), field=rule.name, type=rule.type, value=value
                )
            )
        elif isinstance(seen, Misfit) and _has_options(rule):
            part.unpaired[rule.name, seen.found] += 1


def _has_options(rule: FieldRule) -> bool:
    return rule.type in ("choice", "choices")


@dataclass(frozen=True, slots=True)
class _Tie:
    """What the store knows of a linked record."""

    entity: Entity
    link: Link
    work: Sequence[Parked]
    doubt: bool
    """A write to it is open."""
    due: bool
    """The app is owed something about it."""


def _field(part: _Found, tie: _Tie, fact: Record, rule: FieldRule) -> None:
    lens, fields = rule.lenses[part.app], tie.entity.fields
    shown = view(lens, fact.fields, fields)
    wanted = rule.computed.compute(fields) if rule.computed else tie.entity.value(rule.name)
    if isinstance(shown, Absent) or isinstance(wanted, Misfit) or shown == wanted:
        return
    if rule.consent and shown is not True and wanted is not True:
        return
    known = view(lens, tie.link.seen, fields) == shown
    if known and (rule.ways[part.app] is Way.READ or (rule.computed is None and rule.name not in tie.entity.held)):
        return  # what it says was taken in, and it is never told; or nothing was ever agreed
    part.differs(fact.ref, tie.entity, rule.name, _cause(part, tie, rule, shown, wanted, known=known), shown)


def _cause(part: _Found, tie: _Tie, rule: FieldRule, shown: View, wanted: Value, *, known: bool) -> Cause:
    """Why the app shows it."""
    name, app, link = rule.name, part.app, tie.link
    refused = [item for item in tie.work if item.kind is ParkedKind.QUARANTINE and item.app == app and item.ref is None]
    if tie.doubt:
        return Cause.DOUBT
    if isinstance(shown, Misfit):
        return Cause.OPTION if _has_options(rule) else Cause.MISFIT
    if not known:
        return Cause.EDITED
    if any(item.field in (name, "") for item in refused):
        return Cause.REFUSED
    if name in frozen(part.sync, list(tie.work), tie.entity, app):
        return Cause.PARKED
    if link.state is LinkState.OUT_OF_SCOPE:
        return Cause.FILTER
    if name in link.sent and link.sent[name] == wanted:
        return Cause.COERCED
    return Cause.OWED if tie.due else Cause.DRIFT


def _unlisted(world: World, part: _Found) -> None:
    """Records that are linked, and that a listing of everything has not shown."""
    sync, app = part.sync, part.app
    with world.store.read() as tx:
        for link in tx.links.all(sync.name):
            if link.ref.app == app and link.state is LinkState.LIVE and link.ref not in part.listed:
                part.differs(link.ref, tx.entities.get(link.entity), "", Cause.MISSING)


def _lacking(world: World, sync: Sync, found: Sequence[_Found]) -> None:
    """Entities that an app should have a record of, and has none."""
    with world.store.read() as tx:
        everybody = [entity for entity in tx.entities.all(sync.name) if not entity.deleted]
        tx.links.load_of([entity.id for entity in everybody])
        for part in found:
            rivals = {id for work in tx.parked.rivals(part.app) for id in work.concerned}
            for entity in everybody:
                cause = _absence(tx, sync, entity, part.app, rivals)
                if cause is not None:
                    part.differs(None, entity, "", cause)


def _absence(tx: Transaction, sync: Sync, entity: Entity, app: str, rivals: Collection[str]) -> Cause | None:
    """Why the app has no record; None where it is to have none."""
    if tx.links.at(entity.id, app) is not None:
        return None
    work = tx.parked.of([entity.id]).get(entity.id, [])
    if not lacks(tx, sync, entity, app, work):
        return Cause.PARKED if waits(work) else None
    if tx.intents.of_entities([entity.id], app):
        return Cause.DOUBT
    if any(item.kind is ParkedKind.QUARANTINE and item.app == app for item in work):
        return Cause.REFUSED
    if entity.id in rivals:
        return Cause.PARKED
    return Cause.ABSENT if tx.deliveries.get(sync.name, app, entity.id) is not None else Cause.DRIFT


def _twins(part: _Found) -> Iterator[Twins]:
    for (name, value), records in part.keyed.items():
        if len(records) > 1:
            yield Twins(
                sync=part.sync.name,
                app=part.app,
                field=name,
                records=tuple(records),
                value=value if part.values else "",
            )


def _options(world: World, part: _Found) -> Iterator[Option]:
    """Options that the app offers, and values that its records have, without a canonical one."""
    known = world.object(part.sync, part.app).fields
    for rule in part.sync.mapped(part.app):
        if not _has_options(rule):
            continue
        lens = rule.lenses[part.app]
        there = known[lens.window[0]].options if lens.window[0] in known else ()
        offered = {str(one.value) for one in there if isinstance(lens.get({lens.window[0]: one.value}, {}), Misfit)}
        had = {option for name, option in part.unpaired if name == rule.name}
        for option in sorted(offered | had):
            count = part.unpaired[rule.name, option]
            yield Option(sync=part.sync.name, app=part.app, field=rule.name, option=option, records=count)


def _coverage(part: _Found) -> Iterator[Coverage]:
    for rule in part.sync.mapped(part.app):
        filled = part.filled[rule.name]
        yield Coverage(sync=part.sync.name, app=part.app, field=rule.name, filled=filled, records=part.records)
