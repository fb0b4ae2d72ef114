"""The three-way merge: what one app now shows, against what it last showed and what all have agreed on.

Per field, with `now` what the app shows, `base` what it last showed, `sent` what we last settled with it, and `ours`
the agreed value:

    | case                                            | verdict                                              |
    |-------------------------------------------------|------------------------------------------------------|
    | the app did not show the field                  | nothing                                              |
    | `now` makes no sense                            | MISFIT: a person is told, the other fields go on     |
    | `now` = `base`                                  | nothing: echo, noise, re-delivery                    |
    | `now` = `ours`                                  | AGREED: both already hold it                         |
    | first contact, `now` blank                      | nothing: a blank never wins without a base           |
    | first contact, `ours` blank                     | TAKEN                                                |
    | first contact, both filled                      | by the seed rule: SEEDED or LOST or ASKED            |
    | `sent` = `ours`: edited on top of what is agreed| TAKEN; an emptied field by the rule for blanks       |
    | otherwise                                       | a true conflict, by policy: TAKEN or LOST or ASKED   |

Concurrency is judged by values, never by clocks: the app had or had not been told the agreed value when it changed.
Clocks decide only under the policy `newest`, and only beyond the skew margin. An opt-out joins by OR, whatever else
the rule says; an opt-in against an opt-out waits for a person unless the app's evidence is believed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from syncd.core.entity import PEOPLE, Entity, Held, Link, base
from syncd.core.fieldmap import Blank, FieldRule, Policy, Seed, Sync, Way
from syncd.core.lens import UNTOLD, Misfit, view
from syncd.core.record import ABSENT, Absent, Record, Value, echoes

__all__ = ["Merge", "Verdict", "Verdicts", "merge"]


class Verdict(StrEnum):
    """What became of one field of a fact."""

    TAKEN = "taken"
    """The app's value is the agreed one now."""
    SEEDED = "seeded"
    """The same, on first contact with both sides filled."""
    AGREED = "agreed"
    LOST = "lost"
    """The app's value lost a conflict; it stays in the log and can be brought back."""
    ASKED = "asked"
    """A person must say which value stands."""
    HELD = "held"
    """An opt-in against an opt-out, or an emptied field, that a person must confirm."""
    MISFIT = "misfit"


class Verdicts(NamedTuple):
    """One field's outcome: `old` was agreed before, `new` is what the app showed, `rule` says why."""

    field: str
    verdict: Verdict
    old: Value
    new: Value
    rule: str


@dataclass(frozen=True, slots=True)
class Merge:
    """The result of folding one fact into an entity."""

    entity: Entity
    link: Link
    verdicts: tuple[Verdicts, ...]
    _changed: tuple[str, ...] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def news(self) -> bool:
        """Whether a person at the app has said anything that was not known, won or lost."""
        return any(v.verdict not in (Verdict.AGREED, Verdict.MISFIT) for v in self.verdicts)

    @property
    def changed(self) -> tuple[str, ...]:
        """The fields whose agreed value is another now."""
        if self._changed is None:  # asked for several times with every record that is taken in
            changed = tuple(v.field for v in self.verdicts if v.verdict in (Verdict.TAKEN, Verdict.SEEDED))
            object.__setattr__(self, "_changed", changed)
        return self._changed or ()


class _Ruling(NamedTuple):
    verdict: Verdict
    value: Value
    rule: str


def merge(entity: Entity, link: Link, fact: Record, sync: Sync, *, skew: timedelta) -> Merge:
    """Fold what an app now shows into the entity, field by field.

    `link.seen` holds what the app showed before ({} on first contact). `skew` is how far apart the clocks of two
    apps may be before `newest` trusts them.
    """
    app = link.ref.app
    seen: dict[str, Any] = dict(link.seen)
    sent, verdicts, before = dict(link.sent), [], entity.fields
    held: dict[str, Held] = {}
    for rule in sync.mapped(app):
        lens = rule.lenses[app]
        if echoes(lens.window, link.seen, fact.fields):
            continue  # whatever the lens makes of it
        now = view(lens, fact.fields, before)
        if isinstance(now, Absent):
            continue
        last = base(rule, link, before) if link.seen else ABSENT
        seen.update({name: fact.fields[name] for name in lens.window if name in fact.fields})
        if now == last:
            continue
        if isinstance(now, Misfit):
            if not rule.partial:
                verdicts.append(Verdicts(rule.name, Verdict.MISFIT, entity.value(rule.name), now.found, now.reason))
            if not isinstance(last, UNTOLD):
                sent.setdefault(rule.name, last)  # what was settled before it stopped making sense
            continue
        settled = sent.pop(rule.name, last)  # it shows something of its own now
        if rule.ways[app] is Way.WRITE:
            ours = entity.value(rule.name)
            if now is not None and now not in (ours, settled):  # about to be overwritten: it must be found again
                verdicts.append(Verdicts(rule.name, Verdict.LOST, ours, now, f"{app} is only written to"))
            continue
        ruling = _rule(rule, entity, app, now, last, settled, fact.version.at, skew, sync)
        if ruling is None and isinstance(last, Misfit):
            ruling = _Ruling(Verdict.AGREED, entity.value(rule.name), "it makes sense again")
        if ruling is None:
            continue
        old = entity.held.get(rule.name)
        verdicts.append(Verdicts(rule.name, ruling.verdict, None if old is None else old.value, now, ruling.rule))
        if ruling.verdict in (Verdict.TAKEN, Verdict.SEEDED):
            ver = 1 if old is None else old.ver + 1
            held[rule.name] = Held(ruling.value, ver, app, fact.version.at)
        elif old is not None and _lends_rank(rule, ruling, app, old, first=isinstance(settled, UNTOLD)):
            held[rule.name] = old._replace(author=app)
        elif old is not None and ruling.verdict is Verdict.AGREED and _lends_time(sync, settled, fact.version.at, old):
            held[rule.name] = old._replace(at=fact.version.at)
    if held:
        entity = replace(entity, held={**entity.held, **held})
    tied = replace(link, seen=seen, sent=sent, version=fact.version, created=fact.created or link.created)
    return Merge(entity, tied, tuple(verdicts))


def _rule(
    rule: FieldRule,
    entity: Entity,
    app: str,
    now: Value,
    last: Value | Absent | Misfit,
    settled: Value | Absent | Misfit,
    at: datetime | None,
    skew: timedelta,
    sync: Sync,
) -> _Ruling | None:
    ours = entity.held.get(rule.name)
    value = None if ours is None else ours.value
    first = isinstance(settled, UNTOLD)
    if now == value:
        return _Ruling(Verdict.AGREED, now, "agreed") if ours is not None else None
    if rule.consent:
        return _consent(rule, app, now, value, told=settled is True)
    if first:
        if now is None:
            return None
        if value is None:
            return _Ruling(Verdict.TAKEN, now, "first filled")
        return _seed(rule, app, now, ours, at, skew, sync)
    if now is None and rule.blank is not Blank.PROPAGATE:
        verdict = Verdict.HELD if rule.blank is Blank.HOLD else Verdict.LOST
        return _Ruling(verdict, value, f"blank = {rule.blank}")
    if settled == value:
        return _Ruling(Verdict.TAKEN, now, "edited")
    ancestor = last if isinstance(last, tuple) else ()
    return _conflict(rule, app, now, ours or Held(None, 0), ancestor, at, skew)


def _lends_rank(rule: FieldRule, ruling: _Ruling, app: str, old: Held, *, first: bool) -> bool:
    """Who says the same lends the value their rank: the outcome must not depend on who was asked first."""
    outranks = _rank(rule.order, app) < _rank(rule.order, old.author)
    return ruling.verdict is Verdict.AGREED and not first and outranks


def _lends_time(sync: Sync, settled: Value | Absent | Misfit, at: datetime | None, old: Held) -> bool:
    """The same of what is compared by its time on first contact."""
    newest = sync.seed is Seed.NEWEST and isinstance(settled, UNTOLD)
    return newest and at is not None and (old.at is None or at > old.at)


def _consent(rule: FieldRule, app: str, now: Value, value: Value, *, told: bool) -> _Ruling | None:
    """An opt-out always wins. The way back is a person's word, or evidence from an app that is believed.

    `told`: the app knew of the opt-out. One that did not, and shows that somebody may be mailed, says nothing new.
    """
    if now is True:
        return _Ruling(Verdict.TAKEN, True, "an opt-out always wins")
    if value is True:
        if told and now is False and app in rule.consent_sources:
            return _Ruling(Verdict.TAKEN, False, f"{app} is a consent source")
        if told and now is False:
            return _Ruling(Verdict.HELD, value, "an opt-in against an opt-out")
        return _Ruling(Verdict.LOST, value, "an opt-out always wins")
    if now is None:
        return None
    return _Ruling(Verdict.TAKEN, now, "first filled" if value is None else "edited")


def _seed(
    rule: FieldRule, app: str, now: Value, ours: Held | None, at: datetime | None, skew: timedelta, sync: Sync
) -> _Ruling:
    """Both sides filled, no history: the operator's previewed choice."""
    held = ours or Held(None, 0)
    if rule.policy in (Policy.UNION, Policy.OR, Policy.MAX, Policy.MIN):
        return _conflict(rule, app, now, held, (), at, skew)
    if held.author == app:
        return _Ruling(Verdict.SEEDED, now, f"a newer record of {app}")
    if sync.seed is Seed.ASK:
        return _Ruling(Verdict.ASKED, held.value, "first = ask")
    if sync.seed is Seed.NEWEST:
        later = _later(at, held.at, skew)
        if later is not None:
            return _Ruling(Verdict.SEEDED, now, "first = newest") if later else _lost(held, "first = newest")
    wins = _rank(sync.seed_order, app) < _rank(sync.seed_order, held.author)
    label = f"first = prefer {(sync.seed_order or ('?',))[0]}"
    return _Ruling(Verdict.SEEDED, now, label) if wins else _lost(held, label)


def _conflict(
    rule: FieldRule,
    app: str,
    now: Value,
    ours: Held,
    ancestor: tuple[str, ...],
    at: datetime | None,
    skew: timedelta,
) -> _Ruling:
    """Two apps changed the field, neither having seen the other's change."""
    match rule.policy:
        case Policy.MANUAL:
            return _Ruling(Verdict.ASKED, ours.value, "conflict = manual")
        case Policy.UNION:
            theirs, mine = _set(now), _set(ours.value)
            joined = (mine | (theirs - set(ancestor))) - (set(ancestor) - theirs)
            return _joined(tuple(sorted(joined)) or None, ours, "conflict = union")
        case Policy.OR:
            return _joined(next((v for v in (True, False) if v in (now, ours.value)), None), ours, "conflict = or")
        case Policy.MAX | Policy.MIN:
            greater = rule.more(now, ours.value) if rule.more and now is not None and ours.value is not None else None
            if greater is None:
                return _joined(ours.value if now is None else now, ours, f"conflict = {rule.policy}")
            wins = greater is (rule.policy is Policy.MAX)
            return _joined(now if wins else ours.value, ours, f"conflict = {rule.policy}")
        case Policy.FILLED if now is None or ours.value is None:
            return _joined(ours.value if now is None else now, ours, "conflict = filled")
        case Policy.NEWEST:
            later = _later(at, ours.at, skew)
            if later is not None:
                return _Ruling(Verdict.TAKEN, now, "conflict = newest") if later else _lost(ours, "conflict = newest")
    wins = _rank(rule.order, app) <= _rank(rule.order, ours.author)
    label = "a person said what stands" if ours.author == PEOPLE else f"conflict = prefer {(rule.order or ('?',))[0]}"
    return _Ruling(Verdict.TAKEN, now, label) if wins else _lost(ours, label)


def _lost(ours: Held, label: str) -> _Ruling:
    return _Ruling(Verdict.LOST, ours.value, label)


def _joined(value: Value, ours: Held, label: str) -> _Ruling:
    return _lost(ours, label) if value == ours.value else _Ruling(Verdict.TAKEN, value, label)


def _set(value: Value) -> set[str]:
    return set(value) if isinstance(value, tuple) else set()


def _rank(order: tuple[str, ...], author: str) -> int:
    if author == PEOPLE:
        return -1
    return order.index(author) if author in order else len(order)


def _later(theirs: datetime | None, ours: datetime | None, skew: timedelta) -> bool | None:
    """True: theirs is later beyond doubt; False: ours is; None: the clocks cannot tell."""
    if theirs is None or ours is None or abs(theirs - ours) <= 2 * skew:
        return None
    return theirs > ours
