"""Connectors around a connector: the same six methods, with one thing changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from syncd.core.record import (
    Create,
    Cursor,
    Delete,
    Gone,
    Merged,
    Outcome,
    Record,
    Ref,
    Stored,
    Unsent,
    Update,
    Write,
)
from syncd.engine.standing import Standing
from syncd.engine.writes import NEW, Writes, name_of, planned
from syncd.errors import Transient
from syncd.sdk.contract import Associates, Connector, Dissociates, Finds, Object, Page, Past, Remembers
from syncd.sdk.ties import TIE

__all__ = ["Gated", "Rehearsed"]


class Rehearsed:
    """Lets every read through and no write: it notes what would be written, and answers as the app would.

    Records that were "written" are shown as they would stand from then on, so that the engine goes on as in earnest.
    """

    def __init__(self, app: str, connector: Connector, writes: Writes, standing: Standing) -> None:
        self._app = app
        self._inner = connector
        self._writes = writes
        self._standing = standing

    def objects(self) -> Sequence[Object]:
        """As they are."""
        return self._inner.objects()

    def check(self) -> None:
        """As it is."""
        self._inner.check()

    def changes(self, object: str, since: Cursor | None) -> Iterator[Page]:
        """The app's own pages, without records that would be gone."""
        for page in self._inner.changes(object, since):
            standing = self._standing.of([row.ref for row in page.rows])
            yield replace(page, rows=tuple(standing.get(row.ref, row) for row in page.rows)) if standing else page

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        """What would stand there."""
        standing = self._standing.of(refs)
        ask = [ref for ref in refs if ref not in standing]
        found = dict(self._inner.read(ask)) if ask else {}
        return {ref: standing.get(ref) or found[ref] for ref in refs}

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Note them; nothing is sent."""
        targets = [write.ref for write in writes if not isinstance(write, Create)]
        there = self.read(targets) if targets else {}
        outcomes: list[Outcome] = []
        for write in writes:
            if isinstance(write, Create):
                self._writes.add(planned(write, None))
                ref = Ref(self._app, write.object, f"{NEW}{self._standing.count + 1}")
                record = Record(ref, dict(write.fields))
            else:
                ref = write.ref
                known = there.get(ref)
                self._writes.add(planned(write, known if isinstance(known, Record) else None))
                if isinstance(write, Delete):
                    self._standing.put(Gone(ref))
                    outcomes.append(Stored(write.key, ref))
                    continue
                record = Record(ref, write.patch)
                if isinstance(known, Record):
                    record = replace(known, fields={**known.fields, **write.patch})
            self._standing.put(record)
            outcomes.append(Stored(write.key, ref, record))
        return outcomes

    def find(self, object: str, field: str, values: Sequence[str]) -> Mapping[str, Sequence[Ref]]:
        """The app's own answer, and what would have been made."""
        inner = self._inner.find(object, field, values) if isinstance(self._inner, Finds) else {}
        found = {value: list(inner.get(value, ())) for value in values}
        for value, refs in found.items():
            refs += [ref for ref in self._standing.showing(object, field, value) if ref not in refs]
        return found

    def findable(self, object: str) -> Sequence[str]:
        """As it is."""
        return self._inner.findable(object) if isinstance(self._inner, Finds) else ()

    def associated(self, refs: Sequence[Ref], to: str) -> Mapping[Ref, Sequence[Ref]]:
        """The app's own ties, and those that would be made."""
        standing = self._standing.of(refs)
        ask = [ref for ref in refs if ref not in standing or not ref.id.startswith(NEW)]
        found = dict(self._inner.associated(ask, to)) if ask and isinstance(self._inner, Associates) else {}
        ends = self._standing.ends(refs, to)
        return {ref: ends.get(ref, found.get(ref, ())) for ref in refs}

    def associate(self, pairs: Sequence[tuple[Ref, Ref]]) -> None:
        """Note them; a tie of a record that would be made goes with the making."""
        for one, other in pairs:
            self._standing.tie(one, other.object, other)
            if not one.id.startswith(NEW):
                self._writes.add(planned(_tie(one, other), None))

    def dissociate(self, pairs: Sequence[tuple[Ref, Ref]]) -> None:
        """Note them."""
        for one, other in pairs:
            self._standing.tie(one, other.object, None)
            self._writes.add(planned(_untie(one, other), None))

    def close(self) -> None:
        """The connector belongs to whom it was borrowed from."""


class Gated:
    """Lets only those writes through that a plan holds; the others are certainly not sent.

    `take`: whether the plan holds a write by one of these names that was not sent yet; from then on it was.
    `pointing`: fields that hold another record's id. Where the plan was to make that record first, it could not know
    the id that the app would give it.
    """

    def __init__(
        self, connector: Connector, take: Callable[[Sequence[bytes]], bool], pointing: Collection[str] = ()
    ) -> None:
        self._inner = connector
        self._take = take
        self._pointing = pointing
        self._made: set[Ref] = set()
        """Records that came by the plan, in an app with ties: those of theirs are part of it."""

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
                outcomes.append(Unsent(write.key, "not in the plan", 60.0))
        done = self._inner.write(go) if go else ()
        if isinstance(self._inner, Associates):
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
        return self._take([name_of(write)]) or (bool(pointing) and self._take([name_of(_to_new(write, pointing))]))

    def close(self) -> None:
        """The connector belongs to whom it was borrowed from."""


def _to_new(write: Write, pointing: Collection[str]) -> Write:
    """The write as a plan would have it that knows none of the ids it points to."""
    match write:
        case Create(_, _, fields, _):
            return replace(write, fields={n: NEW if n in pointing and raw else raw for n, raw in fields.items()})
        case Update(_, patch, _, _):
            return replace(write, patch={n: NEW if n in pointing and raw else raw for n, raw in patch.items()})
        case Delete():
            return write


def _tie(one: Ref, other: Ref) -> Update:
    return Update(one, {f"{TIE}{other.object}": other.id}, f"tie {one} {other}")


def _untie(one: Ref, other: Ref) -> Update:
    return Update(one, {f"{TIE}{other.object}": None}, f"untie {one} {other}")
