"""A connector that can be left: between two pages, and before a batch of writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

from syncd.core.record import Cursor, Gone, Merged, Outcome, Record, Ref, Unsent, Write
from syncd.sdk.contract import Associates, Connector, Dissociates, Finds, Object, Page, Past, Remembers

__all__ = ["Leaving"]


class Leaving:
    """The same connector, until `leaving` is set: from then on it begins nothing new.

    A listing ends after the page at hand, whose cursor is stored; a batch not yet begun comes back as certainly unsent.
    """

    def __init__(self, connector: Connector, leaving: threading.Event) -> None:
        self._inner = connector
        self._leaving = leaving

    def objects(self) -> Sequence[Object]:
        """As they are."""
        return self._inner.objects()

    def check(self) -> None:
        """As it is."""
        self._inner.check()

    def changes(self, object: str, since: Cursor | None) -> Iterator[Page]:
        """The app's pages, as long as nobody leaves."""
        for page in self._inner.changes(object, since):
            yield page
            if self._leaving.is_set():
                return

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        """As it is."""
        return self._inner.read(refs)

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """One batch, whole; one that comes when somebody leaves is not begun."""
        if self._leaving.is_set():
            return [Unsent(write.key, "syncd is stopping", 0.0) for write in writes]
        return self._inner.write(writes)

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
        """As it is: the end of a write that has begun."""
        if isinstance(self._inner, Associates):
            self._inner.associate(pairs)

    def dissociate(self, pairs: Sequence[tuple[Ref, Ref]]) -> None:
        """As it is, too."""
        if isinstance(self._inner, Dissociates):
            self._inner.dissociate(pairs)

    def history(self, ref: Ref, fields: Sequence[str]) -> Mapping[str, Sequence[Past]]:
        """As it is."""
        return self._inner.history(ref, fields) if isinstance(self._inner, Remembers) else {}

    def close(self) -> None:
        """The connector belongs to whom it was borrowed from."""
