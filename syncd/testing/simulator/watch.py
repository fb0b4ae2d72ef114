"""The promises that are held to at the very moment of a write, by whoever stands between the engine and the app."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from syncd.core.entity import LinkState
from syncd.core.record import Create, Delete, Update, Write
from syncd.engine.canary import guarded
from syncd.store.ports import Transaction
from syncd.store.values import Intent
from syncd.testing.simulator.app import SimApp

if TYPE_CHECKING:
    from syncd.testing.simulator.run import Simulation

__all__ = ["CHANNEL", "unheard", "watched"]

CHANNEL: Final = "consent:email"
"""Where the register keeps opt-outs of the stories."""
_MISLEADS: Final = ("stale_rows", "hidden", "blind", "truncated", "remapped", "throttled", "outage")
_LONG: Final = 1e9


def watched(story: Simulation, app: SimApp, writes: Sequence[Write]) -> Iterator[str]:
    """Every promise that one of these writes breaks."""
    with story.store.read() as tx:
        intents = {intent.key: intent for intent in tx.intents.open(app.name)}
        opt_outs = all(isinstance(write, Update) and dict(write.patch) == {"out": True} for write in writes)
        if tx.apps.get(app.name).paused and not (opt_outs and guarded(tx, app.name)):
            yield f"S11: {app.name} is paused and is written to"
        for write in writes:
            intent = intents.get(write.key)
            if intent is None:
                yield f"S9: {write} is no durable intent"
                continue
            yield from _as_intended(write, intent)
            yield from _re_subscribes(tx, app, write, intent)
            yield from _of_forgotten(story, app, write, intent)
            if isinstance(write, Create):
                link = tx.links.at(intent.entity, app.name)
                if link is not None and link.state is not LinkState.GONE:
                    yield f"S4: {app.name} is given a second record of {intent.entity}, beside {link.ref.id}"
                yield from _not_looked_for(story, app, write, intent)


def _not_looked_for(story: Simulation, app: SimApp, write: Create, intent: Intent) -> Iterator[str]:
    """S4: somebody is made anew whom the app would have shown to whoever asked; one that keeps them unique says so.

    A record that its filter keeps out is none of the sync's, though it may be of the same person; one of which a
    person has said that it is somebody else's is not theirs.
    """
    unique = "email" in app.capabilities.unique
    if not app.finds or app.capabilities.list_lag or unique or app.name in story.sync.filters:
        return
    address, now = str(write.fields.get("email") or "").casefold(), app.clock.now()
    said = (one for one in story.words.said if one.ref.app == app.name and one.entity == intent.entity)
    others = {one.name for one in said if not one.theirs}
    for id, row in app.rows.items():
        if app.called(id) in others:
            continue
        own = [wrote.at for wrote in app.journal if wrote.id == app.called(id) and wrote.field == "email"]
        if str(row.fields["email"]).casefold() == address and own[-1] < now:
            yield f"S4: {app.name} is given a second {address}, beside {id}, which it would have shown"


def _as_intended(write: Write, intent: Intent) -> Iterator[str]:
    """S12: what goes out is what was made durable, to the record that was meant."""
    match write:
        case Create():
            same = intent.ref is None and dict(write.fields) == dict(intent.patch)
        case Update():
            same = intent.ref == write.ref and dict(write.patch) == dict(intent.patch)
        case Delete():
            same = intent.ref == write.ref
    if not same:
        yield f"S12: {write} is not what was intended"


def _re_subscribes(tx: Transaction, app: SimApp, write: Write, intent: Intent) -> Iterator[str]:
    """S5: nothing says "may be mailed" of an address that the register knows to be opted out."""
    if isinstance(write, Delete):
        return
    raws = write.fields if isinstance(write, Create) else write.patch
    if (raws.get("out", True) is True and isinstance(write, Update)) or raws.get("out") is True:
        return
    own = app.rows[write.ref.id].fields["email"] if isinstance(write, Update) and write.ref.id in app.rows else None
    address = str(raws.get("email") or own or tx.entities.get(intent.entity).value("email") or "").casefold()
    if tx.optouts.of(CHANNEL, [address]):
        yield f"S5: {write} is about {address}, which is opted out"


def _of_forgotten(story: Simulation, app: SimApp, write: Write, intent: Intent) -> Iterator[str]:
    """S13: from the order on nothing is written of whoever is to be forgotten: their records are deleted."""
    if not isinstance(write, Delete) and any(intent.entity in one.entities for one in story.words.forgot):
        yield f"S13: {app.name} is sent {write}, of somebody who is to be forgotten"


def unheard(story: Simulation, app: SimApp, began: float) -> Iterator[str]:
    """L2: what changed before a listing by the cursor began, and is known after it, or noted to be read.

    Asked only of an app that lists what has changed, where nothing has kept it from doing so.
    """
    profile = story.fates.profile
    if not app.capabilities.incremental or app.capabilities.list_lag or any(getattr(profile, one) for one in _MISLEADS):
        return
    with story.store.read() as tx:
        state, now = tx.apps.get(app.name), tx.now
        hinted = set(tx.hints.due(app.name, app.object, now + _LONG, 1000))
        writing = {intent.ref for intent in tx.intents.open(app.name)}
        to_go = tx.forgotten.open()  # whatever they show is nothing to anybody
        links = [link for link in tx.links.all("people") if link.ref.app == app.name and link.entity not in to_go]
    if state.paused or state.failing:
        return
    step = app.capabilities.granularity.total_seconds()
    since = began // step * step if step else began  # as the app tells the time
    for link in links:
        row = app.rows.get(link.ref.id)
        if link.state is not LinkState.LIVE or row is None or link.ref in hinted or link.ref in writing:
            continue
        missed = [name for name, raw in link.seen.items() if raw != row.fields.get(name)]
        if missed and row.at < since:
            yield f"L2: {link.ref} had another {missed[0]} before the listing, which did not tell"
