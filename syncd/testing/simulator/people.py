"""What people do in the apps: type, opt out, make, delete, merge, bring back, and answer what syncd asks."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from syncd.core.record import Ref, Value
from syncd.engine.decide import approve, drop_hold, resolve_conflict, retry
from syncd.engine.masses import let_through, put_aside
from syncd.engine.remedies import resume
from syncd.errors import ConfigError, ConnectorError, Halted
from syncd.store.values import Parked, ParkedKind
from syncd.testing.simulator.app import ADDRESSES, SETS, VALUES, SimApp

if TYPE_CHECKING:
    from syncd.testing.simulator.run import Simulation

__all__ = ["act", "answer", "approve_all", "creates", "forge", "resume_all", "type_in"]

_ASKED = (ParkedKind.CONFLICT, ParkedKind.OPT_IN, ParkedKind.BLANK, ParkedKind.LOOP)
_TRUSTED = 3600.0
"""So long the engine takes an operator's word that the app tells the truth."""
_STUCK = (ParkedKind.QUARANTINE, ParkedKind.AMBIGUOUS, ParkedKind.DUPLICATE)


def act(story: Simulation, app: SimApp) -> None:
    """Somebody does something in an app."""
    chance, profile = story.fates.chance, story.fates.profile
    story.passes(1)
    if app.removed and story.fates.strikes(profile.restores):
        gone = [id for id in app.removed if id not in app.rows and id not in app.merged]
        if gone:
            id = chance.choice(gone)
            story.say(f"{app.name}: a person brings {id} back")
            app.person_restores(id)
            return
    if not app.rows or chance.random() < 0.15:
        creates(story, app)
        return
    id = chance.choice(list(app.rows))
    if story.fates.strikes(profile.deletes):
        story.say(f"{app.name}: a person deletes {id}")
        app.person_deletes(id)
    elif story.fates.strikes(profile.merges) and len(app.rows) > 1:
        lose = chance.choice([other for other in app.rows if other != id])
        story.say(f"{app.name}: a person merges {lose} into {id}")
        app.person_merges(id, lose)
    elif story.fates.strikes(profile.renames) and (free := _free(app)):
        address = chance.choice(free)
        story.say(f"{app.name}: {id} moves to {address}")
        app.person_edits(id, email=address)
    elif chance.random() < 0.1:
        story.say(f"{app.name}: {id} opts out")
        app.person_edits(id, out=True)
    elif app.rows[id].fields["out"] is True and chance.random() < 0.2:
        story.say(f"{app.name}: {id} opts in again")
        app.person_edits(id, out=False)
    else:
        type_in(story, app, id)


def type_in(story: Simulation, app: SimApp, id: str = "", how: str = "a person sets") -> None:
    """Somebody types into a record; any of them, where none is named."""
    chance = story.fates.chance
    if not app.rows:
        return
    id = id or chance.choice(list(app.rows))
    name = chance.choice(["first", "note", "note", "tags"])
    value = list(chance.choice(SETS)) if name == "tags" else chance.choice(VALUES)
    story.say(f"{app.name}: {how} {name} of {id} to {value!r}")
    app.person_edits(id, **{name: value})


def creates(story: Simulation, app: SimApp) -> None:
    """Somebody makes a record, if there is an address that the app does not have."""
    free, chance = _free(app), story.fates.chance
    if free:
        tags = list(chance.choice(SETS))
        fields = {"email": chance.choice(free), "first": chance.choice(VALUES), "tags": tags, "out": False}
        fields["out"] = chance.random() < 0.05
        id = app.person_creates(**fields)
        story.say(f"{app.name}: a person makes {id} {fields}")


def answer(story: Simulation) -> None:
    """The operator answers a question or two, one way or the other."""
    chance = story.fates.chance
    for work in _open(story):
        if chance.random() > 0.3:
            continue
        if work.kind is ParkedKind.HOLD:
            yes = chance.random() < 0.6
            story.say(f"{'approve' if yes else 'refuse'} the delete of {work.entity}")
            _asked(story, work, yes=yes)
        elif work.kind in _ASKED:
            value = _some_value(story, work)
            story.say(f"resolve {work.field} of {work.entity}: {value!r}")
            with contextlib.suppress(ConfigError, Halted):  # the field was taken out of the mapping
                resolve_conflict(story.world, work.id, value, by="sim")
                story.decided.append((str(work.entity), work.field, value, story.clock.now()))
        elif work.kind in _STUCK:
            story.say(f"retry {work.kind} of {work.entity or work.ref}")
            with contextlib.suppress(ConfigError, Halted):
                retry(story.world, work.id, by="sim")


def approve_all(story: Simulation) -> None:
    """The operator says yes to every delete that waits."""
    for work in _open(story, ParkedKind.HOLD):
        _asked(story, work, yes=True)


def resume_all(story: Simulation) -> None:
    """The operator has looked whether syncd sees what is there, and says that paused apps may go on.

    To a guard that asks, it is now this answer and now that, or for a while none.
    """
    with story.store.read() as tx:
        paused = [name for name in story.apps if tx.apps.get(name).paused]
        asked = {work.app: work for work in tx.parked.open((ParkedKind.GUARD,))}
    for name in paused:
        chance = random.Random(f"{story.seed}/{name}/{story.clock.now()}/{len(story.tape)}")
        work = asked.get(name)
        answer = "resume" if work is None else chance.choice(story.answers)
        if answer == "later" and not story.fates.calm:
            continue
        story.apps[name].looked_after = story.clock.now() + _TRUSTED
        if work is not None and answer != "later":
            story.say(f"{answer} what has tripped a guard of {name}: {work.field}")
        if work is not None and answer == "approve":
            let_through(story.world, work.id, by="sim")
        elif work is not None and answer == "refuse" and not _to_be_made(work):
            put_aside(story.world, work.id, by="sim")
            story.refused = True
        else:
            resume(story.world, name, by="sim")


def _to_be_made(work: Parked) -> bool:
    """Records that an app would have been given: whoever says no to those wants the app to lack them."""
    return bool(work.detail.get("outgoing")) and work.field == "mass create"


def forge(story: Simulation) -> Sequence[Ref]:
    """What somebody who knows the address of a webhook may make up."""
    app = story.fates.chance.choice(list(story.apps.values()))
    id = f"{app.name}-{story.fates.chance.randrange(1, 9)}"
    return [Ref(app.name, app.object, id)]


def _asked(story: Simulation, work: Parked, *, yes: bool) -> None:
    with contextlib.suppress(ConnectorError, Halted):  # the app is down; what another answer told has answered it
        if yes:
            if work.app in story.apps:  # who says yes has looked whether it is gone
                story.apps[work.app].looked_after = max(story.apps[work.app].looked_after, story.clock.now() + 1)
            approve(story.world, work.id, by="sim")
        else:
            drop_hold(story.world, work.id, by="sim")


def _some_value(story: Simulation, work: Parked) -> Value:
    if work.kind is ParkedKind.OPT_IN:
        return story.fates.chance.random() < 0.5
    side = work.detail.get(story.fates.chance.choice(["theirs", "ours"]))
    return tuple(side) if isinstance(side, list) else side


def _open(story: Simulation, *kinds: ParkedKind) -> Sequence[Parked]:
    with story.store.read() as tx:
        return tx.parked.open(kinds)


def _free(app: SimApp) -> list[str]:
    taken = {row.fields["email"] for row in app.rows.values()}
    return [address for address in ADDRESSES if address not in taken]
