"""The twin's memory: members by contact and by address, in the order of their last change."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

__all__ = ["Member", "Members", "Projection", "address_hash", "stamp", "unstamp"]

_BATCH_HIDES: Final = ("contact_id", "full_name", "web_id", "source")
_TAGS_SHOWN: Final = 50


def address_hash(email: str) -> str:
    """Mailchimp's subscriber hash: MD5 of the address in lower case."""
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def stamp(at: float) -> str:
    """A time as the API writes it: ISO 8601, UTC, whole seconds."""
    return _stamp(int(at))


@lru_cache(maxsize=4096)
def _stamp(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def unstamp(text: str) -> int:
    """Seconds since the epoch of a time as the API reads it. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


@dataclass(slots=True)
class Member:
    """One contact of the audience."""

    contact_id: str
    web_id: int
    email: str
    unique_email_id: str
    status: str
    merges: dict[str, Any]
    interests: dict[str, bool]
    tags: dict[str, int] = field(default_factory=dict)
    """Name to tag id, in the order in which they were given."""
    language: str = ""
    vip: bool = False
    email_type: str = "html"
    signed_up: str = ""
    opted_in: str = ""
    source: str = "API - Generic"
    complied: bool = False
    """The person unsubscribed, or the address bounced: only the person can bring it back."""
    changed: int = 0
    turn: int = 0
    """Grows with every change: finer than `changed`, and tells stale entries of the order from live ones."""
    shown: dict[str, str] = field(default_factory=dict)
    """The member as JSON text, by projection; emptied when it changes."""

    @property
    def archived(self) -> bool:
        """Whether the contact has been archived."""
        return self.status == "archived"

    def wire(self, list_id: str) -> dict[str, Any]:
        """As the API shows it; at most 50 tags."""
        name = f"{self.merges.get('FNAME', '')} {self.merges.get('LNAME', '')}".strip()
        body: dict[str, Any] = {
            "id": address_hash(self.email),
            "email_address": self.email,
            "unique_email_id": self.unique_email_id,
            "contact_id": self.contact_id,
            "full_name": name,
            "web_id": self.web_id,
            "email_type": self.email_type,
            "status": self.status,
            "merge_fields": self.merges,
            "interests": self.interests,
            "stats": {"avg_open_rate": 0, "avg_click_rate": 0},
            "ip_signup": "",
            "timestamp_signup": self.signed_up,
            "ip_opt": "",
            "timestamp_opt": self.opted_in,
            "member_rating": 2,
            "last_changed": stamp(self.changed),
            "language": self.language,
            "vip": self.vip,
            "email_client": "",
            "location": {"latitude": 0, "longitude": 0, "gmtoff": 0, "dstoff": 0, "country_code": "", "timezone": ""},
            "source": self.source,
            "tags_count": len(self.tags),
            "tags": [{"id": number, "name": name} for name, number in list(self.tags.items())[:_TAGS_SHOWN]],
            "list_id": list_id,
        }
        return body

    def batch_wire(self, list_id: str) -> dict[str, Any]:
        """As the batch subscribe call shows it: without the contact id (OpenAPI description 3.0.55)."""
        body = self.wire(list_id)
        for name in _BATCH_HIDES:
            del body[name]
        return body

    def flat(self) -> dict[str, Any]:
        """The fields by the connector's names, as people see them."""
        return {
            "email_address": self.email,
            "status": self.status,
            **{f"merge_fields.{tag}": value for tag, value in self.merges.items()},
            **{f"interests.{interest}": value for interest, value in self.interests.items()},
            "tags": sorted(self.tags),
            "language": self.language,
            "vip": self.vip,
            "email_type": self.email_type,
        }


class Members:
    """The members of one audience."""

    def __init__(self, list_id: str) -> None:
        self.list_id = list_id
        self.by_contact: dict[str, Member] = {}
        self.by_hash: dict[str, Member] = {}
        self.forgotten: set[str] = set()
        """Hashes of addresses that were deleted for good: they cannot come back by API."""
        self._turn = 0
        self._order: list[tuple[int, int, Member]] = []
        self._sorted: dict[bool, list[tuple[int, int, Member]]] | None = None

    def __iter__(self) -> Iterator[Member]:
        return iter(self.by_contact.values())

    def __len__(self) -> int:
        return len(self.by_contact)

    def look(self, key: str) -> Member | None:
        """By subscriber hash, contact id or address: the API takes each in the path."""
        return self.by_hash.get(key) or self.by_contact.get(key) or self.by_hash.get(address_hash(key))

    def add(self, member: Member, at: float) -> None:
        """Take a new member in."""
        self.by_contact[member.contact_id] = member
        self.by_hash[address_hash(member.email)] = member
        self.touch(member, at)

    def readdress(self, member: Member, email: str) -> None:
        """Move a member to another address: its hash moves along, its contact id stays."""
        del self.by_hash[address_hash(member.email)]
        member.email = email
        self.by_hash[address_hash(email)] = member

    def touch(self, member: Member, at: float) -> None:
        """A member changed: it goes to the end of the order. Times never run backwards."""
        self._turn += 1
        last = self._order[-1][0] if self._order else 0
        member.changed, member.turn = max(int(at), last), self._turn
        member.shown.clear()
        self._order.append((member.changed, member.turn, member))
        self._sorted = None

    def forget(self, member: Member) -> None:
        """Delete for good."""
        del self.by_contact[member.contact_id]
        key = address_hash(member.email)
        del self.by_hash[key]
        self.forgotten.add(key)
        member.turn = -1
        self._sorted = None

    def changed_between(
        self, *, archived: bool, since: int | None, before: int | None
    ) -> list[tuple[int, int, Member]]:
        """In the order of last change: `since` is inclusive, `before` is not."""
        if self._sorted is None:
            self._order = [entry for entry in self._order if entry[2].turn == entry[1]]
            self._sorted = {side: [e for e in self._order if e[2].archived is side] for side in (False, True)}
        order = self._sorted[archived]
        low = 0 if since is None else bisect_left(order, since, key=_at)
        high = len(order) if before is None else bisect_left(order, before, key=_at)
        return order if low == 0 and high == len(order) else order[low:high]

    def shown(self, member: Member, projection: Projection) -> str:
        """The member as JSON text, with only or without the top-level fields that the projection names."""
        text = member.shown.get(projection.key)
        if text is None:
            body = projection.apply(member.wire(self.list_id))
            text = member.shown[projection.key] = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return text


@dataclass(frozen=True, slots=True)
class Projection:
    """The API's `fields` or `exclude_fields`, for the rows of one collection."""

    key: str = ""
    only: frozenset[str] | None = None
    without: frozenset[str] = frozenset()

    @classmethod
    def of(cls, query: Mapping[str, str], collection: str) -> Projection:
        """From a query. Raises ValueError when both ways are asked for at once: the API takes one."""
        fields, exclude = query.get("fields", ""), query.get("exclude_fields", "")
        if fields and exclude:
            raise ValueError("fields and exclude_fields cannot be used together")
        only = _rows_names(fields, collection)
        return cls(f"{fields}|{exclude}", only or None, _rows_names(exclude, collection))

    def apply(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The row, cut down."""
        if self.only is not None:
            return {name: value for name, value in body.items() if name in self.only}
        return {name: value for name, value in body.items() if name not in self.without}


def _rows_names(asked: str, collection: str) -> frozenset[str]:
    names = (name.strip().split(".") for name in asked.split(",") if name.strip())
    return frozenset(name[1] for name in names if len(name) == 2 and name[0] == collection)


def _at(entry: tuple[int, int, Member]) -> int:
    return entry[0]
