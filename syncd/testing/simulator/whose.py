"""S15: what a person said of whose a record is holds: it is tied to them, or to them never again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from syncd.core.entity import LinkState
from syncd.core.record import EntityId, Ref
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event
from syncd.testing.simulator.app import SimApp
from syncd.testing.simulator.words import Said

if TYPE_CHECKING:
    from syncd.testing.simulator.run import Simulation

__all__ = ["left_alone", "said_whose"]


def said_whose(story: Simulation, tx: Transaction, entries: Sequence[Entry]) -> Iterator[str]:
    """Ties against what was said, and two where there is to be one."""
    words: dict[int, list[Said]] = {}
    for one in story.words.said:
        words.setdefault(one.seq, []).append(one)
    apart: dict[tuple[Ref, EntityId], Said] = {}
    for entry in entries:
        for one in words.get(entry.seq, ()):
            if one.theirs:
                apart.pop((one.ref, one.entity), None)
            else:
                apart[one.ref, one.entity] = one
        if entry.event is Event.LINKED and entry.ref is not None and entry.entity is not None:
            said = apart.get((entry.ref, entry.entity))
            if said is not None and not _merged(story.apps[entry.ref.app], said):
                yield f"S15: entry {entry.seq} ties {entry.ref} to {entry.entity}, whose it was said not to be"
    if not story.words.said:
        return
    there = [link for link in tx.links.all("people") if link.state is not LinkState.GONE]
    for (id, app), count in Counter((link.entity, link.ref.app) for link in there).items():
        if count > 1:
            yield f"S4: {id} is tied to {count} records of {app}"
    for fake in story.apps.values():
        alone = left_alone(story, tx, fake)
        asked = {(work.ref, work.detail.get("entity")) for work in tx.parked.rivals(fake.name)}
        for (name, whose), address in alone.items():
            row, ref = fake.rows.get(name), Ref(fake.name, fake.object, name)
            if row is not None and str(row.fields["email"]).casefold() == address and (ref, whose) in asked:
                yield f"S15: it is asked again whose {ref} is, of which somebody has said it"


def left_alone(story: Simulation, tx: Transaction, app: SimApp) -> Mapping[tuple[str, EntityId], str]:
    """Id, and whose it is said not to be, to the address of the records that are nobody's by what a person said.

    So they are only for as long as whose they are said not to be has a record there, and the address.
    """
    said = {(one.name, one.entity): one for one in story.words.said if one.ref.app == app.name}
    found: dict[tuple[str, EntityId], str] = {}
    for one in said.values():
        link = tx.links.at(one.entity, app.name)
        if not one.theirs and link is not None and app.called(one.ref.id) == one.name:
            found[one.ref.id, one.entity] = str(tx.entities.get(one.entity).value("email") or "").casefold()
    return found


def _merged(app: SimApp, said: Said) -> bool:
    """A person has merged another record into it since: that is another word on whose it is."""
    return said.name in app.joined.values() or app.called(said.ref.id) != said.name
