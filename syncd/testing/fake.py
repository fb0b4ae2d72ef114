"""A small app in memory that speaks the contract directly, no HTTP: for scenarios of the engine and the simulator.

It keeps what it is told, in its own manner: it may fold case, cut, lag, refuse, lose answers, apply late. Whatever a
person or the API puts into a record is written down with author and time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from syncd.core.record import (
    Create,
    Cursor,
    Delete,
    Exists,
    Gone,
    Merged,
    Outcome,
    Raw,
    Record,
    Ref,
    Refused,
    Stale,
    Stored,
    Unknown,
    Update,
    Version,
    Write,
)
from syncd.errors import InDoubt, Unauthorised, Unavailable
from syncd.sdk.contract import Capabilities, Clock, Deletes, Field, FieldType, Object, Page

__all__ = ["Fake", "Wrote"]

Fault = Literal["", "refuse", "before", "after", "late", "outage", "blind", "revoked"]


@dataclass(frozen=True, slots=True)
class Wrote:
    """One value that came to stand in a record, and who put it there."""

    at: float
    author: str
    id: str
    field: str
    value: Raw


@dataclass(slots=True)
class _Row:
    fields: dict[str, Raw]
    at: float
    created: float
    serial: int


@dataclass
class Fake:
    """One app with one object. Knobs are plain attributes; a test turns them while it runs."""

    name: str
    clock: Clock
    fields: Mapping[str, Field]
    object: str = "people"
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(
            incremental=True, deletes=Deletes.ABSENT, read_batch=100, write_batch=100, late_write=timedelta(seconds=90)
        )
    )
    keeps: Mapping[str, Callable[[Raw], Raw]] = field(default_factory=dict)
    """What the app makes of a value it is given, by field: trims, folds, cuts."""
    fills: Mapping[str, Raw] = field(default_factory=dict)
    """What the app gives a new record by itself."""
    fault: Fault = ""
    """What happens to the next calls."""
    refuses: Callable[[Write], str] = lambda _: ""
    """Why the app refuses a write; "" where it does not."""
    during_write: Callable[[Write], None] = lambda _: None
    """Called after our read and before our write lands: a person types."""
    hidden: frozenset[str] = frozenset()
    """Fields that are not shown at all."""
    unreadable: dict[str, Exception] = field(default_factory=dict)
    """What a read of these records raises, by id, and whoever is asked for along with them."""
    unsearchable: dict[str, Exception] = field(default_factory=dict)
    """The same for a search, by value."""
    concealed: frozenset[str] = frozenset()
    """Records that no listing shows."""
    truncated: int | None = None
    """A full listing stops after so many rows and says that it is complete."""
    rows: dict[str, _Row] = field(default_factory=dict)
    skew: float = 0.0
    """Seconds by which its clock is wrong."""
    merged: dict[str, str] = field(default_factory=dict)
    journal: list[Wrote] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    late: list[Write] = field(default_factory=list)
    calls: int = 0
    serial: int = 0
    made: int = 0

    # --- people ------------------------------------------------------------------------------------------------

    def person_creates(self, **fields: Raw) -> str:
        """A person makes a record; its id."""
        return self._create(dict(fields), "person")

    def person_edits(self, id: str, **fields: Raw) -> None:
        """A person changes a record."""
        self._update(id, fields, "person")

    def person_deletes(self, id: str) -> None:
        """A person deletes a record."""
        del self.rows[id]
        self.journal.append(Wrote(self.clock.now(), "person", self.called(id), "", None))

    def person_merges(self, keep: str, lose: str) -> None:
        """A person merges two records; the loser's id leads to the survivor."""
        del self.rows[lose]
        self.merged[lose] = keep

    def land_late(self) -> None:
        """Writes whose answer was lost now arrive."""
        for write in self.late:
            self._apply(write)
        self.late.clear()

    def shown(self, id: str) -> dict[str, Raw]:
        """What stands in a record."""
        return dict(self.rows[id].fields)

    def find_one(self, **fields: Raw) -> str:
        """The id of the one record with these values; raises if there is not exactly one."""
        (found,) = [id for id, row in self.rows.items() if all(row.fields.get(k) == v for k, v in fields.items())]
        return found

    # --- the contract ------------------------------------------------------------------------------------------

    def objects(self) -> Sequence[Object]:
        """One object."""
        return [Object(self.object, self.fields, self.capabilities)]

    def check(self) -> None:
        """Raise what the fault says."""
        self._reachable()

    def changes(self, object: str, since: Cursor | None) -> Iterator[Page]:
        """Pages of `capabilities.page_size` rows, oldest change first."""
        self._reachable()
        self._mine(object)
        start = float(since) if since is not None and self.capabilities.incremental else None
        rows = sorted((row.at, row.serial, id) for id, row in self.rows.items() if id not in self.concealed)
        if start is not None:
            rows = [entry for entry in rows if entry[0] >= start]
        if self.fault == "blind":
            rows = []
        if start is None and self.truncated is not None:
            rows = rows[: self.truncated]
        size = self.capabilities.page_size
        floor = start if start is not None else 0.0
        for at in range(0, max(len(rows), 1), size):
            self.calls += 1
            part, last = rows[at : at + size], at + size >= len(rows)
            cursor = Cursor(str(part[-1][0] if part else floor))
            shown = tuple(self._record(id) for _, _, id in part if id in self.rows)
            yield Page(shown, cursor, complete=last and start is None, total=len(rows))

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        """By id."""
        self._reachable()
        self.calls += 1
        for failure in [self.unreadable[ref.id] for ref in refs if ref.id in self.unreadable]:
            raise failure
        found: dict[Ref, Record | Gone | Merged] = {}
        for ref in refs:
            if self.fault == "blind":
                found[ref] = Gone(ref)
            elif ref.id in self.merged:
                found[ref] = Merged(ref, Ref(self.name, self.object, self.merged[ref.id]))
            elif ref.id in self.rows:
                found[ref] = self._record(ref.id)
            else:
                found[ref] = Gone(ref, told=self.capabilities.deletes is Deletes.TOLD)
        return found

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """One outcome each."""
        self._reachable()
        self.calls += 1
        self.writes += writes
        if self.fault == "before":
            raise InDoubt("connection cut before the write was applied")
        if self.fault == "late":
            self.late += writes
            raise InDoubt("no answer in time")
        outcomes = [self._one(write) for write in writes]
        if self.fault == "after":
            return [Unknown(write.key, "connection cut after the write was applied") for write in writes]
        return outcomes

    def find(self, object: str, field: str, values: Sequence[str]) -> Mapping[str, Sequence[Ref]]:
        """Equal, folding case."""
        self._reachable()
        self._mine(object)
        self.calls += 1
        for failure in [self.unsearchable[value] for value in values if value in self.unsearchable]:
            raise failure
        found: dict[str, list[Ref]] = {value: [] for value in values}
        for value in values:
            for id, row in self.rows.items():
                if str(row.fields.get(field) or "").casefold() == value.casefold():
                    found[value].append(Ref(self.name, self.object, id))
        return found

    def findable(self, object: str) -> Sequence[str]:
        """Every field that is unique."""
        self._mine(object)
        return [name for name, shape in self.fields.items() if shape.unique]

    def close(self) -> None:
        """Nothing to let go of."""

    # --- within ------------------------------------------------------------------------------------------------

    def _mine(self, object: str) -> None:
        if object != self.object:
            raise KeyError(object)

    def _reachable(self) -> None:
        if self.fault == "outage":
            raise Unavailable(f"{self.name} is down")
        if self.fault == "revoked":
            raise Unauthorised(f"{self.name} does not know this token")

    def _one(self, write: Write) -> Outcome:
        reason = self.refuses(write)
        if reason or self.fault == "refuse":
            return Refused(write.key, reason or "refused", None)
        self.during_write(write)
        if not isinstance(write, Create):
            if write.ref.id not in self.rows:
                return Stale(write.key)
            now = self._record(write.ref.id).version
            if self.capabilities.conditional and write.expect is not None and write.expect.token != now.token:
                return Stale(write.key)
        return self._apply(write)

    def _apply(self, write: Write) -> Outcome:
        match write:
            case Create():
                for name in self.capabilities.unique:
                    for id, row in self.rows.items():
                        if row.fields.get(name) and row.fields.get(name) == write.fields.get(name):
                            return Exists(write.key, Ref(self.name, self.object, id))
                id = self._create(dict(write.fields), "api")
                return self._stored(write.key, id)
            case Update():
                self._update(write.ref.id, write.patch, "api")
                return self._stored(write.key, write.ref.id)
            case Delete():
                self.rows.pop(write.ref.id, None)
                self.journal.append(Wrote(self.clock.now(), "api", self.called(write.ref.id), "", None))
                return Stored(write.key, write.ref)

    def _stored(self, key: str, id: str) -> Stored:
        ref = Ref(self.name, self.object, id)
        return Stored(key, ref, self._record(id) if self.capabilities.returns_record else None)

    def called(self, id: str) -> str:
        """The name of a record in the journal."""
        return id

    def _new_id(self) -> str:
        self.made += 1
        return f"{self.name}-{self.made}"

    def _create(self, fields: dict[str, Raw], author: str) -> str:
        id = self._new_id()
        blank = {name: self.fills.get(name, shape.blank) for name, shape in self.fields.items()}
        self.rows[id] = _Row(blank, self.clock.now(), self.clock.now(), self.serial)
        self._update(id, fields, author)
        return id

    def _update(self, id: str, fields: Mapping[str, Raw], author: str) -> None:
        row = self.rows[id]
        self.serial += 1
        for name, value in fields.items():
            kept = self.keeps[name](value) if name in self.keeps and value is not None else value
            row.fields[name] = kept
            self.journal.append(Wrote(self.clock.now(), author, self.called(id), name, kept))
        row.at, row.serial = self._tick(), self.serial

    def _tick(self) -> float:
        step = self.capabilities.granularity.total_seconds()
        return self.clock.now() // step * step if step else self.clock.now()

    def _record(self, id: str) -> Record:
        row = self.rows[id]
        fields = {name: value for name, value in row.fields.items() if name not in self.hidden}
        version = Version(str(row.serial), _moment(row.at + self.skew))
        created = _moment(row.created + self.skew)
        return Record(Ref(self.name, self.object, id), fields, version, created)


@lru_cache(1024)
def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def text_fields(*names: str, unique: Sequence[str] = ()) -> dict[str, Field]:
    """Plain text fields, for scenarios."""
    return {name: Field(name=name, type=FieldType.TEXT, unique=name in unique) for name in names}


def capable(fake: Fake, **facts: Any) -> None:
    """Turn capabilities of an app."""
    fake.capabilities = replace(fake.capabilities, **facts)
