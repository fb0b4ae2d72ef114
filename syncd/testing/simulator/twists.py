"""What few stories have: people who do, again and again, what random people hardly ever come to do.

A twist is drawn from a stream of its own, so that stories without one are what they were.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from syncd.core.entity import Link, LinkState
from syncd.store.values import IntentState
from syncd.testing.simulator.app import SimApp
from syncd.testing.simulator.people import type_in

if TYPE_CHECKING:
    from syncd.testing.simulator.run import Simulation

__all__ = ["PLAIN", "TWISTS", "Twist", "drawn_twist"]

_SHARE: Final = 0.07
"""Of the stories of the profile that has all faults."""


def _nothing(_: Simulation) -> None:
    """Nobody does anything out of the common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Twist:
    """One kind of them."""

    name: str
    acts: Callable[[Simulation], None] = _nothing
    """What they do in every third step, instead of what is drawn."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """Faults that strike at least as often."""
    filtered: bool = False
    """One of the apps has a filter."""
    propagates: bool = False
    """Whatever is deleted in one app is deleted in all."""
    mute: bool = False
    """No app returns what it has stored: it is read back."""
    meddling: bool = False
    """While a call is under way, somebody takes a record away that is being written to."""

    def strikes(self, seed: int, place: int) -> bool:
        """Whether the step at this place is theirs."""
        return self.acts is not _nothing and random.Random(f"{seed}/twist/{place}").random() < 0.33


def _quarrel(story: Simulation) -> None:
    """Two apps each put back their own value, as fast as it is changed."""
    pairs = [pair for pair in _linked(story).values() if len(pair) > 1]
    if not pairs:
        return
    pair = story.fates.chance.choice(pairs)[:2]
    for turn in range(6):
        at = pair[turn % 2]
        if at.ref.id in story.apps[at.ref.app].rows:
            story.passes(1)
        if at.ref.id in story.apps[at.ref.app].rows:  # a write that landed late may have taken it away
            value = ("b", "Abba")[turn % 2]
            story.say(f"{at.ref.app}: a workflow sets first of {at.ref.id} to {value!r}")
            story.apps[at.ref.app].person_edits(at.ref.id, first=value)
        story.syncs()


def _interfere(story: Simulation) -> None:
    """A record is taken away or brought back while a write to it is in doubt, or while it is missed."""
    away = (LinkState.MISSING, LinkState.GONE)
    with story.store.read() as tx:
        refs = [one.ref for one in tx.intents.open() if one.state is IntentState.UNKNOWN and one.ref is not None]
        refs += [
            link.ref for link in tx.links.all("people") if link.state in away and story.fates.chance.random() < 0.5
        ]
    if not refs:
        type_in(story, story.fates.chance.choice(list(story.apps.values())))
        return
    ref = story.fates.chance.choice(refs)
    takes_away(story, story.apps[ref.app], ref.id)


def _opt_out_beyond(story: Simulation) -> None:
    """Somebody whom a filter keeps out of one app opts out in another; and the record that was let go lives on."""
    outside = [pair for pair in _linked(story).values() if any(one.state is LinkState.OUT_OF_SCOPE for one in pair)]
    if not outside:
        type_in(story, story.fates.chance.choice(list(story.apps.values())))
        return
    for link in story.fates.chance.choice(outside):
        app, id = story.apps[link.ref.app], link.ref.id
        if link.state is LinkState.OUT_OF_SCOPE:
            if story.fates.chance.random() < 0.2:
                takes_away(story, app, id)
            else:
                type_in(story, app, id)
        elif id in app.rows:
            story.say(f"{app.name}: {id} opts out")
            app.person_edits(id, out=True)


def _clear_out(story: Simulation) -> None:
    """Somebody deletes a record of a person who has others, and every app is told."""
    pairs = [pair for pair in _linked(story).values() if len(pair) > 1]
    if not pairs:
        return
    at = story.fates.chance.choice(story.fates.chance.choice(pairs))
    story.say(f"{at.ref.app}: a person deletes {at.ref.id}")
    story.apps[at.ref.app].person_deletes(at.ref.id)
    for _ in range(2):
        story.passes(700)
        story.syncs()


def takes_away(story: Simulation, app: SimApp, id: str) -> None:
    """A person deletes the record, or merges it into another; one that is deleted is brought back."""
    others = [other for other in app.rows if other != id]
    if id not in app.rows:
        if id in app.removed and id not in app.merged:
            story.say(f"{app.name}: a person brings {id} back")
            app.person_restores(id)
    elif others and story.fates.chance.random() < 0.4:
        keep = story.fates.chance.choice(others)
        story.say(f"{app.name}: a person merges {id} into {keep}")
        app.person_merges(keep, id)
    else:
        story.say(f"{app.name}: a person deletes {id}")
        app.person_deletes(id)


def _linked(story: Simulation) -> Mapping[str, list[Link]]:
    """By entity: its records that are there, as far as syncd knows."""
    found: dict[str, list[Link]] = defaultdict(list)
    with story.store.read() as tx:
        for link in tx.links.all("people"):
            if link.state in (LinkState.LIVE, LinkState.OUT_OF_SCOPE) and link.ref.id in story.apps[link.ref.app].rows:
                found[link.entity].append(link)
    return found


PLAIN: Final = Twist(name="")
"""None."""
_DOUBT: Final = {"cut_after": 0.2, "late": 0.05, "hidden": 0.15}

TWISTS: Final = (
    Twist(name="quarrel", acts=_quarrel),
    Twist(name="interference", acts=_interfere, rates={**_DOUBT, "blind": 0.03}),
    Twist(
        name="opt-outs beyond a filter",
        acts=_opt_out_beyond,
        rates={**_DOUBT, "meanwhile": 0.15},
        filtered=True,
        mute=True,
        meddling=True,
    ),
    Twist(name="a clearing out", acts=_clear_out, rates=_DOUBT, propagates=True),
    Twist(name="meddling", rates={"meanwhile": 0.2, "hidden": 0.02}, mute=True, meddling=True),
)
"""The kinds."""


def drawn_twist(seed: int) -> Twist:
    """That of a seed; `PLAIN` for most."""
    chance = random.Random(f"{seed}/twist")
    return chance.choice(TWISTS) if chance.random() < _SHARE else PLAIN
