"""S5: an opt-out is monotonic, whatever happens to records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from syncd.core.entity import LinkState
from syncd.store.ports import Transaction
from syncd.store.values import Entry, Event
from syncd.testing.fake import Wrote
from syncd.testing.simulator.agreement import waiting
from syncd.testing.simulator.app import ADDRESSES, SimApp
from syncd.testing.simulator.journal import API
from syncd.testing.simulator.watch import CHANNEL

if TYPE_CHECKING:
    from syncd.testing.simulator.run import Simulation

__all__ = ["re_subscribed"]


def re_subscribed(story: Simulation, tx: Transaction, entries: list[Entry]) -> Iterator[str]:
    """Once syncd knows that an address is opted out, it never writes that it is not, to any of its records.

    In the end every linked record shows it, unless a person has said otherwise there since; and whatever opt-out
    stands in an app is in the register.
    """
    known = {entry.address: entry.since for entry in tx.optouts.of(CHANNEL, ADDRESSES).values()}
    lifted = min((entry.at for entry in entries if entry.event is Event.OPTED_IN), default=None)
    sources = story.sync.rules["out"].consent_sources
    for entry in entries:
        if entry.event is Event.OPTED_IN and not entry.by and entry.app not in sources:
            yield f"S5: an opt-in at {entry.app} was believed, which is no source of consent"
    for app in story.apps.values():
        last: dict[str, Wrote] = {}
        address: dict[str, str] = {}
        undone: dict[str, tuple[Wrote, Wrote]] = {}
        for wrote in app.journal:
            if wrote.field == "email":
                address[wrote.id] = str(wrote.value).casefold()
            if wrote.field != "out":
                continue
            knew = known.get(address.get(wrote.id, ""), wrote.at) < wrote.at
            stands = wrote.id in last and last[wrote.id].value is True
            stood = stands and (lifted is None or lifted > wrote.at)
            if wrote.author == API and wrote.value is not True and (knew or stood) and wrote.at not in app.landed:
                yield f"S5: {app.name} {wrote.id} was re-subscribed by syncd"
            again = wrote.value is True and (stands or _unseen(app, undone.get(wrote.id), wrote))
            if again and wrote.author != API:
                last[wrote.id] = last[wrote.id] if stands else undone[wrote.id][0]  # for whoever looks, nothing changed
                continue
            if wrote.id in last:
                undone[wrote.id] = (last[wrote.id], wrote)
            last[wrote.id] = wrote
        yield from _shown(tx, app, known, last)
        if lifted is None:
            yield from _unheard(app, known, last)


def _unseen(app: SimApp, undone: tuple[Wrote, Wrote] | None, again: Wrote) -> bool:
    """What was taken back, and is now said again, was taken back while nobody looked."""
    if undone is None or undone[0].value is not True or undone[1].value is True:
        return False
    return not any(undone[1].at <= at < again.at for at in app.looks.get(again.id, ()))


def _shown(tx: Transaction, app: SimApp, known: dict[str, float], last: dict[str, Wrote]) -> Iterator[str]:
    for link in tx.links.all("people"):
        if link.ref.app != app.name or link.state not in (LinkState.LIVE, LinkState.OUT_OF_SCOPE):
            continue
        row = app.rows.get(link.ref.id)
        asked = waiting(tx.parked.of([link.entity]).get(link.entity, []), app.name)
        if row is None or asked & {"", "out", "email"} or row.fields["out"] is True:
            continue
        said = last.get(app.called(link.ref.id))
        address = str(row.fields["email"]).casefold()
        if link.state is LinkState.OUT_OF_SCOPE and tx.entities.get(link.entity).value("email") != address:
            continue  # what becomes of a record that was let go is not looked at
        if address in known and (said is None or said.author == API):
            yield f"S5: {link.ref} does not show the opt-out of {address}"


def _unheard(app: SimApp, known: dict[str, float], last: dict[str, Wrote]) -> Iterator[str]:
    for id, row in app.rows.items():
        address, said = str(row.fields["email"]).casefold(), last.get(app.called(id))
        ours = said is not None and said.author == API  # the opt-out of another address of the same person
        if row.fields["out"] is True and not ours and address not in known:
            yield f"S5: {app.name} {id} shows an opt-out of {address}, and the register does not know it"
