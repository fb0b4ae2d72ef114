"""Taking in what an app has changed: hints lead to reads, reads to facts, a page to a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from syncd.core.entity import Link, LinkState
from syncd.core.fieldmap import Sync, told
from syncd.core.match import keys
from syncd.core.record import Gone, Merged, Record, Ref
from syncd.engine import apart, calls, guards
from syncd.engine.forgotten import held_back, let_go
from syncd.engine.fuse import follow_merge
from syncd.engine.gone import probe
from syncd.engine.reckoning import reckon
from syncd.engine.setback import counts
from syncd.engine.take import LISTED, READ, take
from syncd.engine.world import Tally, World
from syncd.sdk.contract import Deletes, Page
from syncd.store.ports import Transaction
from syncd.store.values import Progress

__all__ = ["pull", "read_hints", "unswept"]

_HINTS = 200


def pull(world: World, sync: Sync, app: str, *, whole: bool = False) -> Tally:
    """List what may have changed since last time, or everything, and fold it in.

    Raises Tripped when a guard trips: a listing that lacks most records, too many that changed, came or went.
    """
    reckon(world, sync)
    with world.store.begin() as tx:
        progress = tx.cursors.get(sync.name, app)
        incremental = world.object(sync, app).capabilities.incremental
        resumes = incremental and not whole and progress.listed_at is not None and counts(tx, progress)
        since = progress.cursor if resumes else None
        sweep = int(tx.meta.get("sweep") or 0) + 1
        if since is None:
            tx.meta.put("sweep", str(sweep))
    port, tally, complete = world.apps[app], Tally(), False
    pages: Iterator[Page] = calls.changes(world, app, sync.apps[app], since)
    while True:
        with port.turn, world.spans.span("pull page", app=app, sync=sync.name) as span:
            page = next(pages, None)
            if page is None:
                break
            span.note(rows=len(page.rows))
            tally += _page(world, sync, app, page, sweep if since is None else None)
            complete = complete or page.complete
    shows_deletes = world.object(sync, app).capabilities.deletes is not Deletes.HIDDEN
    if since is None and complete and shows_deletes:
        with port.turn:
            tally += _absent(world, sync, app, sweep, tally.read)
    if since is None and complete:
        _held(world, sync, app)
    if complete or since is not None:
        guards.listed(world, sync, app, anew=progress.listed_at is None)
    return tally


def read_hints(world: World, app: str) -> Tally:
    """Read the records that a webhook, or syncd itself, said to read again; every sync that has them is told."""
    tally = Tally()
    for object in dict.fromkeys(sync.apps[app] for sync in world.syncs.values() if app in sync.apps):
        with world.apps[app].turn:
            with world.store.read() as tx:
                refs, asked = tx.hints.due(app, object, tx.now, _HINTS), tx.now
            if not refs:
                continue
            unasked: set[Ref] = set()
            for sync in world.syncs.values():
                if sync.apps.get(app) == object:
                    done, left = _facts_of(world, sync, app, refs)
                    tally += done
                    unasked |= left
            with world.store.begin() as tx:
                tx.hints.drop([ref for ref in refs if ref not in unasked], asked)
            for sync in world.syncs.values():
                if sync.apps.get(app) == object:
                    guards.settle(world, sync, app)
    return tally


def _page(world: World, sync: Sync, app: str, page: Page, sweep: int | None) -> Tally:
    rows = {row.ref: row for row in page.rows}
    with world.store.read() as tx:
        tx.links.load(sync.name, rows)
        news = [row for row in page.rows if _news(tx, sync, row)]
        links = {row.ref: tx.links.get(sync.name, row.ref) for row in news}
    doubted = [row.ref for row in news if not (page.facts and isinstance(row, Record)) or _is_unseen(links[row.ref])]
    tally, unasked = _facts_of(world, sync, app, doubted)
    with world.store.begin() as tx:
        tx.hints.add(unasked, tx.now)
        if page.facts:
            facts = [row for row in news if isinstance(row, Record)]
            tally += take(world, tx, sync, facts, LISTED)
            guards.watch(world, tx, sync, app)
        if sweep is not None:
            tx.links.stamp(sync.name, list(rows), sweep)
        before = tx.cursors.get(sync.name, app)
        listed = tx.now if page.complete else before.listed_at
        tx.cursors.put(sync.name, app, Progress(page.cursor, listed, tx.now))
    return tally.but(read=len(page.rows))


def _news(tx: Transaction, sync: Sync, row: Record | Gone | Merged) -> bool:
    """False for a row that shows just what its link has seen: no read, no merge, no write is needed."""
    link = tx.links.get(sync.name, row.ref)
    if not isinstance(row, Record):
        return link is not None and link.state is not LinkState.GONE
    if link is None or link.state is not LinkState.LIVE:
        return True
    if not row.fields:  # a row that says no more than how new the record is
        known = row.version.token and row.version.token == link.version.token
        return not known or not link.seen.keys() >= set(sync.window(row.ref.app))
    # Fields that the mapping has let go of are still in `seen`, for the day that it takes them back.
    shown = {name: row.fields[name] for name in sync.window(row.ref.app) if name in row.fields}
    seen = {name: raw for name, raw in link.seen.items() if name in shown}
    return shown != seen or (link.version.at is None) != (row.version.at is None)


def _facts_of(world: World, sync: Sync, app: str, refs: Sequence[Ref]) -> tuple[Tally, set[Ref]]:
    """Read by id, and fold in what the reads show; and who is still to be asked for."""
    tally = Tally()
    if not refs:
        return tally, set()
    asked = apart.read(world, sync, app, list(dict.fromkeys(refs)))
    found = asked.found
    gone = [fact for fact in found.values() if isinstance(fact, Gone)]
    facts = [fact for fact in found.values() if isinstance(fact, Record)]
    _follow_other_halves(world, sync, app, facts)
    with world.store.begin() as tx:
        tally += take(world, tx, sync, facts, READ)
        guards.watch(world, tx, sync, app)
        apart.close_unread(tx, sync, app, found)
        apart.put_off(world, tx, sync, asked.failed)
        for fact in found.values():
            if isinstance(fact, Merged):
                follow_merge(world, tx, sync, fact)
        let_go(tx, sync, app, found)
        known = [fact.ref for fact in gone if tx.links.get(sync.name, fact.ref) is not None]
    return tally + probe(world, sync, app, known), set(refs) - found.keys() - asked.failed.keys()


def _follow_other_halves(world: World, sync: Sync, app: str, records: Sequence[Record]) -> None:
    """A record that an app made of two is known by one of them: is the other, whose key it shows, merged into it, too?

    Else it would be taken in as an edit of the one that was heard of first.
    """
    with world.store.read() as tx:
        halves: dict[Ref, None] = {}
        tx.links.load(sync.name, [record.ref for record in records])
        for fact in records:
            link = tx.links.get(sync.name, fact.ref)
            if link is None or not _is_unseen(link):
                continue
            holders = tx.entities.holders(sync.name, keys(sync, told(sync, fact)))
            others = (tx.links.at(id, app) for ids in holders.values() for id in ids if id != link.entity)
            halves |= {other.ref: None for other in others if other is not None and other.ref != fact.ref}
    if not halves:
        return
    found = apart.read(world, sync, app, list(halves)).found
    with world.store.begin() as tx:
        for half in found.values():
            if isinstance(half, Merged):
                follow_merge(world, tx, sync, half)


def _is_unseen(link: Link | None) -> bool:
    """A record that is known only since another was merged into it."""
    return link is not None and link.state is LinkState.LIVE and not link.seen


def _absent(world: World, sync: Sync, app: str, sweep: int, listed: int) -> Tally:
    """After a complete listing: whom it lacks is looked at by id; most of them lacking is a fault, not news."""
    with world.store.read() as tx:
        lacking = tx.links.lacking(sync.name, app, sweep)
        samples = [link.ref for link in tx.links.unswept(sync.name, app, sweep, None, guards.SAMPLES)]
        guards.watch_listing(world, tx, sync, app, samples, lacking, listed)
    tally = Tally()
    for part in unswept(world, sync, app, sweep):
        tally += probe(world, sync, app, [link.ref for link in part if link.missed_at is None])
    return tally


def _held(world: World, sync: Sync, app: str) -> None:
    """Have the records read that wait since their person was forgotten: what became of them no listing tells."""
    with world.store.read() as tx:
        refs = list(held_back(tx, sync, app))
    if refs:
        with world.store.begin() as tx:
            tx.hints.add(refs, tx.now)


def unswept(world: World, sync: Sync, app: str, sweep: int) -> Iterator[Sequence[Link]]:
    """The links that a full listing lacks, part by part: there may be as many as there are records."""
    last: Ref | None = None
    while True:
        with world.store.read() as tx:
            part = tx.links.unswept(sync.name, app, sweep, last, _HINTS)
        if not part:
            return
        last = part[-1].ref
        yield part
