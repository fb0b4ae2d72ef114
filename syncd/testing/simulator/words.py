"""The operator's rarer words: forget somebody, let them come back, take changes back, say whose a record is.

In a few stories the operator says them, at some steps, before what is drawn happens. They are drawn from a stream of
their own, so that stories without them are what they were. What was asked for is noted, for the questions at the end.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Final

from syncd.console.find import Found
from syncd.console.forget import order, put_back
from syncd.console.undo import Order, carry_out, prepare
from syncd.core.entity import Entity, Link, LinkState
from syncd.core.record import EntityId, Ref
from syncd.engine.undo import Back, Chosen
from syncd.engine.whose import belongs, candidates, is_apart
from syncd.errors import ConfigError
from syncd.store.ports import Storage, Transaction
from syncd.store.values import Entry, Event, Parked, ParkedKind
from syncd.testing.simulator.app import ADDRESSES, FIELDS, VALUES, SimApp
from syncd.testing.simulator.journal import id_of
from syncd.testing.simulator.people import type_in
from syncd.testing.simulator.watch import CHANNEL

if TYPE_CHECKING:
    from syncd.testing.simulator.run import Simulation

__all__ = ["Forgot", "Said", "Undid", "Words", "drawn_words"]

_SHARE: Final = 0.06
"""Of the stories of the profile that has all faults."""
_OFTEN: Final = 0.15
"""Of the steps of such a story."""
_ALL: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgot:
    """Whom the operator had forgotten, as it was when it was said."""

    order: int
    entities: tuple[EntityId, ...]
    at: float
    addresses: frozenset[str]
    """By which they were known."""
    opted_out: frozenset[str]
    """Those of their addresses, former ones too, that had opted out."""
    records: frozenset[tuple[str, str]]
    """App and record, by its name in the journal."""
    lifted: float | None = None
    """When the operator let them come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undid:
    """What the operator was shown of an undo, and asked for."""

    after: int
    """The last entry of the log before that."""
    back: tuple[Back, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """That a record is somebody's, or is not."""

    seq: int
    """The entry of the log that says it."""
    at: float
    question: int
    ref: Ref
    name: str
    """Of the record, in the journal."""
    entity: EntityId
    theirs: bool


@dataclass
class Words:
    """Those of one story, and the change log as it was before anything was erased from it."""

    spoken: bool = False
    """Whether the operator says any at all."""
    forgot: list[Forgot] = field(default_factory=list)
    undid: list[Undid] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    _entries: dict[int, Entry] = field(default_factory=dict)

    def strikes(self, seed: int, place: int) -> bool:
        """Whether the operator says one before the step at this place."""
        return self.spoken and random.Random(f"{seed}/words/{place}").random() < _OFTEN

    def says(self, story: Simulation, place: int) -> None:
        """One of them."""
        chance = random.Random(f"{story.seed}/words/{place}/which")
        word = chance.choice(_WORDS)
        word(story, chance)

    def keep(self, store: Storage) -> None:
        """Nothing is erased from the log before it was copied."""
        erasing = store.erasing

        def erasing_later() -> AbstractContextManager[Transaction]:
            with store.read() as tx:
                self._copy(tx)
            return erasing()

        vars(store)["erasing"] = erasing_later

    def log(self, tx: Transaction) -> list[Entry]:
        """Every entry, oldest first, as it was written."""
        self._copy(tx)
        return list(self._entries.values())

    def _copy(self, tx: Transaction) -> None:
        last = next(reversed(self._entries), 0)
        self._entries |= {entry.seq: entry for entry in reversed(tx.log.find(after=last, limit=_ALL))}


def drawn_words(seed: int, profile: str) -> Words:
    """Those of a seed; most have none."""
    share = {"swarm": _SHARE, "words": 1.0}.get(profile, 0.0)
    return Words(spoken=random.Random(f"{seed}/words").random() < share)


# --- forgetting ----------------------------------------------------------------------------------------------------


def _forgets(story: Simulation, chance: random.Random) -> None:
    """Somebody asks to be forgotten, in two stories out of three no more than once."""
    words = story.words
    with story.store.read() as tx:
        known = [one for one in tx.entities.all("people") if one.held and not _ordered(words, one.id)]
    if not known or (words.forgot and chance.random() < 0.6):
        return
    whom = chance.choice(sorted(known, key=lambda one: one.id))
    many = chance.random() < 0.8  # whoever was asked has read that they are many
    story.say(f"forget {whom.id} ({whom.value('email')}){', so many' if many else ''}")
    with story.store.read() as tx:
        asked = _as_known(story, tx)
    found = Found("people", whom.id)
    given = story.operates(lambda: order(story.world, found, by="sim", reason="by letter", many=many))
    if given is not None:
        with story.store.read() as tx:
            made = tx.forgotten.get(given.order)
        words.forgot.append(asked(given.order, made.entities if made is not None else ()))


def _as_known(story: Simulation, tx: Transaction) -> Callable[[int, tuple[EntityId, ...]], Forgot]:
    """What is known of everybody before the order is given, so that afterwards it can be said of these."""
    entities = list(tx.entities.all("people"))
    now = tx.now
    email = {one.id: str(one.value("email") or "").casefold() for one in entities}
    opted_out = frozenset(tx.optouts.of(CHANNEL, ADDRESSES))
    former: dict[EntityId, set[str]] = {one: {address} for one, address in email.items()}
    for entry in story.words.log(tx):
        for value in entry.fields.get("email", {}).values():
            if entry.entity in former and isinstance(value, str):
                former[entry.entity].add(value.casefold())
    there = {one.id: [at for at in tx.links.of(one.id) if at.state is not LinkState.GONE] for one in entities}
    tied = {id: {(at.ref.app, _named(story, tx, at)) for at in links} for id, links in there.items()}

    def forgot(number: int, ids: tuple[EntityId, ...]) -> Forgot:
        return Forgot(
            order=number,
            entities=ids,
            at=now,
            addresses=frozenset(email[id] for id in ids) - {""},
            opted_out=opted_out & frozenset(address for id in ids for address in former[id]),
            records=frozenset(record for id in ids for record in tied[id]),
        )

    return forgot


def _named(story: Simulation, tx: Transaction, link: Link) -> str:
    """The name of a record that is tied: not that of a newer one with its id, of which syncd knows nothing yet."""
    app, id = story.apps[link.ref.app], link.ref.id
    known = max((e.at for e in tx.log.find(entity=link.entity, ref=link.ref, limit=1)), default=inf)
    began = {name: wrote.at for wrote in reversed(app.journal) if id_of(name := wrote.id) == id}
    return max((name for name, at in began.items() if at <= known), key=began.__getitem__, default=id)


def _ordered(words: Words, id: EntityId) -> bool:
    return any(id in one.entities for one in words.forgot)


def _lets_back(story: Simulation, chance: random.Random) -> None:
    """Whoever was forgotten may come back; said too early, it is refused."""
    words = story.words
    held = [place for place, one in enumerate(words.forgot) if one.lifted is None]
    if not held:
        return
    place = chance.choice(held)
    one = words.forgot[place]
    story.say(f"lift order {one.order}")
    if story.operates(lambda: put_back(story.world, one.order, by="sim")) is not None:
        words.forgot[place] = replace(one, lifted=story.clock.now())


# --- taking back ---------------------------------------------------------------------------------------------------


def _takes_back(story: Simulation, chance: random.Random) -> None:
    """An undo is looked at, perhaps something happens meanwhile, and then it is carried out as it was shown."""
    with story.store.read() as tx:
        entries = [entry for entry in story.words.log(tx) if entry.entity is not None]
    if not entries:
        return
    asked = _chosen(story, chance, entries)
    for _ in range(2):
        shown = _shown(story, asked)
        if shown is None or not shown.undo.back:
            return
        told = ", ".join(f"{one.field or 'the delete'} of {one.entity}" for one in shown.undo.back)
        story.say(f"undo {shown.words}: {told}")
        if chance.random() < 0.3:
            type_in(story, chance.choice(list(story.apps.values())), how="meanwhile, a person sets")
            if chance.random() < 0.5:
                story.syncs()
        kills = story.kills
        _carries_out(story, shown)
        if story.kills == kills or chance.random() < 0.5:  # whoever was cut short may say it again
            return


def _shown(story: Simulation, chosen: Chosen) -> Order | None:
    with contextlib.suppress(ConfigError):  # what was chosen is nothing that can be taken back
        return prepare(story.world, chosen)
    return None


def _carries_out(story: Simulation, shown: Order) -> None:
    with story.store.read() as tx:
        after = story.words.log(tx)[-1].seq
    story.words.undid.append(Undid(after=after, back=shown.undo.back))
    done = story.operates(lambda: carry_out(story.world, shown, by="sim"))
    if done is None:
        return
    with story.store.read() as tx:
        left = [one for one in shown.undo.back if not _is_back(tx.entities.get(one.entity), one)]
    if left:
        story.violations.append(f"S14: undo {done.entry} has left {left}, though nobody came between")


def _is_back(entity: Entity, one: Back) -> bool:
    return entity.value(one.field) == one.then if one.field else not entity.deleted


def _chosen(story: Simulation, chance: random.Random, entries: Sequence[Entry]) -> Chosen:
    """Which are meant: those of a record, a field, some time, an app or an undo; a change or a delete alone."""
    entry, now = chance.choice(entries), story.clock.now()
    since = now - chance.choice([10, 100, 1000, 5000])
    match chance.choice(["record", "field", "time", "app", "change", "undo", "delete"]):
        case "record":
            return Chosen(entity=entry.entity)
        case "field":
            return Chosen(entity=entry.entity, field=chance.choice(FIELDS))
        case "time":
            return Chosen(since=since, until=chance.choice([None, since + 50]))
        case "app":
            return Chosen(app=chance.choice(list(story.apps)), since=since)
        case "delete":
            ends = [one for one in entries if one.event is Event.GONE and not one.note]
            return Chosen(seq=chance.choice(ends[-3:] or [entry]).seq)
        case "change":
            return Chosen(seq=entry.seq)
        case _:
            heads = [one.cause for one in entries if one.event is Event.UNDONE and one.cause is not None]
            return Chosen(undo=chance.choice(heads)) if heads else Chosen(seq=entry.seq)


# --- whose a record is ---------------------------------------------------------------------------------------------


def _says_whose(story: Simulation, chance: random.Random) -> None:
    """A record of which it is asked whose it is, or of which it was said already that it is not somebody's."""
    with story.store.read() as tx:
        asked = [work for work in tx.parked.open((ParkedKind.AMBIGUOUS, ParkedKind.DUPLICATE)) if work.ref is not None]
        ever = [tx.parked.get(one.question) for one in story.words.said if not one.theirs]
        alone = [at for one in story.words.said if (at := tx.links.at(one.entity, one.ref.app)) and not one.theirs]
    if alone and story.fates.profile.deletes and chance.random() < 0.2:
        _deletes(story, chance.choice(alone).ref)
        return
    works = [*asked, *(work for work in ever if work is not None and chance.random() < 0.2)]
    if not works:
        _makes_second(story, chance)
        return
    work = chance.choice(works)
    if work.kind is ParkedKind.DUPLICATE and work.closed is None and chance.random() < 0.6:
        _leaves_alone(story, work)
    elif candidates(work):
        _gives(story, work, chance.choice(candidates(work)))


def _deletes(story: Simulation, ref: Ref) -> None:
    """A person deletes the record of somebody of whom it was said that another is not theirs: whose is it now?"""
    if ref.id in story.apps[ref.app].rows:
        story.say(f"{ref.app}: a person deletes {ref.id}")
        story.apps[ref.app].person_deletes(ref.id)


def _leaves_alone(story: Simulation, work: Parked) -> None:
    story.say(f"apart: {work.ref} is not that of {candidates(work)[0]}")
    seq = story.operates(lambda: is_apart(story.world, work.id, by="sim"))
    if seq is not None and work.ref is not None:
        _note(story, seq, work, work.ref, candidates(work)[0], theirs=False)


def _gives(story: Simulation, work: Parked, entity: EntityId) -> None:
    if work.ref is None:
        return
    ref = work.ref
    with story.store.read() as tx:
        before = tx.links.at(entity, ref.app)
    story.say(f"belongs: {ref} is that of {entity}")
    seq = story.operates(lambda: belongs(story.world, work.id, entity, by="sim"), ref.app)
    if seq is None:
        return
    _note(story, seq, work, ref, entity, theirs=True)
    if before is not None and _is_still_that(story.apps[ref.app], before):  # it gave way
        _note(story, seq, work, before.ref, entity, theirs=False)
    with story.store.read() as tx:
        link = tx.links.get("people", ref)
    if link is None or link.entity != entity:
        story.violations.append(f"S15: {ref} was said to be that of {entity}, and is not")


def _is_still_that(app: SimApp, link: Link) -> bool:
    """Whether no other record has got the id since: of that one nobody has said anything."""
    row = app.rows.get(link.ref.id)
    made = 0.0 if row is None else row.created + app.skew
    return link.created is None or made < link.created.timestamp() + 1e-3  # an instant is kept to a microsecond


def _note(story: Simulation, seq: int, work: Parked, ref: Ref, entity: EntityId, *, theirs: bool) -> None:
    name = story.apps[ref.app].called(ref.id)
    said = Said(seq=seq, at=story.clock.now(), question=work.id, ref=ref, name=name, entity=entity, theirs=theirs)
    story.words.said.append(said)


def _makes_second(story: Simulation, chance: random.Random) -> None:
    """A person makes a second record with an address that is there, in an app that lets them."""
    apps = [app for app in story.apps.values() if app.rows and "email" not in app.capabilities.unique]
    if not apps:
        return
    app = chance.choice(apps)
    email = chance.choice([row.fields["email"] for row in app.rows.values()])
    id = app.person_creates(email=email, first=chance.choice(VALUES), tags=[], out=False)
    story.say(f"{app.name}: a person makes {id}, a second one with {email}")


_WORDS: Final[Sequence[Callable[[Simulation, random.Random], None]]] = (
    *[_forgets] * 2,
    _lets_back,
    *[_takes_back] * 5,
    *[_says_whose] * 5,
    _makes_second,
)
