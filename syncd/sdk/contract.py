"""The contract of a connector: one account in one app, in six methods, honest about what the app can do.

What a connector must do is `Connector`. What only some apps can do is an optional one-method protocol beside it
(`Finds`, `Hears` ...): a connector that has the method has the ability. What is merely a fact about an object is a
field of `Capabilities`. The conformance suite in `syncd.testing` holds a connector to every fact it declares.

Connectors raise `ConnectorError` subclasses for a whole call and return `Outcome`s for the writes of a batch. They
keep no state that a restart would miss, start no threads, read no clock and open no socket of their own: everything
comes in `Tools`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from syncd.core.record import Cursor, Gone, Merged, Outcome, Raw, Record, Ref, Write

if TYPE_CHECKING:
    from syncd.sdk.http import Http

__all__ = [
    "Associates",
    "Capabilities",
    "Clock",
    "Connector",
    "Deletes",
    "Dissociates",
    "Field",
    "FieldType",
    "Finds",
    "Grant",
    "Hears",
    "Object",
    "Option",
    "Page",
    "Past",
    "Plugin",
    "Quota",
    "Remembers",
    "Request",
    "Settings",
    "Subscribes",
    "Tools",
    "Vault",
]


class FieldType(StrEnum):
    """The raw type of an app's field, as far as a mapping needs to know it."""

    TEXT = "text"
    EMAIL = "email"
    PHONE = "phone"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    INSTANT = "instant"
    CHOICE = "choice"
    CHOICES = "choices"
    REFERENCE = "reference"
    ADDRESS = "address"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Option:
    """One admissible value of a choice: `value` is what the API takes, `label` what people see."""

    value: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of an object, as discovered from the account.

    `name` is the key in `Record.fields`, dotted where the app nests (`merge_fields.FNAME`). The raw values follow
    from `type` and `codec` by these rules, so that a mapping needs to know no vendor:

    - text, email, phone, choice: str. - integer: int, or str of digits. - decimal: int, float or str.
    - boolean: bool, or the two strings of `codec` "true/false". - date: "YYYY-MM-DD", or by `codec`.
    - instant: ISO 8601 with offset, or by `codec`. - choices: list of str, or by `codec` "sep:;".
    - reference: the id as str. - address, json: object.

    `codec`: "" for the rule above; "string" where the app writes numbers and booleans as strings; "epoch-ms";
    "sep:X" for a list joined by X; "date:%m/%d/%Y" for a date in a `strptime` form.
    """

    name: str
    type: FieldType
    label: str = ""
    codec: str = ""
    writable: bool = True
    creatable: bool = True
    """May be given when the record is made (some fields are fixed from then on)."""
    required: bool = False
    unique: bool = False
    options: tuple[Option, ...] = ()
    open_options: bool = False
    """The app takes values outside `options` (and may add them)."""
    max_chars: int | None = None
    max_bytes: int | None = None
    refers: str = ""
    """For references: the object that ids point to."""
    blank: Raw = None
    """How the app is told to clear the field: None or ""."""
    clearable: bool = True
    consent: bool = False
    """Carries whether a person may be mailed."""
    personal: bool = False
    """Personal data: governs logs, exports, masking."""


class Deletes(StrEnum):
    """How an app lets on that a record is gone."""

    TOLD = "told"  # changes() yields Gone
    ABSENT = "absent"  # only a complete listing shows it
    HIDDEN = "hidden"  # a listing says nothing; only a read does


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Facts about one object in one app. The conformance suite holds a connector to each of them."""

    incremental: bool
    """changes(since) yields only what may have changed; False: every call lists everything."""
    deletes: Deletes
    creates: bool = True
    updates: bool = True
    removes: bool = True
    archives: bool = False
    """Its removal can be taken back in the app (an archive, a bin)."""
    conditional: bool = False
    """Honours `expect`: a write against another version comes back Stale, unapplied."""
    idempotent_create: bool = False
    """The same Create.key, or the same unique fields, sent twice makes one record (an upsert by key)."""
    unique: tuple[str, ...] = ()
    """Fields that the app itself keeps unique; a second create comes back as Exists."""
    returns_record: bool = True
    """Stored carries the record as stored."""
    read_batch: int = 1
    write_batch: int = 1
    """The most refs or writes that one API call takes. `read` and `write` accept any number and split."""
    page_size: int = 100
    list_lag: timedelta = timedelta(0)
    """How long changes() and find() may still show the past after a write."""
    late_write: timedelta = timedelta(seconds=90)
    """The longest time after a time-out in which a write may still be applied."""
    granularity: timedelta = timedelta(milliseconds=1)
    """The finest step of the app's own times."""


@dataclass(frozen=True, slots=True)
class Object:
    """A kind of record in this account, as discovered."""

    name: str
    fields: Mapping[str, Field]
    capabilities: Capabilities
    label: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing.

    `facts`: the rows may be merged as they are; False: they may lag and only say whom to read. Such a row may bear no
    fields at all, and only a version: it is read unless that is the version last seen. `cursor` may be
    resumed from, whether or not the next page is ever read; resuming never skips, it may repeat. `complete` is true
    on the last page of a full listing and only there: all there is has now been listed. `total`: how many rows the
    app says there are in all, where it does.
    """

    rows: tuple[Record | Gone | Merged, ...]
    cursor: Cursor
    facts: bool = True
    complete: bool = False
    total: int | None = None


class Connector(Protocol):
    """One account in one app."""

    def objects(self) -> Sequence[Object]:
        """Objects, fields, options and capabilities, discovered from the account."""
        ...

    def check(self) -> None:
        """Raise if the credentials, scopes or the app's reachability would make a sync fail."""
        ...

    def changes(self, object: str, since: Cursor | None) -> Iterator[Page]:
        """What may have changed since a cursor, inclusive; with None, everything (a full listing)."""
        ...

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        """Facts by id, strongly consistent. Every ref asked is a key of the answer."""
        ...

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Apply writes; one outcome per write, matched by key. Raises only if nothing at all was applied."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class Finds(Protocol):
    """Can look for records by the value of a field: for match, and for search before create."""

    def find(self, object: str, field: str, values: Sequence[str]) -> Mapping[str, Sequence[Ref]]:
        """Refs of the records whose `field` equals each value, as the app compares (often folding case)."""
        ...

    def findable(self, object: str) -> Sequence[str]:
        """The fields that find() takes."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """A webhook call as it came in: raw bytes, before any parsing. `url` is the full public URL that was called."""

    method: str
    url: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@runtime_checkable
class Hears(Protocol):
    """Understands the app's webhooks."""

    def hear(self, request: Request) -> Sequence[Ref]:
        """Who should be read again. A hint, never data. A bad or missing signature raises Unauthorised."""
        ...


@runtime_checkable
class Subscribes(Protocol):
    """Can register the daemon's webhook address with the app."""

    def subscribe(self, url: str) -> None:
        """Have the app call `url` for every object, once; calling again changes nothing."""
        ...

    def unsubscribe(self, url: str) -> None:
        """Take the registration back."""
        ...


@runtime_checkable
class Associates(Protocol):
    """Can tie records to each other outside of fields (contact to company)."""

    def associated(self, refs: Sequence[Ref], to: str) -> Mapping[Ref, Sequence[Ref]]:
        """For each ref, the records of object `to` it is tied to, the primary one first."""
        ...

    def associate(self, pairs: Sequence[tuple[Ref, Ref]]) -> None:
        """Tie each pair as primary."""
        ...


@runtime_checkable
class Dissociates(Protocol):
    """Can take such a tie back. Without it, a tie can be moved to another record and never cleared."""

    def dissociate(self, pairs: Sequence[tuple[Ref, Ref]]) -> None:
        """Untie each pair, whatever it was tied as; a pair that is not tied is no error."""
        ...


@dataclass(frozen=True, slots=True)
class Past:
    """One value that a field once held, from the app's own history."""

    value: Raw
    at: str
    by: str = ""


@runtime_checkable
class Remembers(Protocol):
    """Keeps a history of field values, so that an overwritten value can be found again."""

    def history(self, ref: Ref, fields: Sequence[str]) -> Mapping[str, Sequence[Past]]:
        """Past values of each field, newest first."""
        ...


class Clock(Protocol):
    """Time, handed in, so that a simulator can turn it."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Vault(Protocol):
    """Where an app's changing secrets are kept (a rotated refresh token). Written before it is used."""

    def get(self, name: str) -> str | None:
        """The secret, or None."""
        ...

    def put(self, name: str, value: str) -> None:
        """Make the secret durable before returning."""
        ...


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `calls` in any window of `seconds`; `bucket` names the calls it counts ("" is all of them)."""

    calls: int
    seconds: float
    bucket: str = ""


class Settings(BaseModel):
    """What every app's settings have; a connector derives its own from it. Unknown keys are errors.

    Secrets are `pydantic.SecretStr`. A connector adds its own keys with descriptions; they are
    printed by `syncd check --settings`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = ""
    """Another address for the app: a proxy, a self-hosted server, a sandbox. Empty: the vendor's own."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything a connector may touch of the world; handed in, never reached for."""

    app: str
    """The name of the app in the configuration: the `app` of every Ref the connector makes."""
    http: Http
    clock: Clock
    log: Any
    vault: Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """How an account's owner lets syncd in by OAuth 2: an authorization code with PKCE (RFC 6749, 7636)."""

    page: str
    """The full address at which the owner is asked."""
    token_path: str
    """Where the code is changed for tokens, below the app's `base_url`."""
    scopes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Object to what it takes to read it; "": what is always asked for."""
    writes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The same for what it takes beside that to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """What an entry point in the group `syncd.connectors` names."""

    name: str
    title: str
    settings: type[Settings]
    open: Callable[[Any, Tools], Connector]
    """Makes the connector from its settings and its tools. No network yet."""
    quotas: Sequence[Quota] = ()
    """The vendor's published budgets; the limiter obeys them before the app has to say so."""
    concurrency: int = 4
    """How many calls the vendor takes at once from one account."""
    base_url: str = ""
    hosts: Sequence[str] = ()
    """Host names, or "*.example.com" patterns, that a base_url may have; empty: self-hosted, any host."""
    twin: str = ""
    """`module:attribute` of the twin, a `Callable[..., syncd.testing.Twin]`, for `syncd sandbox`."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Facts for the generated reference, by heading."""
    grant: Grant | None = None
    """How `syncd authorise` gets a refresh token, for the setting `refresh_token`; None where there is no such way."""
