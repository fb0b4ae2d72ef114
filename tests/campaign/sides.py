"""The people's side of each app in a campaign: what persons type into its own screens, and what stands there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from syncd_connectors.ghost.token import token

__all__ = ["BottleCrmSide", "GhostSide", "Person", "Side", "TwinSide"]


@dataclass(frozen=True, slots=True)
class Person:
    """One record as a person sees it. `out`: None where the app knows of no opt-out."""

    id: str
    email: str
    first: str
    last: str
    out: bool | None = None

    @property
    def name(self) -> str:
        """The full name."""
        return f"{self.first} {self.last}".strip()


class Side(Protocol):
    """One app, from in front of the screen."""

    def all(self) -> list[Person]:
        """Everybody there."""
        ...

    def create(self, first: str, last: str, email: str) -> None:
        """Somebody new."""
        ...

    def rename(self, person: Person, first: str, last: str) -> None:
        """Another name."""
        ...

    def opt_out(self, person: Person) -> None:
        """They leave the list."""
        ...

    def delete(self, person: Person) -> None:
        """The record goes."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


@dataclass
class GhostSide:
    """A real Ghost, by its Admin API, with the key of its owner."""

    url: str
    key: str

    def __post_init__(self) -> None:
        self._http = httpx.Client(base_url=f"{self.url}/ghost/api/admin", timeout=60)

    def _call(self, method: str, path: str, **more: Any) -> Any:
        headers = {"Authorization": token(self.key, time.time())}
        answer = self._http.request(method, path, headers=headers, **more)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def all(self) -> list[Person]:
        """Page by page."""
        found, page = [], 1
        while True:
            answer = self._call("GET", "/members/", params={"limit": 100, "page": page, "include": "newsletters"})
            found += [self._person(member) for member in answer["members"]]
            if answer["meta"]["pagination"]["next"] is None:
                return found
            page += 1

    def _person(self, member: Mapping[str, Any]) -> Person:
        first, _, last = (member["name"] or "").partition(" ")
        return Person(member["id"], member["email"], first, last, out=not member["newsletters"])

    def create(self, first: str, last: str, email: str) -> None:
        """A member with the default newsletters."""
        self._call("POST", "/members/", json={"members": [{"name": f"{first} {last}", "email": email}]})

    def rename(self, person: Person, first: str, last: str) -> None:
        """One field holds both names."""
        self._call("PUT", f"/members/{person.id}/", json={"members": [{"name": f"{first} {last}"}]})

    def opt_out(self, person: Person) -> None:
        """No newsletter any more."""
        self._call("PUT", f"/members/{person.id}/", json={"members": [{"newsletters": []}]})

    def delete(self, person: Person) -> None:
        """For good."""
        self._call("DELETE", f"/members/{person.id}/")

    def close(self) -> None:
        """Hang up."""
        self._http.close()


@dataclass
class BottleCrmSide:
    """A real BottleCRM, by its API, with the administrator's token."""

    url: str
    token: str

    def __post_init__(self) -> None:
        self._http = httpx.Client(
            base_url=f"{self.url}/api", timeout=60, headers={"Authorization": f"Bearer {self.token}"}
        )

    def _call(self, method: str, path: str, **more: Any) -> Any:
        answer = self._http.request(method, path, **more)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def all(self) -> list[Person]:
        """Page by page, newest first."""
        found: dict[str, Person] = {}
        offset = 0
        while True:
            answer = self._call("GET", "/contacts/", params={"limit": 100, "offset": offset})
            rows = answer["contact_obj_list"]
            found |= {r["id"]: Person(r["id"], r["email"], r["first_name"], r["last_name"]) for r in rows}
            if len(rows) < 100:
                return list(found.values())
            offset += 100

    def create(self, first: str, last: str, email: str) -> None:
        """A contact."""
        self._call("POST", "/contacts/", json={"first_name": first, "last_name": last, "email": email})

    def rename(self, person: Person, first: str, last: str) -> None:
        """Two fields."""
        fields = {"first_name": first, "last_name": last}
        shown = {"first_name": person.first, "last_name": person.last}
        self._call("PATCH", f"/contacts/{person.id}/", json={k: v for k, v in fields.items() if v != shown[k]})

    def opt_out(self, person: Person) -> None:
        """A contact here has no such thing."""
        raise NotImplementedError(person.id)

    def delete(self, person: Person) -> None:
        """For good."""
        self._call("DELETE", f"/contacts/{person.id}/")

    def close(self) -> None:
        """Hang up."""
        self._http.close()


@dataclass
class TwinSide:
    """A twin that is served over HTTP, by its people's side."""

    url: str
    object: str
    shows: Callable[[str, Mapping[str, Any]], Person]
    """How a person reads a record of it."""
    names: Callable[[str, str], Mapping[str, Any]]
    """First and last name in the fields of it."""
    email: str

    def __post_init__(self) -> None:
        self._http = httpx.Client(base_url=f"{self.url}/_people", timeout=60)

    def _act(self, action: str, **body: Any) -> None:
        self._http.post(f"/{action}", json={"object": self.object, **body}).raise_for_status()

    def all(self) -> list[Person]:
        """Everything that lives there."""
        answer = self._http.get(f"/records/{self.object}").raise_for_status()
        return [self.shows(id, fields) for id, fields in answer.json()["records"].items()]

    def overwritten_at_once(self, name: str, within: float = 1.0) -> bool:
        """Was this name written over by the API less than so many seconds after a person typed it?

        That is the gap between a read and a write, which an app that takes no condition leaves open.
        """
        entries = self._http.get("/journal").raise_for_status().json()["entries"]
        for place, entry in enumerate(entries):
            if entry["author"] == "person" and name in str(entry["value"]):
                later = (e for e in entries[place + 1 :] if (e["id"], e["field"]) == (entry["id"], entry["field"]))
                after = next(later, None)
                return after is not None and after["author"] == "api" and after["at"] - entry["at"] <= within
        return False

    def create(self, first: str, last: str, email: str) -> None:
        """Somebody new."""
        self._act("create", fields={**self.names(first, last), self.email: email})

    def rename(self, person: Person, first: str, last: str) -> None:
        """Only what is another name."""
        before = self.names(person.first, person.last)
        after = self.names(first, last)
        self._act("edit", id=person.id, fields={k: v for k, v in after.items() if v != before[k]})

    def opt_out(self, person: Person) -> None:
        """They leave."""
        self._act("opt-out", id=person.id)

    def delete(self, person: Person) -> None:
        """It goes."""
        self._act("delete", id=person.id)

    def close(self) -> None:
        """Hang up."""
        self._http.close()
