"""L1: once people and faults have stopped, every app shows what is agreed, and everybody is everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from syncd.core.entity import Entity, Link, LinkState
from syncd.core.fieldmap import Deletion, Way
from syncd.core.record import Ref
from syncd.engine.guards import is_set_aside
from syncd.sdk.contract import Deletes
from syncd.store.ports import Transaction
from syncd.store.values import Parked, ParkedKind
from syncd.testing.simulator.app import SimApp
from syncd.testing.simulator.erasure import held_back
from syncd.testing.simulator.journal import API
from syncd.testing.simulator.lens import canonical
from syncd.testing.simulator.whose import left_alone

if TYPE_CHECKING:
    from syncd.testing.simulator.run import Simulation

__all__ = ["agreement", "waiting"]

_WHOLE: Final = (ParkedKind.HOLD, ParkedKind.AMBIGUOUS)
"""Questions about somebody as a whole, wherever they are."""


def agreement(story: Simulation, tx: Transaction) -> Iterator[str]:
    """Whatever is not as agreed, and whom an app lacks, unless a person was asked about it."""
    for entity in tx.entities.all("people"):
        if entity.deleted:
            yield from _remaining(story, tx, entity)
            continue
        work = tx.parked.of([entity.id]).get(entity.id, [])
        for app in story.apps.values():
            link = tx.links.at(entity.id, app.name)
            if link is None:
                yield from _lacking(story, tx, entity, app, work)
            elif link.state is LinkState.LIVE:
                yield from _differences(story, entity, link, app, work)
            elif link.state is LinkState.MISSING and link.ref.id in app.rows:
                yield f"L1: {link.ref} is there, and is thought to be missing"
    for app in story.apps.values():
        yield from _strangers(story, tx, app)


def waiting(work: list[Parked], app: str) -> set[str]:
    """The fields about which a person was asked, as far as this app goes; "" where it is the whole record."""
    return {item.field for item in work if item.kind is not ParkedKind.QUARANTINE or item.app == app}


def _differences(story: Simulation, entity: Entity, link: Link, app: SimApp, work: list[Parked]) -> Iterator[str]:
    frozen = waiting(work, app.name)
    row = app.rows.get(link.ref.id)
    if row is None:
        if app.capabilities.deletes is not Deletes.HIDDEN and "" not in frozen:
            yield f"L1: {link.ref} is linked and not there"
        return
    for name, rule in story.sync.rules.items():
        if "" in frozen or name in frozen or rule.ways[app.name] is Way.READ or name not in entity.held:
            continue  # what was never agreed is nobody's debt
        seen = link.seen.get(name) == row.fields.get(name)
        if rule.ways[app.name] is Way.WRITE and seen and not _by_syncd(app, link, name):
            continue  # typed before our write was read back: what stood there then is taken for the app's own form
        shown, agreed = canonical(row.fields.get(name)), entity.value(name)
        kept = canonical(app.keeps[name](agreed)) if name in app.keeps and agreed is not None else agreed
        same = shown in (kept, agreed)
        if name == "out":
            same = (shown is True) == (agreed is True) or "email" in frozen  # it is said of the address there
        if not same:
            yield f"L1: {link.ref} shows {name} {shown!r}, agreed is {agreed!r}"


def _by_syncd(app: SimApp, link: Link, name: str) -> bool:
    """What stands in the field was written by syncd."""
    written = [wrote.author for wrote in app.journal if wrote.id == app.called(link.ref.id) and wrote.field == name]
    return written[-1:] == [API]


def _remaining(story: Simulation, tx: Transaction, entity: Entity) -> Iterator[str]:
    """L1: whoever was deleted is nowhere, unless a person was asked about it."""
    for link in tx.links.of(entity.id):
        there = link.state in (LinkState.LIVE, LinkState.MISSING)
        if there and link.ref.id in story.apps[link.ref.app].rows and not tx.parked.of([entity.id]).get(entity.id, []):
            yield f"L1: {entity.id} was deleted, and {link.ref} is still there"


def _lacking(story: Simulation, tx: Transaction, entity: Entity, app: SimApp, work: list[Parked]) -> Iterator[str]:
    """L1, L3: an app that may be given new records has one of everybody."""
    wants = story.sync.filters.get(app.name)
    if app.name not in story.sync.creates or not entity.value("email") or (wants and not wants(entity.fields)):
        return
    let_go = story.sync.deletes is Deletion.IGNORE or wants is not None  # outside its filter a delete is nobody else's
    stays = let_go and any(link.ref.app == app.name for link in tx.links.of(entity.id))
    asked = any(item.kind in _WHOLE or item.app == app.name for item in work)
    rivals = any(entity.id in item.concerned for item in tx.parked.rivals(app.name))
    if not stays and not asked and not rivals:
        yield f"L1: {app.name} has no record of {entity.id} ({entity.value('email')}), and nobody was asked"


def _strangers(story: Simulation, tx: Transaction, app: SimApp) -> Iterator[str]:
    """L1: whoever is in an app is known, or a person was asked about them."""
    wants = story.sync.filters.get(app.name)
    asked = {item.ref for item in tx.parked.rivals(app.name)}
    kept_out = held_back(tx, app.name)
    alone = {(id, address) for (id, _), address in left_alone(story, tx, app).items()}
    for id, row in app.rows.items():
        ref = Ref(app.name, app.object, id)
        link = tx.links.get("people", ref)
        known = link is not None and link.state is not LinkState.GONE
        fields = {name: canonical(raw) for name, raw in row.fields.items()}
        if (id, str(fields["email"]).casefold()) in alone:
            continue  # a person has said whose it is not
        if is_set_aside(tx, story.sync, ref, row.fields):
            continue  # a person has put it aside, and nobody has edited it since
        if not known and ref not in asked and id not in kept_out and (wants is None or wants(fields)):
            yield f"L1: {ref} is there, and syncd does not know it"
