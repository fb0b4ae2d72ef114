"""What a store promises: each part sees what all have put before; an order not told is by record, entity or number."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from syncd.core.entity import Entity, Link
from syncd.core.match import Key
from syncd.core.record import EntityId, Ref
from syncd.store.chain import Erasable
from syncd.store.forgetting import Forgotten
from syncd.store.underway import Cursors, Deliveries, Hints, Intents
from syncd.store.values import (
    AppState,
    Entry,
    Event,
    OptOut,
    Parked,
    ParkedKind,
)

__all__ = [
    "Apps",
    "Entities",
    "Links",
    "Log",
    "Meta",
    "OptOuts",
    "ParkedWork",
    "Storage",
    "Transaction",
]


class Entities(Protocol):
    """Entities and the match keys by which they are found."""

    def load(self, ids: Iterable[EntityId]) -> None:
        """Read many at once; `get` then costs nothing."""

    def get(self, id: EntityId) -> Entity:
        """The entity; raises KeyError if there is none."""

    def put(self, entity: Entity, keys: Sequence[Key]) -> None:
        """Store the entity, found by `keys` from now on and by no others."""

    def holders(self, sync: str, keys: Iterable[Key]) -> Mapping[Key, tuple[EntityId, ...]]:
        """The live entities of a sync that are found by each key."""

    def deleted_holders(self, sync: str, keys: Iterable[Key]) -> Mapping[Key, tuple[EntityId, ...]]:
        """The deleted entities of a sync that held each key: a record of theirs may be there yet."""

    def by_key(self, key: Key) -> Sequence[tuple[str, EntityId]]:
        """Sync and id of every entity, in any sync, that is found by this key."""

    def by_value(self, value: str) -> Sequence[tuple[str, EntityId]]:
        """Sync and id of every entity that is found by this value under any match key."""

    def labels(self, ids: Iterable[EntityId]) -> dict[EntityId, str]:
        """What people know each entity by: a value that it is matched by. Those that have none are left out."""

    def all(self, sync: str) -> Sequence[Entity]:
        """Every entity of a sync."""

    def living(self, sync: str, after: str, limit: int) -> Sequence[EntityId]:
        """The first entities of a sync that are not deleted, of those whose id comes after another."""

    def count(self, sync: str) -> int:
        """How many live entities a sync has."""

    def flush(self) -> None:
        """Write what was put."""


class Links(Protocol):
    """Links, by record and by entity."""

    def load(self, sync: str, refs: Iterable[Ref]) -> None:
        """Read many at once."""

    def get(self, sync: str, ref: Ref) -> Link | None:
        """The link of a record, or None. A link that is gone is still a link."""

    def load_of(self, entities: Iterable[EntityId]) -> None:
        """Read the links of many entities at once."""

    def begin(self, entity: EntityId) -> None:
        """The entity is new: nobody need look whether it has links."""

    def of(self, entity: EntityId) -> Sequence[Link]:
        """Every link of an entity, gone ones too."""

    def at(self, entity: EntityId, app: str) -> Link | None:
        """The entity's one link in an app that is not gone."""

    def put(self, sync: str, link: Link) -> None:
        """Store a link, in place of what was known of its record."""

    def drop(self, sync: str, ref: Ref) -> None:
        """Forget a link altogether."""

    def linked(self, sync: str, app: str) -> int:
        """How many records of an app are linked and not gone."""

    def stamp(self, sync: str, refs: Sequence[Ref], sweep: int) -> None:
        """Note that these records were seen by the full listing number `sweep`."""

    def lacking(self, sync: str, app: str, sweep: int) -> int:
        """How many links are not gone and were not seen by the full listing number `sweep`."""

    def unswept(self, sync: str, app: str, sweep: int, after: Ref | None, limit: int) -> Sequence[Link]:
        """The first of these links, of those whose record comes after another."""

    def showing(self, sync: str, app: str, name: str, values: Sequence[str]) -> Sequence[Link]:
        """Links that are not gone that last showed one of `values`, casefolded, in a field: all are looked through."""

    def missing(self, sync: str, app: str) -> Sequence[Link]:
        """Links that were missed once and wait for the second look."""

    def canaries(self, sync: str, app: str, count: int) -> Sequence[Ref]:
        """Some records that were alive when last looked at."""

    def all(self, sync: str) -> Sequence[Link]:
        """Every link of a sync."""

    def flush(self) -> None:
        """Write what was put."""


class Log(Protocol):
    """The change log within one transaction."""

    def append(self, entry: Entry) -> int:
        """Add an entry; its number."""

    def last(self) -> int:
        """The number of the last entry; 0 where there is none."""

    def get(self, seq: int) -> Entry | None:
        """One entry."""

    def persons(self, seqs: Iterable[int]) -> Mapping[int, str]:
        """Who brought each of these entries about: a person's name, or "" where it was an app. None for no entry."""

    def find(
        self,
        *,
        entity: EntityId | None = None,
        ref: Ref | None = None,
        app: str = "",
        sync: str = "",
        events: Sequence[Event] = (),
        field: str = "",
        value: str = "",
        since: float | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[Entry]:
        """Entries by what they are about, newest first; by a canonical field, by a text in whatever field and case."""

    def follow(self, *, app: str, sync: str, events: Sequence[Event], since: float, after: int) -> Iterator[Entry]:
        """All entries of these events that an app brought about since a time and after a number, oldest first."""

    def count(self, *, app: str, sync: str, event: Event, since: float) -> int:
        """How many entries of one event an app brought about since a time."""

    def put_in_force(self, sync: str) -> Sequence[Entry]:
        """The entries that tell of each time that a mapping of a sync was put in force, oldest first."""

    def counts(self, *, after: int = 0, before: int | None = None) -> dict[str, int]:
        """How many entries there are of each event, of those between two."""

    def often(
        self, entities: Collection[EntityId], *, app: str, events: Sequence[Event], since: float, least: int
    ) -> Collection[EntityId]:
        """Those of the entities of which at least `least` entries tell, of these events at an app since a time."""

    def aged(self, before: float, after: int, limit: int) -> Sequence[Entry]:
        """The first entries after a number that are older than a time, oldest first: those that still say something."""

    def erase(self, seqs: Iterable[int], columns: Sequence[Erasable], entry: Entry) -> int:
        """Erase what entries say in these columns, and vouch for it with `entry`; its number.

        The hash of each entry stays, so the chain still fits. Those that say nothing in these columns, and those that
        vouch for others, are left as they are.
        """

    def loose(self, last: int) -> int | None:
        """The number of the first of the last entries that is not as it was written; None if all of them hold."""

    def flush(self) -> None:
        """Write what was appended."""


class ParkedWork(Protocol):
    """Work that waits for a person."""

    def park(self, work: Parked) -> int:
        """Open a piece of work, or bring the one that is open up to date; its number."""

    def get(self, id: int) -> Parked | None:
        """One piece of work, open or closed."""

    def open(self, kinds: Sequence[ParkedKind] = (), *, sync: str = "", limit: int = 1000) -> Sequence[Parked]:
        """Open work, oldest first."""

    def newest(self, kinds: Sequence[ParkedKind], limit: int) -> Sequence[int]:
        """The numbers of open work, newest first."""

    def ever(self, entities: Iterable[EntityId], refs: Iterable[Ref]) -> Sequence[Parked]:
        """All work there ever was about these entities and records, open or closed, oldest first."""

    def begin(self, entity: EntityId) -> None:
        """The same for a new entity, as for links."""

    def of(self, entities: Iterable[EntityId]) -> dict[EntityId, list[Parked]]:
        """The open work of each entity; an entity without any is not in the answer."""

    def close(self, id: int, answer: str, by: str) -> bool:
        """Answer a piece of work; False if somebody else has done so already."""

    def withdraw(self, works: Iterable[Parked], why: str) -> None:
        """Close work that has become pointless."""

    def erase(self, works: Iterable[Parked]) -> None:
        """Let go of everything that work says of anybody; what is open is closed."""

    def rivals(self, app: str) -> Sequence[Parked]:
        """The open questions about which record of an app is whose."""

    def counts(self) -> dict[str, int]:
        """How much is open, by kind."""


class OptOuts(Protocol):
    """The register of opt-outs, by channel and normalised address."""

    def of(self, channel: str, addresses: Iterable[str]) -> dict[str, OptOut]:
        """Those of the addresses that are opted out now."""

    def add(self, entry: OptOut) -> None:
        """Note an opt-out, or renew one that had been lifted."""

    def lift(self, channel: str, address: str, at: float) -> None:
        """Recorded consent: the address may be mailed again."""

    def conceal(self, channel: str, address: str) -> None:
        """Keep an opt-out by the hash of its address alone; it holds as before."""

    def count(self) -> int:
        """How many addresses are opted out."""


class Apps(Protocol):
    """What a person or a guard said of an app, its changing secrets, and the webhooks it has sent."""

    def get(self, name: str) -> AppState:
        """The state of an app."""

    def pause(self, name: str, reason: str) -> bool:
        """Stop everything for this app; False if it was paused already."""

    def resume(self, name: str) -> bool:
        """Go on; False if it was not paused."""

    def answered(self, name: str) -> None:
        """The app answered a call."""

    def failing(self, name: str, reason: str) -> None:
        """The app does not answer."""

    def secret(self, app: str, name: str) -> str | None:
        """A secret that changes while running."""

    def keep_secret(self, app: str, name: str, value: str) -> None:
        """Replace a secret; nothing of the one before stays in the file."""

    def drop_secret(self, app: str, name: str) -> None:
        """Let go of a secret, in the same way."""

    def secrets(self) -> Sequence[tuple[str, str, str]]:
        """App, name and secret, as they are kept."""

    def heard(self, digest: str) -> bool:
        """Note a webhook call; True if the same call came in before."""

    def forget_heard(self, before: float) -> None:
        """Let go of webhook calls older than any vendor's last retry."""


class Meta(Protocol):
    """Facts about the store itself."""

    def get(self, name: str) -> str | None:
        """A fact, or None."""

    def put(self, name: str, value: str) -> None:
        """Replace a fact."""

    def mark(self) -> str:
        """What the database calls this transaction, and keeps beside each row that it writes; "" if there is none."""

    def marked(self, name: str) -> str:
        """What it called the transaction that wrote a fact last."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """Everything that is read and written together. All of it lands, or none of it."""

    now: float
    entities: Entities
    links: Links
    log: Log
    hints: Hints
    cursors: Cursors
    deliveries: Deliveries
    intents: Intents
    parked: ParkedWork
    optouts: OptOuts
    apps: Apps
    meta: Meta
    forgotten: Forgotten

    def flush(self) -> None:
        """Write what the parts hold back."""
        self.entities.flush()
        self.links.flush()
        self.deliveries.flush()
        self.intents.flush()
        self.log.flush()


class Storage(Protocol):
    """The durable state of one syncd. `on_commit` is called just before each commit; a simulator kills here."""

    on_commit: Callable[[], None]

    @property
    def folder(self) -> Path | None:
        """Where its file stands; None for a store that is no file."""

    @property
    def in_place(self) -> bool:
        """Whether the file that was opened stands there still; True for a store that is no file."""

    def begin(self) -> AbstractContextManager[Transaction]:
        """A transaction that writes. Raises StoreError if the store cannot take it; then nothing has landed."""

    def erasing(self) -> AbstractContextManager[Transaction]:
        """The same, and what is replaced or deleted in it leaves nothing behind in a file of ours."""

    def read(self) -> AbstractContextManager[Transaction]:
        """A transaction that only reads; what it writes is rolled back."""

    def verify(self) -> str:
        """Check the store and the change log's chain: "" if all is well, else what is not."""

    def copy(self, target: Path) -> None:
        """Write a copy to `target`, an SQLite file, in place of what stood there: all of it, or raises StoreError."""

    def close(self) -> None:
        """Let go of what the store is kept in."""
