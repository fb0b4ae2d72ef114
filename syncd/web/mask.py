"""What a viewer sees: everything but the values of personal fields. What pages, exports and the stream tell passes it.

A field is personal by the mapping or the connector. What the mapping has no more counts as personal, and so does what
may quote a value: the words of an app, the reasons of a misfit. Somebody who is known by a personal field bears no
name but the entity's id. That there is a value, that it changed and who changed it is shown to everybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from syncd.access import Role
from syncd.console.questions import Choice, Question
from syncd.console.tell import Line, retold
from syncd.console.undo import Undoing
from syncd.console.whole import Fact, Whole
from syncd.console.why import Holding
from syncd.core.fieldmap import Sync
from syncd.core.record import EntityId
from syncd.store.chain import VOUCHING
from syncd.store.ports import Transaction
from syncd.store.values import QUOTING, Event, ParkedKind

__all__ = ["MASKED", "Mask"]

MASKED: Final = "•••"
_OTHER: Final = "••• (another)"
"""A value that is not the agreed one."""
_PLAIN: Final = frozenset({"verdict", "rule", "from", "undoes"})
"""What is told of a field in an entry and is no value of it."""
_WORDY: Final = QUOTING | {Event.BROKEN, Event.FORGETTING}
_COUNTED: Final = frozenset({"linked", "count", "guard", "by"})
_ADDRESS: Final = re.compile(r"[^\s/]*(?:@|%40)[^\s/]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mask:
    """How one visitor sees what there is to see."""

    syncs: Mapping[str, Sync]
    role: Role

    @property
    def on(self) -> bool:
        """Whether anything is hidden from this visitor."""
        return self.role == "viewer" and any(sync.names_people for sync in self.syncs.values())

    def __call__(self, told: Any) -> Any:
        """The same, as the visitor may see it. Whatever holds no value of a record passes as it is."""
        if not self.on:
            return told
        match told:
            case Line():
                return self._line(told)
            case Whole():
                return self._whole(told)
            case Question():
                return self._question(told)
            case Undoing():
                return self._undoing(told)
            case list() | tuple():
                return [self(one) for one in told]
            case _:
                return told

    def labels(self, tx: Transaction, sync_of: Mapping[EntityId, str]) -> dict[str, str]:
        """What people know entities by. `sync_of`: the sync of each."""
        return {str(id): self.label(sync_of[id], id, label) for id, label in tx.entities.labels(sync_of).items()}

    def people(self, tx: Transaction, lines: Iterable[Line]) -> dict[str, str]:
        """What people know the entities by that some entries are about."""
        return self.labels(tx, {EntityId(line.entity): line.sync for line in lines if line.entity})

    def label(self, sync: str, id: str, label: str) -> str:
        """What people know an entity by."""
        known = self.syncs.get(sync)
        named = known is None or any(known.is_personal(name) for names in known.match for name in names)
        return id if self.on and named else label

    def may_seek(self, sync: str) -> bool:
        """Whether somebody may be looked for by what they are matched by: who may not see it must not guess it."""
        return not self.on or not any(self._hides(sync, name) for names in self.syncs[sync].match for name in names)

    def may_seek_record(self, record: str) -> bool:
        """The same for a record as app/object/id, whose id may be an address."""
        return not self.on or _id(record) == record

    def text(self, sync: str, field: str, text: str) -> str:
        """What is said about a field, and may quote values of it."""
        return MASKED if self._hides(sync, field) else text

    def _hides(self, sync: str, field: str) -> bool:
        known = self.syncs.get(sync)
        return self.on and (known is None or known.is_personal(field))

    def _value(self, sync: str, field: str, value: Any) -> Any:
        blank = value is None or value in ("", [], ())
        return MASKED if not blank and self._hides(sync, field) else value

    def _line(self, line: Line) -> Line:
        fields = line.fields
        if line.event not in VOUCHING:
            fields = {name: self._told(line.sync, name, what) for name, what in line.fields.items()}
        known = self.syncs.get(line.sync)
        quotes = line.event in _WORDY and (known is None or known.names_people)
        return retold(line, fields=fields, note=MASKED if quotes and line.note else line.note, record=_id(line.record))

    def _told(self, sync: str, field: str, what: Mapping[str, Any]) -> Mapping[str, Any]:
        told = {key: value if key in _PLAIN else self._value(sync, field, value) for key, value in what.items()}
        return told | {"rule": self.text(sync, field, told["rule"])} if what.get("verdict") == "misfit" else told

    def _whole(self, whole: Whole) -> Whole:
        ties = tuple(replace(tie, record=_id(tie.record)) for tie in whole.ties)
        facts = tuple(self._fact(whole.sync, fact) for fact in whole.facts)
        return replace(whole, label=self.label(whole.sync, whole.entity, whole.label), ties=ties, facts=facts)

    def _fact(self, sync: str, fact: Fact) -> Fact:
        apps = tuple(self._holding(sync, fact, holding) for holding in fact.apps)
        return replace(fact, value=self._value(sync, fact.field, fact.value), apps=apps)

    def _holding(self, sync: str, fact: Fact, holding: Holding) -> Holding:
        kept = replace(holding, record=_id(holding.record))
        if not self._hides(sync, fact.field):
            return kept
        shows = self._value(sync, fact.field, holding.shows)
        return replace(
            kept,
            raw={},
            shows=_OTHER if shows == MASKED and holding.shows != fact.value else shows,
            sent=self._value(sync, fact.field, holding.sent),
            next=f"{MASKED} will be written" if holding.next.endswith(" will be written") else holding.next,
        )

    def _question(self, question: Question) -> Question:
        work = question.work
        known = self.syncs.get(work.sync)
        quotes = work.kind == ParkedKind.QUARANTINE and (known is None or known.names_people)
        masked = replace(
            work,
            record=_id(work.record),
            label=self.label(work.sync, work.entity, work.label) if work.label else "",
            reason=MASKED if quotes and work.reason else _ADDRESS.sub(MASKED, work.reason),
            ours=self._value(work.sync, work.field, work.ours),
            theirs=self._value(work.sync, work.field, work.theirs),
            detail=_counted(work.detail),
        )
        return replace(
            question,
            work=masked,
            agreed=self._value(work.sync, work.field, question.agreed),
            choices=tuple(self._choice(work.sync, work.field, choice) for choice in question.choices),
            records=tuple(_id(ref) for ref in question.records),
            instead=_id(question.instead),
            rivals=tuple(replace(one, label=self.label(work.sync, one.entity, one.label)) for one in question.rivals),
        )

    def _choice(self, sync: str, field: str, choice: Choice) -> Choice:
        fault = self.text(sync, field, choice.fault) if choice.fault else ""
        return replace(choice, record=_id(choice.record), value=self._value(sync, field, choice.value), fault=fault)

    def _undoing(self, undoing: Undoing) -> Undoing:
        samples = tuple(
            replace(
                one,
                label=self.label(one.sync, one.entity, one.label),
                now=self._value(one.sync, one.field, one.now),
                then=self._value(one.sync, one.field, one.then),
            )
            for one in undoing.samples
        )
        stay = tuple(replace(one, label=self.label("", one.entity, one.label)) for one in undoing.stay)
        return replace(undoing, samples=samples, stay=stay)


def _id(record: str) -> str:
    """A record as app/object/id. There are apps whose ids are addresses."""
    return _ADDRESS.sub(MASKED, record)


def _counted(detail: Mapping[str, Any]) -> dict[str, Any]:
    """What a guard has counted; the samples are records and names of fields."""
    kept = {name: value for name, value in detail.items() if name in _COUNTED}
    samples: Iterable[Mapping[str, Any]] = detail.get("samples", ())
    return kept | {"samples": [{**one, "record": _id(str(one.get("record", "")))} for one in samples]}
