"""The state of a simulated Ghost site, and what Ghost makes of a change: no HTTP here.

Everything was copied from how Ghost 6.65 behaves; the flows in `tests/connectors/ghost/flows.py` hold both to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

__all__ = ["Change", "Label", "Member", "Newsletter", "Refusal", "Site", "Subscription", "shown_time", "stored_time"]

_ADDRESS: Final = re.compile(r"[^\s@,;<>\"]+@[^\s@.,;<>\"]+(?:\.[^\s@.,;<>\"]+)+")
_LONGEST: Final = {"email": 191, "name": 191, "note": 2000}


class Refusal(Exception):
    """Ghost refuses a call: `context` is its reason, `property` the field, `path` and `detail` where and why."""

    def __init__(
        self, context: str, property: str | None = None, *, status: int = 422, path: str = "", detail: str = ""
    ) -> None:
        super().__init__(context)
        self.context = context
        self.property = property
        self.status = status
        self.path = path
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Newsletter:
    """A newsletter; `default` marks one that new members are subscribed to."""

    id: str
    name: str
    slug: str
    default: bool = True
    active: bool = True


@dataclass(frozen=True, slots=True)
class Label:
    """A label, by the spelling that it was first given."""

    id: str
    name: str
    created: int


@dataclass(slots=True)
class Member:
    """A member as the database holds it. Times are whole seconds."""

    id: str
    uuid: str
    email: str
    created: int
    updated: int
    name: str | None = None
    note: str | None = None
    labels: list[str] = field(default_factory=list)
    """Ids, in the order they were written in."""
    newsletters: set[str] = field(default_factory=set)
    suppressed: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """That a member was subscribed to a newsletter, or unsubscribed."""

    id: str
    member: str
    newsletter: str
    subscribed: bool
    at: int
    source: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a change did to a member: made it, or changed the fields in `before`, which held this before."""

    member: Member
    before: Mapping[str, Any]
    made: bool = False


class Site:
    """Members, labels, newsletters and the events about them."""

    def __init__(self, machine: str, newsletters: Iterable[tuple[str, str, bool]]) -> None:
        """`machine`: the ten digits that all ids share. `newsletters`: name, slug, default; in their order."""
        self._machine = machine
        self._counter = 0
        self._holders: dict[str, str] = {}  # address to id
        self.members: dict[str, Member] = {}
        self.labels: dict[str, Label] = {}
        self.subscriptions: list[Subscription] = []
        self.newsletters = {n.id: n for n in (Newsletter(self.new_id(0), *said) for said in newsletters)}

    def new_id(self, now: int) -> str:
        """An ObjectID: seconds, machine, counter; later ids are greater."""
        self._counter += 1
        return f"{now:08x}{self._machine}{self._counter:06x}"

    def add(self, said: Mapping[str, Any], uuid: str, now: int, source: str) -> Change:
        """Make a member. Raises Refusal."""
        if not isinstance(said.get("email"), str):
            raise Refusal('Validation (FieldIsRequired) failed for ["email"]')
        self._check(said)
        self._check_address(said["email"], "", "add")
        member = Member(self.new_id(now), uuid, said["email"], now, now)
        wanted = self._wanted(said, member)
        if wanted is None:
            wanted = self._defaults() if said.get("subscribed") is not False else set()
        member.name, member.note = said.get("name") or None, said.get("note") or None
        member.labels = self._labels(said.get("labels", ()), now)
        self.members[member.id] = member
        self._holders[member.email] = member.id
        self._resubscribe(member, wanted, now, source)
        return Change(member, {}, made=True)

    def edit(self, member: Member, said: Mapping[str, Any], now: int, source: str) -> Change:
        """Change what is said of a member. Raises Refusal, and then nothing has changed.

        `updated_at` follows the member's own columns only: writing labels or newsletters leaves it as it was.
        """
        self._check(said)
        if "email" in said and said["email"] != member.email:
            self._check_address(said["email"], member.id, "edit")
        wanted = self._wanted(said, member)
        labels = self._labels(said["labels"], now) if "labels" in said else member.labels
        columns = {name: said[name] or None for name in ("email", "name", "note") if name in said}
        before = {name: getattr(member, name) for name, value in columns.items() if getattr(member, name) != value}
        if before:
            before["updated_at"] = shown_time(member.updated)
            member.updated = now
        self._holders.pop(member.email)
        for name, value in columns.items():
            setattr(member, name, value)
        self._holders[member.email] = member.id
        if labels != member.labels:
            before["labels"] = self.shown_labels(member)
            member.labels = labels
        if wanted is not None and wanted != self.subscribed_to(member):
            before["newsletters"] = self.shown_newsletters(member)
            self._resubscribe(member, wanted, now, source)
        return Change(member, before)

    def publish(self, name: str, now: int, *, default: bool) -> Newsletter:
        """Make a newsletter."""
        made = Newsletter(self.new_id(now), name, _slug(name), default)
        self.newsletters[made.id] = made
        return made

    def delete(self, member: Member) -> None:
        """Delete a member, and with it every event about it."""
        del self.members[member.id], self._holders[member.email]

    def unsubscribe_silently(self, members: Iterable[Member]) -> None:
        """Ghost's bulk action: no event, no `updated_at`, no webhook."""
        for member in members:
            member.newsletters.clear()

    def subscribed_to(self, member: Member) -> set[str]:
        """The active newsletters of a member; archived ones are kept and not shown."""
        return {which for which in member.newsletters if self.newsletters[which].active}

    def shown_labels(self, member: Member) -> list[dict[str, Any]]:
        """The labels as the API shows them."""
        return [shown_label(self.labels[which]) for which in member.labels]

    def shown_newsletters(self, member: Member) -> list[dict[str, Any]]:
        """The active newsletters as the API shows them with a member, in the site's order."""
        active = self.subscribed_to(member)
        return [
            {"id": n.id, "name": n.name, "description": None, "status": "active"}
            for n in self.newsletters.values()
            if n.id in active
        ]

    def _wanted(self, said: Mapping[str, Any], member: Member) -> set[str] | None:
        """The newsletters after the change; None where nothing is said of them. A list beats the boolean."""
        if "newsletters" in said:
            wanted = {str(entry.get("id", "")) for entry in said["newsletters"] if "id" in entry}
            if not wanted <= self.newsletters.keys():
                raise Refusal("Value in [newsletters.name] cannot be blank. newsletters.name")
            return wanted
        match said.get("subscribed"):
            case False:
                return set()
            case True:
                return self.subscribed_to(member) or self._defaults()
        return None

    def _defaults(self) -> set[str]:
        return {n.id for n in self.newsletters.values() if n.default and n.active}

    def _resubscribe(self, member: Member, wanted: set[str], now: int, source: str) -> None:
        had = self.subscribed_to(member)
        archived = {which for which in member.newsletters if not self.newsletters[which].active}
        for newsletter in sorted(had ^ (wanted - archived)):
            self.subscriptions.append(
                Subscription(self.new_id(now), member.id, newsletter, newsletter in wanted, now, source)
            )
        member.newsletters = wanted | archived

    def _labels(self, said: Sequence[Any], now: int) -> list[str]:
        """Ids of the labels named: trimmed, each once whatever its case, made where they are new."""
        names = [item if isinstance(item, str) else str(item.get("name", "")) for item in said]
        known = {label.name.lower(): label.id for label in self.labels.values()}
        ids: dict[str, None] = {}
        for name in filter(None, (name.strip() for name in names)):
            if name.lower() not in known:
                label = Label(self.new_id(now), name, now)
                self.labels[label.id] = label
                known[name.lower()] = label.id
            ids[known[name.lower()]] = None
        return list(ids)

    def _check_address(self, email: str, own_id: str, verb: str) -> None:
        if not _ADDRESS.fullmatch(email):
            raise Refusal("Invalid Email", "email")
        if self._holders.get(email, own_id) != own_id:
            raise Refusal(f"Member already exists. Attempting to {verb} member with existing email address", "email")

    @staticmethod
    def _check(said: Mapping[str, Any]) -> None:
        """Ghost's JSON schema `members`, for the fields that we know."""
        for name, longest in _LONGEST.items():
            if name in said and not isinstance(said[name], str):
                raise _unfit(name, "must be string")
            if len(said.get(name, "")) > longest:
                raise _unfit(name, f"must NOT have more than {longest} characters")
            if name != "note" and said.get(name, "").startswith(","):
                raise _unfit(name, 'must match pattern "^([^,]|$)"')
        if not isinstance(said.get("subscribed", False), bool):
            raise _unfit("subscribed", "must be boolean")
        for place, label in enumerate(said.get("labels", ())):
            if isinstance(label, str) and len(label) > 191:
                raise Refusal(
                    f"Validation failed for {place}.",
                    str(place),
                    path=f"/members/0/labels/{place}",
                    detail="must be object",
                )


def _unfit(name: str, detail: str) -> Refusal:
    return Refusal(f"Validation failed for {name}.", name, path=f"/members/0/{name}", detail=detail)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def shown_label(label: Label) -> dict[str, Any]:
    """A label as the API shows it."""
    times = dict.fromkeys(("created_at", "updated_at"), shown_time(label.created))
    return {"id": label.id, "name": label.name, "slug": _slug(label.name), **times}


@cache
def shown_time(at: int) -> str:
    """A time as the API shows it."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S}.000Z"


@cache
def stored_time(at: int) -> str:
    """A time as the database holds it, and as filters compare it."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
