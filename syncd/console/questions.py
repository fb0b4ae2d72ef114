"""Open work as a question with everything there is to choose from, what an answer would do, and giving many at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from syncd.console.work import (
    CONFLICTS,
    HOLDS,
    QUARANTINE,
    Answered,
    Work,
    apart_all,
    approve_all,
    belongs_to,
    refuse_hold,
    resolve_agreed,
    resolve_from,
    resolve_to,
    retry_all,
    typed,
    work_of,
)
from syncd.core.entity import Entity, LinkState, base
from syncd.core.fieldmap import FieldRule, Sync, Way
from syncd.core.lens import Misfit
from syncd.core.record import ABSENT, EntityId, Value
from syncd.engine.whose import candidates
from syncd.engine.world import World
from syncd.errors import ConfigError, SyncdError
from syncd.store.ports import Transaction
from syncd.store.values import Parked, ParkedKind

__all__ = ["GROUPS", "Answer", "Choice", "Effect", "Foreseen", "Question", "Rival", "answer_all", "asked", "foresee"]

GROUPS: Final[Mapping[str, tuple[ParkedKind, ...]]] = {
    "guards": (ParkedKind.GUARD,),
    "conflicts": CONFLICTS,
    "deletes": (ParkedKind.HOLD,),
    "refused": (ParkedKind.QUARANTINE,),
    "whose": (ParkedKind.AMBIGUOUS, ParkedKind.DUPLICATE),
}
"""What is asked of a person, by what the question is about."""

_MOST: Final = 100_000
_ASIDE: Final = (
    "goes on, and what it shows of that is put aside: values give way to those before, new records are left alone, "
    "deleted ones are made again"
)
_WAYS: Final[Mapping[str, tuple[ParkedKind, ...]]] = {
    "agreed": CONFLICTS,
    "app": CONFLICTS,
    "value": CONFLICTS,
    "approve": HOLDS,
    "refuse": HOLDS,
    "retry": QUARANTINE,
    "whose": (ParkedKind.AMBIGUOUS, ParkedKind.DUPLICATE),
    "apart": (ParkedKind.DUPLICATE,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person says to a question.

    agreed: what is agreed stands. app: what `app` shows stands. value: `value`, as typed, stands. approve, refuse: yes
    or no to a held delete, or to what a guard has stopped. retry: what was refused is tried again. whose: the record is
    that of `entity`. apart: it is somebody else's, and left alone.
    """

    way: Literal["agreed", "app", "value", "approve", "refuse", "retry", "whose", "apart"]
    app: str = ""
    value: str = ""
    entity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A value that may come to stand: what an app shows of the contested field. `fault`: why it cannot be chosen."""

    app: str
    record: str
    value: Any
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """One of several that a record may belong to."""

    entity: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One piece of open work with what there is to choose from."""

    work: Work
    group: str
    agreed: Any = None
    author: str = ""
    choices: tuple[Choice, ...] = ()
    records: tuple[str, ...] = ()
    """For a held delete: the records that a yes deletes."""
    rivals: tuple[Rival, ...] = ()
    whose: bool = False
    """A record may be said to be that of one of the rivals."""
    instead: str = ""
    """The record that gives way if it is: theirs in the app until now."""

    @property
    def digest(self) -> str:
        """Another one as soon as anything is another that was shown: an answer to what was shown says it."""
        shown = [self.work.id, self.work.reason, self.agreed, self.records, [rival.entity for rival in self.rivals]]
        shown += [self.instead] if self.instead else []
        shown += [[choice.app, choice.record, choice.value, choice.fault] for choice in self.choices]
        return hashlib.sha256(json.dumps(shown, default=str).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing that an answer brings about. `app` is "" for what is only noted in syncd."""

    app: str
    record: str
    text: str
    field: str = ""
    old: Any = None
    new: Any = None
    written: bool = True
    """Whether it is a write, where it is about an app: what follows of whose a record is shows when it is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What an answer to one question would do; `fault` says why it cannot be given."""

    question: Question
    effects: tuple[Effect, ...] = ()
    fault: str = ""


def asked(
    world: World, *, group: str = "", sync: str = "", ids: Sequence[int] | None = None, start: int = 0, limit: int = 50
) -> tuple[int, tuple[Question, ...]]:
    """How many questions are open, of a group and sync, and some of them, oldest first; or those of these numbers.

    No numbers at all are nobody's questions; `ids` of None asks for everybody's.
    """
    kinds = GROUPS.get(group) or tuple(kind for kinds in GROUPS.values() for kind in kinds)
    with world.store.read() as tx:
        if ids is not None:
            found = [work for id in ids if (work := tx.parked.get(id)) is not None and work.closed is None]
        else:
            found = list(tx.parked.open(kinds, sync=sync, limit=_MOST))
        some = found[start : start + limit]
        tx.entities.load(dict.fromkeys(item.entity for item in some if item.entity))
        tx.links.load_of(dict.fromkeys(item.entity for item in some if item.entity))
        works = work_of(tx, some)
        return len(found), tuple(_question(world, tx, item, work) for item, work in zip(some, works, strict=True))


def foresee(world: World, ids: Sequence[int], answer: Answer) -> tuple[Foreseen, ...]:
    """What the answer would do to each of the questions. Nothing is changed, and no app is asked."""
    _, questions = asked(world, ids=ids, limit=len(ids))
    with world.store.read() as tx:
        return tuple(_foreseen(world, tx, question, answer) for question in questions)


def answer_all(world: World, ids: Sequence[int], answer: Answer, *, by: str) -> tuple[Answered, ...]:
    """Give the same answer to many; one that cannot be answered never stops the others."""
    return tuple(_answered(world, id, answer, by) for id in ids)


def _answered(world: World, id: int, answer: Answer, by: str) -> Answered:
    try:
        match answer.way:
            case "agreed":
                return resolve_agreed(world, id, by=by)
            case "app":
                return resolve_from(world, id, answer.app, by=by)
            case "value":
                return resolve_to(world, id, answer.value, by=by)
            case "refuse":
                return refuse_hold(world, id, by=by)
            case "whose":
                return belongs_to(world, id, EntityId(answer.entity), by=by)
            case "approve":
                (done,) = approve_all(world, [id], by=by)
            case "apart":
                (done,) = apart_all(world, [id], by=by)
            case "retry":
                (done,) = retry_all(world, [id], by=by)
    except SyncdError as error:
        return Answered(id=id, done=False, error=error.message, code=error.exit_code)
    return done


def _question(world: World, tx: Transaction, parked: Parked, work: Work) -> Question:
    group = next(name for name, kinds in GROUPS.items() if parked.kind in kinds)
    sync = world.syncs.get(parked.sync)
    entity = tx.entities.get(parked.entity) if parked.entity else None
    rivals = _rivals(tx, parked) if group == "whose" else ()
    if sync is None or entity is None:
        whose, instead = bool(candidates(parked)), _instead(tx, parked)
        return Question(work=work, group=group, agreed=work.ours, rivals=rivals, whose=whose, instead=instead)
    held = entity.held.get(parked.field)
    rule = sync.rules.get(parked.field)
    return Question(
        work=work,
        group=group,
        agreed=held.value if held else None,
        author=held.author if held else "",
        choices=tuple(_choices(tx, entity, rule)) if rule and group == "conflicts" else (),
        records=tuple(_living(tx, sync, entity)) if group == "deletes" else (),
        rivals=rivals,
    )


def _choices(tx: Transaction, entity: Entity, rule: FieldRule) -> Iterable[Choice]:
    for app in rule.lenses:
        link = tx.links.at(entity.id, app)
        if link is None:
            continue
        shown = base(rule, link, entity.fields)
        fault = shown.reason if isinstance(shown, Misfit) else "it shows none" if shown is ABSENT else ""
        value = shown.found if isinstance(shown, Misfit) else None if shown is ABSENT else shown
        yield Choice(app=app, record=str(link.ref), value=value, fault=fault)


def _living(tx: Transaction, sync: Sync, entity: Entity) -> Iterable[str]:
    for link in tx.links.of(entity.id):
        if link.state is not LinkState.GONE and link.ref.app in sync.apps:
            yield str(link.ref)


def _rivals(tx: Transaction, parked: Parked) -> tuple[Rival, ...]:
    named = parked.detail.get("entities") or [parked.detail.get("entity")]
    ids = [EntityId(id) for id in named if isinstance(id, str)]
    labels = tx.entities.labels(ids)
    return tuple(Rival(entity=id, label=labels.get(id, id)) for id in ids)


def _instead(tx: Transaction, parked: Parked) -> str:
    """The first record of whom a second one has turned up of, where that is the question."""
    if parked.kind is not ParkedKind.DUPLICATE or not (named := candidates(parked)):
        return ""
    first = tx.links.at(named[0], parked.app)
    return str(first.ref) if first else ""


def _foreseen(world: World, tx: Transaction, question: Question, answer: Answer) -> Foreseen:
    work = question.work
    if ParkedKind(work.kind) not in _WAYS[answer.way]:
        return Foreseen(question=question, fault=f"this is no answer to a {work.kind.replace('_', ' ')}")
    match answer.way:
        case "approve" | "refuse" if question.group == "guards":
            told = "goes on, and what it shows is taken in" if answer.way == "approve" else _ASIDE
            return Foreseen(question=question, effects=(Effect(app=work.app, record="", text=told),))
        case "approve":
            told = "is deleted, unless somebody has edited it since; then it stays"
            gone = (Effect(app=ref.partition("/")[0], record=ref, text=told) for ref in question.records)
            return Foreseen(question=question, effects=tuple(gone))
        case "refuse":
            app, ref = work.app, str(work.detail.get("record", ""))
            again = Effect(app=app, record=ref, text="is made again, from what is agreed")
            return Foreseen(question=question, effects=(again,))
        case "whose":
            return _theirs(question, answer)
        case "apart":
            return _left_alone(question)
        case "retry":
            what = "is read again, and tried again" if work.record else "is written again"
            return Foreseen(question=question, effects=(Effect(app=work.app, record=work.record, text=what),))
        case _:
            return _settled(world, tx, question, answer)


def _theirs(question: Question, answer: Answer) -> Foreseen:
    """What follows from saying whose a record is."""
    chosen = next((rival for rival in question.rivals if question.whose and rival.entity == answer.entity), None)
    if chosen is None:
        return Foreseen(question=question, fault="it is none of those that are asked about")
    told = f"is read, and is that of {chosen.label} from now on: taken in, and written to, as on first contact"
    work = question.work
    effects = [Effect(app=work.app, record=work.record, text=told, written=False)]
    if question.instead:
        told = "is nobody's from now on: it stays in the app as it is, and is left alone"
        effects.append(Effect(app=work.app, record=question.instead, text=told, written=False))
    return Foreseen(question=question, effects=tuple(effects))


def _left_alone(question: Question) -> Foreseen:
    """What follows from saying that a second record is somebody else's."""
    if not question.whose:
        return Foreseen(question=question, fault="it is about no second record that could be left alone")
    by, work = question.work.detail.get("by", "key"), question.work
    told = f"is left alone, and not asked about again; with another {by} it is somebody of their own"
    return Foreseen(question=question, effects=(Effect(app="", record=work.record, text=told),))


def _settled(world: World, tx: Transaction, question: Question, answer: Answer) -> Foreseen:
    """What follows from a value that stands in a contested field."""
    work = question.work
    sync = world.syncs.get(work.sync)
    rule = sync.rules.get(work.field) if sync else None
    if rule is None:
        return Foreseen(question=question, fault=f"the configuration has no {work.sync}.{work.field} any more")
    try:
        value = _chosen(question, rule, answer)
    except ConfigError as error:
        return Foreseen(question=question, fault=error.message)
    entity = tx.entities.get(EntityId(work.entity))
    effects: list[Effect] = []
    if value != question.agreed:
        effects.append(Effect(app="", record="", text="is agreed", field=rule.name, old=question.agreed, new=value))
    for choice in question.choices:
        if rule.ways[choice.app] is Way.READ or choice.value == value:
            continue
        link = tx.links.at(entity.id, choice.app)
        put = rule.lenses[choice.app].put(value, link.seen if link else {})
        if isinstance(put, Misfit):
            return Foreseen(question=question, fault=f"{choice.app} cannot hold it as {rule.name}: {put.reason}")
        told = Effect(
            app=choice.app, record=choice.record, text="is written", field=rule.name, old=choice.value, new=value
        )
        effects.append(told)
    return Foreseen(question=question, effects=tuple(effects))


def _chosen(question: Question, rule: FieldRule, answer: Answer) -> Value:
    """The value that the answer lets stand. Raises ConfigError where there is none."""
    if answer.way == "value":
        return typed(rule, answer.value)
    if answer.way == "agreed":
        agreed: Value = question.agreed
        return agreed
    chosen = next((choice for choice in question.choices if choice.app == answer.app), None)
    if chosen is None:
        raise ConfigError(f"{answer.app} has no record of this one")
    if chosen.fault:
        raise ConfigError(f"what {answer.app} shows cannot stand: {chosen.fault}")
    value: Value = chosen.value
    return value
