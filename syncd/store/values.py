"""What the store keeps, as plain values: entries of the change log, deliveries, intents, parked work."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from syncd.core.record import Cursor, EntityId, Fields, Raws, Ref

__all__ = [
    "QUOTING",
    "AppState",
    "Delivery",
    "Entry",
    "Event",
    "Intent",
    "IntentKind",
    "IntentState",
    "OptOut",
    "Parked",
    "ParkedKind",
    "Progress",
]


class Event(StrEnum):
    """What an entry of the change log tells."""

    LINKED = "linked"  # a record found or founded its entity
    MERGED = "merged"  # a fact changed agreed values, or lost, or was asked about
    SENT = "sent"  # an app took a write
    COERCED = "coerced"  # an app kept something other than what it was sent
    REFUSED = "refused"
    DOUBTED = "doubted"  # a write's outcome is unknown
    RESOLVED = "resolved"  # ... and is known now
    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"
    GONE = "gone"
    RETURNED = "returned"
    REMOVED = "removed"  # syncd deleted a record
    LEFT = "left"  # a record left its filter
    DECIDED = "decided"  # a person answered
    UNDONE = "undone"  # a person took a change back
    BEGAN = "began"  # a run, or the daemon
    PAUSED = "paused"
    RESUMED = "resumed"
    APPLIED = "applied"  # a mapping was put in force
    SAVED = "saved"  # a person changed the configuration in the console
    SUSPECTED = "suspected"  # somebody seems to have typed between our read and our write
    SET_BACK = "set_back"  # an older copy of the store was put in its place
    FORGETTING = "forgetting"  # a person said that somebody is to be forgotten
    FORGOTTEN = "forgotten"  # ... and what the store held of them was erased
    EXPIRED = "expired"  # values of old entries were erased
    EXPORTED = "exported"  # everything known of a person was handed out
    SIGNED_IN = "signed_in"  # a person, at the web console
    SIGNED_OUT = "signed_out"
    TRIED = "tried"  # a person had a change of the configuration rehearsed; nothing was written
    BROKEN = "broken"  # a promise would have been broken; nothing was written


QUOTING: Final = frozenset({Event.REFUSED, Event.DOUBTED, Event.SUSPECTED})
"""Entries whose note is in an app's own words, which may quote a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the change log. `fields` maps a field to what happened to it: old, new, verdict, rule."""

    event: Event
    sync: str = ""
    entity: EntityId | None = None
    ref: Ref | None = None
    app: str = ""
    fields: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    cause: int | None = None
    """The entry that brought this one about."""
    note: str = ""
    by: str = ""
    """The person, where one acted."""
    mapping: str = ""
    """The digest of the mapping in force."""
    seq: int = 0
    at: float = 0.0
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An app is owed something about an entity. It names whom to bring up to date, not with what."""

    sync: str
    app: str
    entity: EntityId
    due: float = 0.0
    cause: int | None = None
    attempts: int = 0
    urgent: bool = False
    """An opt-out: goes before everything else."""


class IntentKind(StrEnum):
    """What kind of write an intent is."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class IntentState(StrEnum):
    """How far a write has come. Only `inflight` and `unknown` are open."""

    INFLIGHT = "inflight"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A write, made durable before it is sent; dropped in the transaction that stores its outcome."""

    key: str
    sync: str
    app: str
    object: str
    entity: EntityId
    kind: IntentKind
    ref: Ref | None
    patch: Raws
    before: Raws
    """The raw values the patch replaces, as read just before."""
    goal: Fields
    """The agreed values that the patch carries."""
    state: IntentState = IntentState.INFLIGHT
    at: float = 0.0
    """When it was sent; for an unknown one, when the doubt began."""
    cause: int | None = None
    attempts: int = 0
    """How often its outcome was looked for."""


class ParkedKind(StrEnum):
    """Why work waits for a person."""

    CONFLICT = "conflict"  # a contested field
    OPT_IN = "opt_in"  # an opt-in against an opt-out
    BLANK = "blank"  # an emptied field under `blank = "hold"`
    QUARANTINE = "quarantine"  # an app refuses the record, or a value does not fit
    HOLD = "hold"  # a delete waits for a yes
    AMBIGUOUS = "ambiguous"  # several entities match
    DUPLICATE = "duplicate"  # a second record of the same app matches
    LOOP = "loop"  # two apps keep rewriting a field
    GUARD = "guard"  # an app shows, or would be sent, so much at once that a guard has stopped it


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """One piece of parked work. Open ones are unique by kind, sync, entity, app, ref and field."""

    kind: ParkedKind
    sync: str
    app: str = ""
    entity: EntityId | None = None
    ref: Ref | None = None
    field: str = ""
    reason: str = ""
    detail: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    cause: int | None = None
    id: int = 0
    opened: float = 0.0
    closed: float | None = None
    answer: str = ""
    by: str = ""

    @property
    def concerned(self) -> tuple[EntityId, ...]:
        """The entities that its detail names, beside the one that it is about."""
        return tuple(EntityId(id) for id in (self.detail.get("entity"), *self.detail.get("entities", ())) if id)

    @property
    def name(self) -> str:
        """What makes it one and the same piece of work."""
        pair = "+".join(str(id) for id in self.detail.get("entities", ()))
        where = str(self.ref) if self.ref else self.app or pair
        return "|".join((self.kind, self.sync, self.entity or "", where, self.field))


@dataclass(frozen=True, slots=True)
class OptOut:
    """One address in the register: since when, and which app said so."""

    channel: str
    address: str
    since: float
    app: str
    seq: int
    lifted: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the listing of an app has come for a sync."""

    cursor: Cursor | None = None
    listed_at: float | None = None
    """When the last complete listing was finished."""
    polled_at: float | None = None


@dataclass(frozen=True, slots=True)
class AppState:
    """How an app is doing. `paused` is the reason, "" while it runs."""

    name: str
    paused: str = ""
    paused_at: float | None = None
    failing: str = ""
    failing_since: float | None = None
    answered_at: float | None = None
