"""Connectors around a connector: the same six methods, with one thing changed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from syncd.core.record import (
    Create,
    Cursor,
    Delete,
    Gone,
    Merged,
    Outcome,
    Raws,
    Record,
    Ref,
    Stored,
    Unsent,
    Update,
    Write,
)
from syncd.errors import Transient
from syncd.sdk.contract import Associates, Connector, Dissociates, Finds, Object, Page, Past, Remembers
from syncd.sdk.ties import TIE

__all__ = ["Gated", "Rehearsed", "fingerprint"]

_NEW: Final = "new-"
"""How the id of a record begins that would be made."""


class Rehearsed:
    """Lets every read through and no write: it notes what would be written, and answers as the app would.

    Records that were "written" are shown as they would stand from then on, so that the engine goes on as in earnest.
    """

    def __init__(self, app: str, connector: Connector) -> None:
        self._app = app
        self._inner = connector
        self._overlay: dict[Ref, Record | Gone] = {}
        self._ties: dict[tuple[Ref, str], Ref | None] = {}
        self.written: list[Write] = []
        self.before: dict[str, Record] = {}
        """What stood in the record before, by the key of the write."""

    def objects(self) -> Sequence[Object]:
        """As they are."""
        return self._inner.objects()

    def check(self) -> None:
        """As it is."""
        self._inner.check()

    def changes(self, object: str, since: Cursor | None) -> Iterator[Page]:
        """The app's own pages, without records that would be gone."""
        for page in self._inner.changes(object, since):
            rows = tuple(self._overlay.get(row.ref, row) for row in page.rows)
            yield replace(page, rows=rows)

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        """What would stand there."""
        ask = [ref for ref in refs if ref not in self._overlay]
        found = dict(self._inner.read(ask)) if ask else {}
        return {ref: self._overlay.get(ref) or found[ref] for ref in refs}

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Note them; nothing is sent."""
        self.written += writes
        targets = [write.ref for write in writes if not isinstance(write, Create)]
        there = self.read(targets) if targets else {}
        outcomes: list[Outcome] = []
        for write in writes:
            if isinstance(write, Create):
                ref = Ref(self._app, write.object, f"{_NEW}{len(self._overlay) + 1}")
                record = Record(ref, dict(write.fields))
            else:
                ref = write.ref
                known = there.get(ref)
                if isinstance(known, Record):
                    self.before[write.key] = known
                if isinstance(write, Delete):
                    self._overlay[ref] = Gone(ref)
                    outcomes.append(Stored(write.key, ref))
                    continue
                record = Record(ref, write.patch)
                if isinstance(known, Record):
                    record = replace(known, fields={**known.fields, **write.patch})
            self._overlay[ref] = record
            outcomes.append(Stored(write.key, ref, record))
        return outcomes

    def find(self, object: str, field: str, values: Sequence[str]) -> Mapping[str, Sequence[Ref]]:
        """The app's own answer, and what would have been made."""
        inner = self._inner.find(object, field, values) if isinstance(self._inner, Finds) else {}
        found = {value: list(inner.get(value, ())) for value in values}
        for ref, record in self._overlay.items():
            shown = str(record.fields.get(field, "")).casefold() if isinstance(record, Record) else ""
            for value in values:
                if ref.object == object and shown and shown == value.casefold() and ref not in found[value]:
                    found[value].append(ref)
        return found

    def findable(self, object: str) -> Sequence[str]:
        """As it is."""
        return self._inner.findable(object) if isinstance(self._inner, Finds) else ()

    def associated(self, refs: Sequence[Ref], to: str) -> Mapping[Ref, Sequence[Ref]]:
        """The app's own ties, and those that would be made."""
        ask = [ref for ref in refs if ref not in self._overlay or ref.id[: len(_NEW)] != _NEW]
        found = dict(self._inner.associated(ask, to)) if ask and isinstance(self._inner, Associates) else {}
        ends = {ref: [end] if (end := self._ties.get((ref, to))) else () for ref in refs if (ref, to) in self._ties}
        return {ref: ends.get(ref, found.get(ref, ())) for ref in refs}

    def associate(self, pairs: Sequence[tuple[Ref, Ref]]) -> None:
        """Note them; a tie of a record that would be made goes with the making."""
        for one, other in pairs:
            self._ties[one, other.object] = other
            if not one.id.startswith(_NEW):
                self.written.append(_tie(one, other))

    def dissociate(self, pairs: Sequence[tuple[Ref, Ref]]) -> None:
        """Note them."""
        for one, other in pairs:
            self._ties[one, other.object] = None
            self.written.append(_untie(one, other))

    def close(self) -> None:
        """The connector belongs to whom it was borrowed from."""


class Gated:
    """Lets only those writes through that a plan holds; the others are certainly not sent.

    `pointing`: fields that hold another record's id. Where the plan was to make that record first, it could not know
    the id that the app would give it.
    """

    def __init__(self, connector: Connector, allowed: Mapping[str, int], pointing: Collection[str] = ()) -> None:
        self._inner = connector
        self._left = dict(allowed)
        self._pointing = pointing
        self._made: set[Ref] = set()
        self.refused: list[Write] = []

    def objects(self) -> Sequence[Object]:
        """As they are."""
        return self._inner.objects()

    def check(self) -> None:
        """As it is."""
        self._inner.check()

    def changes(self, object: str, since: Cursor | None) -> Iterator[Page]:
        """As they are."""
        return self._inner.changes(object, since)

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        """As it is."""
        return self._inner.read(refs)

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Those in the plan, each as often as it stands there."""
        go, outcomes = [], []
        for write in writes:
            if self._allows(write, self._pointing):
                go.append(write)
            else:
                self.refused.append(write)
                outcomes.append(Unsent(write.key, "not in the plan", 60.0))
        done = self._inner.write(go) if go else ()
        created = {write.key for write in go if isinstance(write, Create)}
        self._made |= {o.ref for o in done if isinstance(o, Stored) and o.key in created}
        return [*done, *outcomes]

    def find(self, object: str, field: str, values: Sequence[str]) -> Mapping[str, Sequence[Ref]]:
        """As it is."""
        return self._inner.find(object, field, values) if isinstance(self._inner, Finds) else dict.fromkeys(values, ())

    def findable(self, object: str) -> Sequence[str]:
        """As it is."""
        return self._inner.findable(object) if isinstance(self._inner, Finds) else ()

    def associated(self, refs: Sequence[Ref], to: str) -> Mapping[Ref, Sequence[Ref]]:
        """As they are."""
        return self._inner.associated(refs, to) if isinstance(self._inner, Associates) else {}

    def associate(self, pairs: Sequence[tuple[Ref, Ref]]) -> None:
        """Those in the plan. Raises Transient for others."""
        for one, other in pairs:
            if one not in self._made and not self._allows(_tie(one, other), (f"{TIE}{other.object}",)):
                raise Transient(f"{one} is not tied: this is not in the plan")
        if isinstance(self._inner, Associates):
            self._inner.associate(pairs)

    def dissociate(self, pairs: Sequence[tuple[Ref, Ref]]) -> None:
        """Those in the plan. Raises Transient for others."""
        for one, other in pairs:
            if not self._allows(_untie(one, other), ()):
                raise Transient(f"{one} is not untied: this is not in the plan")
        if isinstance(self._inner, Dissociates):
            self._inner.dissociate(pairs)

    def history(self, ref: Ref, fields: Sequence[str]) -> Mapping[str, Sequence[Past]]:
        """As it is."""
        return self._inner.history(ref, fields) if isinstance(self._inner, Remembers) else {}

    def _allows(self, write: Write, pointing: Collection[str]) -> bool:
        """Is it in the plan? Each write there is good for once."""
        names = (fingerprint(write), fingerprint(_to_new(write, pointing)))
        name = next((known for known in names if self._left.get(known, 0) > 0), "")
        if name:
            self._left[name] -= 1
        return bool(name)

    def close(self) -> None:
        """The connector belongs to whom it was borrowed from."""


def fingerprint(write: Write) -> str:
    """What makes two writes the same write: all but the key, the version they expect, and ids yet to be given."""
    match write:
        case Create(app, object, fields, _):
            return f"create {app}/{object} {_known(fields)}"
        case Update(ref, patch, _, _):
            return f"update {ref} {_known(patch)}"
        case Delete(ref, _, _):
            return f"delete {ref}"


def _known(fields: Raws) -> str:
    """The fields as text: the same before and after they have been in a file as JSON."""
    known = {name: _NEW if str(raw).startswith(_NEW) else raw for name, raw in fields.items()}
    return json.dumps(known, sort_keys=True, ensure_ascii=False, default=str)


def _to_new(write: Write, pointing: Collection[str]) -> Write:
    """The write as a plan would have it that knows none of the ids it points to."""
    match write:
        case Create(_, _, fields, _):
            return replace(write, fields={n: _NEW if n in pointing and raw else raw for n, raw in fields.items()})
        case Update(_, patch, _, _):
            return replace(write, patch={n: _NEW if n in pointing and raw else raw for n, raw in patch.items()})
        case Delete():
            return write


def _tie(one: Ref, other: Ref) -> Update:
    return Update(one, {f"{TIE}{other.object}": other.id}, f"tie {one} {other}")


def _untie(one: Ref, other: Ref) -> Update:
    return Update(one, {f"{TIE}{other.object}": None}, f"untie {one} {other}")
