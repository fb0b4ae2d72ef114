"""A simulated app: a `Fake` whose every call may meet its fate."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from syncd.core.record import Cursor, Gone, Merged, Outcome, Raw, Record, Ref, Unknown, Update, Write
from syncd.errors import InDoubt, Transient, Unavailable
from syncd.sdk.contract import Capabilities, Clock, Deletes, Field, FieldType, Page
from syncd.testing.fake import Fake
from syncd.testing.simulator.profile import Profile

__all__ = ["ADDRESSES", "FIELDS", "LATE", "VALUES", "SimApp", "drawn_app"]

LATE = timedelta(seconds=60)
FIELDS = ("email", "first", "note", "out")
ADDRESSES = ("a@example.com", "b@example.com", "c@example.com", "d@example.com")
VALUES = ("a", "A", "b", "ab ", "Abba", "")
"""Short, colliding, differing by case and by white space: what exposes a guess about coercion."""

_MANNERS: Mapping[str, Callable[[Raw], Raw]] = {
    "upper": lambda v: v.upper() if isinstance(v, str) else v,
    "cut": lambda v: v[:2] if isinstance(v, str) else v,
    "trim": lambda v: v.strip() if isinstance(v, str) else v,
    "blank is none": lambda v: v or None,
}


@dataclass
class SimApp(Fake):
    """An app with fates. `calm` ends all of them."""

    profile: Profile = field(default_factory=Profile)
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    calm: bool = False
    intrude: Callable[[], None] = lambda: None
    landing: list[tuple[float, Write]] = field(default_factory=list)
    landed: set[float] = field(default_factory=set)
    """When a write landed long after it was sent."""
    blind_at: float | None = None
    before: dict[str, Record] = field(default_factory=dict)
    """An earlier showing of a record, for stale rows."""

    def changes(self, object: str, since: Cursor | None) -> Iterator[Page]:
        """Pages, perhaps cut short, perhaps with rows as they were."""
        self._arrive()
        self._weather()
        self.fault = "blind" if self._blinded() else ""
        self.truncated = self.chance.randrange(3) if self._strikes(self.profile.truncated) else None
        pages = list(super().changes(object, since))
        self.fault, self.truncated = "", None
        for page in pages:
            rows = tuple(self._row(row) if isinstance(row, Record) else row for row in page.rows)
            yield replace(page, rows=rows)

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        """Facts, or no answer, or a general denial."""
        self._arrive()
        self._weather()
        self.fault = "blind" if self._blinded() else ""
        self.hidden = frozenset({"note"}) if self._strikes(self.profile.hidden) else frozenset()
        found = super().read(refs)
        self.fault, self.hidden = "", frozenset()
        return found

    def find(self, object: str, field: str, values: Sequence[str]) -> Mapping[str, Sequence[Ref]]:
        """Strongly consistent."""
        self._arrive()
        self._weather()
        return super().find(object, field, values)

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Applied, not applied, or nobody knows."""
        self._arrive()
        self._weather()
        if self._strikes(self.profile.refused_before):
            raise Transient("refused before it was sent")
        if self._strikes(self.profile.cut_before):
            raise InDoubt("cut before it was applied")
        if self._strikes(self.profile.late):
            due = self.clock.now() + self.chance.random() * LATE.total_seconds() * 0.9
            self.landing += [(due, write) for write in writes]
            raise InDoubt("no answer in time")
        if self._strikes(self.profile.intruder):
            self.intrude()
        outcomes = list(super().write(writes))
        if self._strikes(self.profile.cut_after):
            raise InDoubt("cut after it was applied")
        if self._strikes(self.profile.partial):
            place = self.chance.randrange(len(outcomes))
            outcomes[place] = Unknown(outcomes[place].key, "no word of this one")
            self.chance.shuffle(outcomes)
        return outcomes

    def check(self) -> None:
        """Reachable?"""
        self._weather()

    def _strikes(self, rate: float) -> bool:
        return not self.calm and rate > 0 and self.chance.random() < rate

    def _blinded(self) -> bool:
        """A permission that is lost is not back at the next call: it stays lost for as long as the clock stands."""
        if self._strikes(self.profile.blind):
            self.blind_at = self.clock.now()
        return not self.calm and self.blind_at == self.clock.now()

    def _weather(self) -> None:
        if self._strikes(self.profile.outage):
            raise Unavailable(f"{self.name} is down")

    def _arrive(self) -> None:
        """Writes that were long on their way land."""
        now = self.clock.now()
        for due, write in [entry for entry in self.landing if entry[0] <= now]:
            self.landing.remove((due, write))
            self.landed.add(now)
            if not isinstance(write, Update) or write.ref.id in self.rows:
                self._one(write)

    def _row(self, row: Record) -> Record:
        shown = row
        if self._strikes(self.profile.stale_rows):
            shown = self.before.get(row.ref.id, row)
        self.before[row.ref.id] = row
        return shown


def drawn_app(name: str, clock: Clock, chance: random.Random, profile: Profile) -> SimApp:
    """An app with capabilities and manners drawn at random."""
    fields = {n: Field(name=n, type=FieldType.TEXT, unique=n == "email") for n in FIELDS}
    manners = {n: _MANNERS[chance.choice(list(_MANNERS))] for n in ("first", "note") if chance.random() < 0.4}
    capabilities = Capabilities(
        incremental=chance.random() < 0.7,
        deletes=chance.choice([Deletes.TOLD, Deletes.ABSENT]),
        conditional=chance.random() < 0.5,
        unique=("email",) if chance.random() < 0.6 else (),
        returns_record=chance.random() < 0.8,
        read_batch=chance.choice([1, 100]),
        write_batch=chance.choice([1, 100]),
        page_size=chance.choice([1, 2, 100]),
        late_write=LATE,
        granularity=chance.choice([timedelta(milliseconds=1), timedelta(seconds=1)]),
    )
    return SimApp(
        name=name,
        clock=clock,
        fields=fields,
        capabilities=capabilities,
        keeps=manners,
        profile=profile,
        chance=random.Random(chance.getrandbits(64)),
    )
