"""Connectors around a connector: the same six methods, with one thing changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from syncd.sdk.contract import Connector, Finds, Object, Page

__all__ = ["Gated", "Rehearsed"]


class Rehearsed:
    """Lets every read through and no write: it notes what would be written, and answers as the app would.

    Records that were "written" are shown as they would stand from then on, so that the engine goes on as in earnest.
    """

    def __init__(self, app: str, connector: Connector) -> None:
        self._app = app
        self._inner = connector
        self._overlay: dict[Ref, Record | Gone] = {}
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
                ref = Ref(self._app, write.object, f"new-{len(self._overlay) + 1}")
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

    def close(self) -> None:
        """The connector belongs to whom it was borrowed from."""


class Gated:
    """Lets only those writes through that a plan holds; the others are certainly not sent."""

    def __init__(self, connector: Connector, allowed: Mapping[str, int]) -> None:
        self._inner = connector
        self._left = dict(allowed)
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
            name = fingerprint(write)
            if self._left.get(name, 0) > 0:
                self._left[name] -= 1
                go.append(write)
            else:
                self.refused.append(write)
                outcomes.append(Unsent(write.key, "not in the plan", 60.0))
        return [*(self._inner.write(go) if go else ()), *outcomes]

    def find(self, object: str, field: str, values: Sequence[str]) -> Mapping[str, Sequence[Ref]]:
        """As it is."""
        return self._inner.find(object, field, values) if isinstance(self._inner, Finds) else dict.fromkeys(values, ())

    def findable(self, object: str) -> Sequence[str]:
        """As it is."""
        return self._inner.findable(object) if isinstance(self._inner, Finds) else ()

    def close(self) -> None:
        """The connector belongs to whom it was borrowed from."""


def fingerprint(write: Write) -> str:
    """What makes two writes the same write: all but the key and the version they expect."""
    match write:
        case Create(app, object, fields, _):
            return f"create {app}/{object} {sorted(fields.items())!r}"
        case Update(ref, patch, _, _):
            return f"update {ref} {sorted(patch.items())!r}"
        case Delete(ref, _, _):
            return f"delete {ref}"
