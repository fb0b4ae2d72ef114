"""A simulated app: a `Fake` whose every call may meet its fate, and which keeps what it is given in its own manner."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from syncd.core.record import (
    Create,
    Cursor,
    Delete,
    Gone,
    Merged,
    Outcome,
    Raw,
    Record,
    Ref,
    Refused,
    Stale,
    Unknown,
    Update,
    Write,
)
from syncd.errors import InDoubt, Throttled, Transient, Unavailable
from syncd.sdk.contract import Capabilities, Clock, Deletes, Field, FieldType, Page
from syncd.testing.fake import Fake, Wrote
from syncd.testing.simulator.fates import Fates

__all__ = ["ADDRESSES", "FIELDS", "LATE", "MANNERS", "SETS", "VALUES", "SimApp", "drawn_app"]
LATE: Final = timedelta(seconds=60)
FIELDS: Final = ("email", "first", "note", "tags", "out")
ADDRESSES: Final = ("a@example.com", "b@example.com", "c@example.com", "d@example.com")
VALUES: Final = ("a", "A", "b", "ab ", "Abba", "")
"""Short, colliding, differing by case and by white space: what exposes a guess about coercion."""
SETS: Final = ((), ("x",), ("y",), ("x", "y"), ("y", "z"))

MANNERS: Final[Mapping[str, Callable[[Raw], Raw]]] = {
    "upper": lambda v: v.upper() if isinstance(v, str) else v,
    "cut": lambda v: v[:2] if isinstance(v, str) else v,
    "trim": lambda v: v.strip() if isinstance(v, str) else v,
    "blank is none": lambda v: v or None,
}
_WORKFLOWS: Final = 3
"""So many times an app rewrites what it was given, in one story: people stop typing, and so must it."""


@dataclass
class SimApp(Fake):
    """An app with fates. What an index shows lags behind by up to `capabilities.list_lag`."""

    fates: Fates = field(default_factory=Fates)
    finds: bool = True  # can look for records by a field
    calls_back: bool = True  # sends webhooks
    merges_anew: bool = False  # two merged records become a third
    picky: frozenset[str] = frozenset()  # notes that it refuses
    poison: str = ""  # an address whose every write it refuses
    intrude: Callable[[], None] = lambda: None
    meanwhile: Callable[[], None] = lambda: None
    """Something else happens while a call is under way."""
    watch: Callable[[Sequence[Write]], None] = lambda _: None
    """Sees every batch of writes as it arrives."""
    observe: Callable[[Iterable[Record | Gone | Merged]], None] = lambda _: None
    """Sees everything that it shows."""
    arrange: Callable[[list[Record | Gone | Merged]], None] = lambda _: None
    """Puts the rows of a page in another order."""
    stale: int = 0  # writes refused, since somebody had been there in between
    landing: list[tuple[float, float, Write]] = field(default_factory=list)
    landed: dict[float, float] = field(default_factory=dict)
    """When a write landed long after it was sent, and when that was."""
    was_cut: bool = False
    """The last listing was cut short, or the one before it and the last was empty."""
    blind_until: float = -1.0
    looked_after: float = 0.0
    """Until then its access is as it should be: an operator has looked."""
    rewriting: list[tuple[float, str]] = field(default_factory=list)
    """When the app will rewrite a note it was given."""
    rewritten: int = 0
    told: list[Ref] = field(default_factory=list)
    """Webhooks yet to be sent."""
    removed: dict[str, Any] = field(default_factory=dict)
    """Records that were deleted, as they were."""
    tombstones: list[tuple[float, str]] = field(default_factory=list)
    """When which record was deleted."""
    lives: dict[str, int] = field(default_factory=dict)
    """How many records an id has stood for."""
    joined: dict[str, str] = field(default_factory=dict)
    """Which record was merged into which, by their names in the journal."""
    before: dict[str, Record] = field(default_factory=dict)
    """An earlier showing of a record, for stale rows."""
    index: dict[str, Record] = field(default_factory=dict)
    indexing: list[tuple[float, str]] = field(default_factory=list)
    looks: dict[str, list[float]] = field(default_factory=dict)
    """When it has shown which record as it was just then, by its name in the journal."""
    dated: set[str] = field(default_factory=set)
    """Of which a read has told when they came to be: only their ids are ever used again, for nobody else could tell."""

    # --- the contract ------------------------------------------------------------------------------------------

    def changes(self, object: str, since: Cursor | None) -> Iterator[Page]:
        """Pages, perhaps cut short, perhaps with rows as they were."""
        self._begins("list")
        self.fault = "blind" if self._blinded() else ""
        self.truncated = self._cut()
        pages = list(self._from_index(since) if self.capabilities.list_lag else super().changes(object, since))
        self.fault, self.truncated = "", None
        if self.capabilities.deletes is Deletes.TOLD and self.capabilities.incremental and since is not None:
            pages[0] = replace(pages[0], rows=(*self._tombs(float(since)), *pages[0].rows))
        for page in pages:
            rows = [self._row(row) if isinstance(row, Record) else row for row in page.rows]
            self.arrange(rows)
            self.observe(rows)
            self._looked_at(rows)
            self.fates.point(f"{self.name} answers a listing")
            yield Page(tuple(rows), page.cursor, page.facts, page.complete, page.total)

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        """Facts, or no answer, or a general denial."""
        self._begins("read")
        self.fault = "blind" if self._blinded() else ""
        self.hidden = frozenset({"note"}) if self._strikes("hidden") else frozenset()
        found = super().read(refs)
        self.fault, self.hidden = "", frozenset()
        self.observe(found.values())
        self.dated |= {ref.id for ref, fact in found.items() if isinstance(fact, Record)}
        self._looked_at(found.values())
        self.fates.point(f"{self.name} answers a read")
        return found

    def find(self, object: str, field: str, values: Sequence[str]) -> Mapping[str, Sequence[Ref]]:
        """By the index, where there is one."""
        self._begins("find")
        if not self.capabilities.list_lag:
            return super().find(object, field, values)
        shown = {row.ref.id: str(row.fields.get(field) or "").casefold() for row in self.index.values()}
        return {
            value: [Ref(self.name, self.object, id) for id, own in shown.items() if own == value.casefold()]
            for value in values
        }

    def findable(self, object: str) -> Sequence[str]:
        """Nothing, where it cannot search."""
        return super().findable(object) if self.finds else ()

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Applied, not applied, or nobody knows."""
        self.watch(writes)
        self._begins("write")
        if self._strikes("refused_before"):
            raise Transient("refused before it was sent")
        if self._strikes("cut_before"):
            raise InDoubt("cut before it was applied")
        if self._strikes("late"):
            sent, wait = self.clock.now(), self.fates.chance.random() * LATE.total_seconds() * 0.9
            self.landing += [(sent + wait, sent, write) for write in writes]
            self.writes += writes
            raise InDoubt("no answer in time")
        if self._strikes("intruder"):
            self.intrude()
        outcomes = list(super().write(writes))
        self.stale += sum(isinstance(outcome, Stale) for outcome in outcomes)
        self._rewrites(writes)
        self.fates.point(f"{self.name} has written")
        if self._strikes("cut_after"):
            raise InDoubt("cut after it was applied")
        if self._strikes("partial"):
            place = self.fates.chance.randrange(len(outcomes))
            outcomes[place] = Unknown(outcomes[place].key, "no word of this one")
            self.fates.chance.shuffle(outcomes)
        return outcomes

    def check(self) -> None:
        """Reachable?"""
        self._begins("check")

    # --- what people and time do to it -------------------------------------------------------------------------

    def person_merges(self, keep: str, lose: str) -> None:
        """A person merges two records: one survives, or a third stands for both."""
        kept, lost = self.called(keep), self.called(lose)
        if not self.merges_anew:
            super().person_merges(keep, lose)
            self.joined[lost] = kept
        else:
            fields = dict(self.rows[keep].fields)
            del self.rows[keep], self.rows[lose]
            new = self._create(fields, "person")
            self.merged.update({id: new for id in (keep, lose) if id != new})  # the third may be given the id of either
            self.joined[kept] = self.joined[lost] = self.called(new)
        for id in (keep, lose):
            self._tells(id)

    def person_deletes(self, id: str) -> None:
        """A person deletes a record; it may be brought back."""
        self.removed[id] = self.rows[id]
        super().person_deletes(id)
        self._left(id)

    def person_restores(self, id: str) -> None:
        """A deleted record is there again, as it was."""
        self.rows[id] = self.removed.pop(id)
        self._update(id, {}, "person")  # the app notes when it came back
        self.journal.append(Wrote(self.clock.now(), "person", self.called(id), "restored", None))
        self._tells(id)

    def called(self, id: str) -> str:
        """The name of the record that an id stands for now, in the journal."""
        lives = self.lives.get(id, 1)
        return id if lives == 1 else f"{id}~{lives}"

    def due_webhooks(self) -> list[Ref]:
        """What it would tell of by now."""
        told, self.told = self.told, []
        return told

    def next_due(self) -> float | None:
        """When something of its own will happen next."""
        return min([at for at, *_ in self.landing] + [at for at, _ in (*self.rewriting, *self.indexing)], default=None)

    def passes(self) -> None:
        """Time has passed: writes that were long on their way land, workflows run, the index catches up."""
        if not (self.landing or self.rewriting or self.indexing):
            return
        now = self.clock.now()
        for due, sent, write in [entry for entry in self.landing if entry[0] <= now]:
            self.landing.remove((due, sent, write))
            self.landed.setdefault(now, sent)
            self.fates.heard(f"{self.name}: a write lands late, {write.key}")
            if not isinstance(write, Update) or write.ref.id in self.rows:
                self._one(write)
        for due, id in [entry for entry in self.rewriting if entry[0] <= now]:
            self.rewriting.remove((due, id))
            if id in self.rows:
                self.fates.heard(f"{self.name}: rewrites the note of {id}")
                note = self.rows[id].fields.get("note")
                self._update(id, {"note": f"{note or ''}w"[-2:]}, "workflow")
        for due, id in [entry for entry in self.indexing if entry[0] <= now]:
            self.indexing.remove((due, id))
            if id in self.rows:
                self.index[id] = self._record(id)
            else:
                self.index.pop(id, None)

    # --- within ------------------------------------------------------------------------------------------------

    def _looked_at(self, rows: Iterable[Record | Gone | Merged]) -> None:
        for row in rows:
            stands = self.rows.get(row.ref.id)
            if isinstance(row, Record) and stands is not None and row.version.token == str(stands.serial):
                self.looks.setdefault(self.called(row.ref.id), []).append(self.clock.now())

    def _cut(self) -> int | None:
        """How much of a listing is shown, if it is cut; where nothing but a listing tells, not twice in a row."""
        cut = self.fates.chance.randrange(3) if self._strikes("truncated") else None
        if self.was_cut and not self.finds and not self.capabilities.unique:
            cut = None
        self.was_cut = cut is not None or (self.was_cut and self.fault == "blind")
        return cut

    def _strikes(self, fault: str) -> bool:
        struck = self.fates.strikes(getattr(self.fates.profile, fault))
        if struck:
            self.fates.heard(f"{self.name}: {fault}")
        return struck

    def _begins(self, call: str) -> None:
        self.passes()
        self.fates.point(f"{self.name} is asked to {call}")
        if self._strikes("meanwhile"):
            self.meanwhile()
        if self._strikes("outage"):
            raise Unavailable(f"{self.name} is down")
        if self._strikes("throttled"):
            raise Throttled(f"{self.name} asks for patience", retry_after=self.fates.chance.choice([1.0, 30.0, None]))

    def _blinded(self) -> bool:
        """A permission that is lost is not back at the next call: it is gone for a while, or until somebody looks."""
        if self.clock.now() < self.looked_after:
            return False
        if self._strikes("blind"):
            self.blind_until = self.clock.now() + self.fates.chance.choice([0.0, 0.0, 1500.0])
        return not self.fates.calm and self.clock.now() <= self.blind_until

    def _from_index(self, since: Cursor | None) -> Iterator[Page]:
        """Hints only: rows as the index has them. A listing resumes early enough to skip nothing that was late."""
        incremental = since is not None and self.capabilities.incremental
        floor = float(since) if since is not None else 0.0
        start = floor - self.capabilities.list_lag.total_seconds() - 1 if incremental else None
        rows = sorted((row.version.at.timestamp() if row.version.at else 0.0, id) for id, row in self.index.items())
        rows = [entry for entry in rows if start is None or entry[0] - self.skew >= start]
        if self.fault == "blind":
            rows = []
        if start is None and self.truncated is not None:
            rows = rows[: self.truncated]
        size = self.capabilities.page_size
        for at in range(0, max(len(rows), 1), size):
            part, last = rows[at : at + size], at + size >= len(rows)
            cursor = Cursor(str(part[-1][0] - self.skew if part else floor))
            shown = tuple(self.index[id] for _, id in part)
            yield Page(shown, cursor, facts=False, complete=last and start is None, total=len(rows))

    def _tombs(self, start: float) -> Iterator[Gone]:
        overlap = self.capabilities.list_lag.total_seconds() + 1
        for id in dict.fromkeys(id for at, id in self.tombstones if at >= start - overlap and id not in self.rows):
            yield Gone(Ref(self.name, self.object, id), told=True)

    def _rewrites(self, writes: Sequence[Write]) -> None:
        for write in writes:
            if not isinstance(write, Update) or "note" not in write.patch:
                continue
            if self.rewritten < _WORKFLOWS and self._strikes("workflow"):
                self.rewritten += 1
                self.rewriting.append((self.clock.now() + self.fates.chance.choice([5.0, 300.0]), write.ref.id))

    def _one(self, write: Write) -> Outcome:
        patch = {} if isinstance(write, Delete) else write.fields if isinstance(write, Create) else write.patch
        if patch.get("note") in self.picky:
            return Refused(write.key, "not one of our notes", "note")
        if self.poison and not isinstance(write, Delete):
            own = self.rows[write.ref.id].fields if isinstance(write, Update) and write.ref.id in self.rows else {}
            if self.poison in (patch.get("email"), own.get("email")):
                return Refused(write.key, "we do not like this one")
        if isinstance(write, Delete) and write.ref.id in self.rows:
            self.removed[write.ref.id] = self.rows[write.ref.id]
        outcome = super()._one(write)
        if isinstance(write, Delete):
            self._left(write.ref.id)
        return outcome

    def _row(self, row: Record) -> Record:
        shown = row
        if self._strikes("stale_rows"):
            shown = self.before.get(row.ref.id, row)
        self.before[row.ref.id] = row
        return shown

    def _new_id(self) -> str:
        dead = [id for id in self.removed if id not in self.rows and id in self.dated]
        free = [id for id in dead if self.removed[id].created < self._tick()]  # else the two are of one age
        if free and self._strikes("reuses"):
            id = free[0]
            del self.removed[id]
            self.lives[id] = self.lives.get(id, 1) + 1
            self.before.pop(id, None)
            self.dated.discard(id)
            return id
        return super()._new_id()

    def _update(self, id: str, fields: Mapping[str, Raw], author: str) -> None:
        super()._update(id, fields, author)
        self._tells(id)

    def _left(self, id: str) -> None:
        self.tombstones.append((self._tick(), id))
        self._tells(id)

    def _tells(self, id: str) -> None:
        """Word of a change: to the index, which takes its time, and to whoever has asked for webhooks."""
        lag = self.capabilities.list_lag.total_seconds()
        if lag:
            self.indexing.append((self.clock.now() + self.fates.chance.random() * lag, id))
        if self.calls_back:
            self.told.append(Ref(self.name, self.object, id))


def drawn_app(name: str, clock: Clock, chance: random.Random, fates: Fates) -> SimApp:
    """An app with capabilities and manners drawn at random."""
    shapes = {n: Field(name=n, type=FieldType.TEXT, unique=n == "email") for n in FIELDS}
    shapes["tags"] = Field(name="tags", type=FieldType.CHOICES, open_options=True)
    manners = {n: MANNERS[chance.choice(list(MANNERS))] for n in ("first", "note") if chance.random() < 0.4}
    capabilities = Capabilities(
        incremental=chance.random() < 0.7,
        deletes=chance.choice([Deletes.TOLD, Deletes.ABSENT, Deletes.ABSENT, Deletes.HIDDEN]),
        conditional=chance.random() < 0.5,
        unique=("email",) if chance.random() < 0.6 else (),
        returns_record=chance.random() < 0.8,
        archives=chance.random() < 0.5,
        read_batch=chance.choice([1, 100]),
        write_batch=chance.choice([1, 100]),
        page_size=chance.choice([1, 2, 100]),
        list_lag=timedelta(seconds=30 if chance.random() < 0.25 else 0),
        late_write=LATE,
        granularity=chance.choice([timedelta(milliseconds=1), timedelta(seconds=1)]),
    )
    return SimApp(
        name=name,
        clock=clock,
        fields=shapes,
        capabilities=capabilities,
        keeps=manners,
        fates=fates,
        finds=chance.random() < 0.85,
        calls_back=chance.random() < 0.6,
        merges_anew=chance.random() < 0.3,
        skew=chance.choice([0.0, 0.0, 45.0, -100.0]),
        picky=frozenset({"Abba"}) if chance.random() < 0.15 else frozenset(),
        poison="d@example.com" if chance.random() < 0.1 else "",
    )
