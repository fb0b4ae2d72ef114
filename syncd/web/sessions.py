"""Who is signed in, and how often somebody may try to."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from syncd.access import ROLES, Person, Role, fits

__all__ = ["ABSOLUTE", "IDLE", "Gatekeeper", "Note", "Session", "Sessions", "Throttled", "Visitor"]

IDLE: Final = 30 * 60.0
ABSOLUTE: Final = 12 * 3600.0
"""Seconds after which a session ends: without a sign of life, and in any case."""
_MOST: Final = 2000
_KEPT: Final = 64

_TRIES: Final = 5
_WINDOW: Final = 15 * 60.0
_ALL_TRIES: Final = 100
"""Wrong passwords within the window: from one address, and from all together."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks, and what they may do."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether they may do what takes this role."""
        return ROLES.index(self.role) >= ROLES.index(role)


@dataclass(frozen=True, slots=True)
class Note:
    """What came of an order, to be said on the next page. `tone`: good, warn or bad."""

    text: str
    tone: str = "good"


@dataclass(slots=True)
class Session:
    """One browser. Its turn is taken by one order at a time, so that a form sent twice is answered once."""

    id: str
    visitor: Visitor
    token: str
    """What every form holds: proof that it came from one of our own pages."""
    began: float
    seen: float
    notes: list[Note] = field(default_factory=list)
    done: OrderedDict[str, str] = field(default_factory=OrderedDict)
    """Forms that were carried out, by their number, and the page they led to."""
    turn: threading.Lock = field(default_factory=threading.Lock)

    def carried_out(self, once: str, leads_to: str) -> None:
        """Remember a form, so that the same one sent again does nothing."""
        self.done[once] = leads_to
        while len(self.done) > _KEPT:
            self.done.popitem(last=False)

    def take_notes(self) -> list[Note]:
        """What is still to be said; it is said once."""
        said, self.notes = self.notes, []
        return said


class Sessions:
    """Every session of this process; a restart ends them all. Safe to share between threads."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._of: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, visitor: Visitor) -> Session:
        """A new session, with an id that nobody can guess."""
        now = self._now()
        session = Session(secrets.token_urlsafe(32), visitor, secrets.token_urlsafe(32), now, now)
        with self._lock:
            self._of[session.id] = session
            while len(self._of) > _MOST:
                self._of.popitem(last=False)
        return session

    def get(self, id: str) -> Session | None:
        """The session of this id, if it has not ended; it has shown a sign of life."""
        with self._lock:
            session = self._alive(id)
            if session is not None:
                session.seen = self._now()
                self._of.move_to_end(id)
            return session

    def peek(self, id: str) -> Session | None:
        """The same, for what a page asks by itself while nobody may be looking."""
        with self._lock:
            return self._alive(id)

    def _alive(self, id: str) -> Session | None:
        now, session = self._now(), self._of.get(id)
        if session is not None and (now - session.seen > IDLE or now - session.began > ABSOLUTE):
            del self._of[id]
            return None
        return session

    def end(self, id: str) -> None:
        """Sign out."""
        with self._lock:
            self._of.pop(id, None)


class Throttled(Exception):
    """Too many wrong passwords: `wait` seconds until the next try."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"too many wrong passwords; try again in {wait / 60:.0f} minutes")
        self.wait = wait


class Gatekeeper:
    """Sees whether a password is right, slowly, and one at a time.

    A browser in which somebody has signed in before holds a mark that only the right password could have made. With
    it, tries are counted apart, so that strangers who guess cannot keep the owner out.
    """

    def __init__(self, people: Mapping[str, Person], now: Callable[[], float]) -> None:
        self._people = people
        self._now = now
        self._nobody = next((_unfit(person.password) for person in people.values()), "")
        """What the password of a person who does not exist is held against, so that trying takes as long."""
        self._wrong: dict[str, deque[float]] = {}
        self._all: deque[float] = deque()
        self._one = threading.Lock()

    def admit(self, name: str, password: str, *, address: str, mark: str = "") -> Visitor | None:
        """The person, if name and password are right. Raises Throttled where too many were wrong of late."""
        person = self._people.get(name)
        known = person is not None and hmac.compare_digest(
            mark.encode(), self._mark(name, mark.partition(".")[0]).encode()
        )
        source = f"mark {mark}" if known else f"address {address}"
        with self._one:  # each try takes 128 MB: never two at once
            self._patience(source, known=known)
            right = fits(password, person.password if person else self._nobody)
            if person is not None and right:
                self._wrong.pop(source, None)
                return Visitor(name, person.role)
            now = self._now()
            self._wrong.setdefault(source, deque()).append(now)
            if not known:
                self._all.append(now)
            return None

    def mark(self, name: str) -> str:
        """What a browser keeps after a right password."""
        return self._mark(name, secrets.token_urlsafe(16))

    def _mark(self, name: str, nonce: str) -> str:
        key = self._people[name].password.encode()
        return f"{nonce}.{hmac.new(key, f'{name}.{nonce}'.encode(), hashlib.sha256).hexdigest()}"

    def _patience(self, source: str, *, known: bool) -> None:
        since = self._now() - _WINDOW
        for one in [source for source, tries in self._wrong.items() if tries[-1] <= since]:
            del self._wrong[one]
        for tries, most in ((self._wrong.get(source, deque()), _TRIES), (self._all, _ALL_TRIES)):
            while tries and tries[0] <= since:
                tries.popleft()
            if len(tries) >= most and not (known and tries is self._all):
                raise Throttled(tries[0] - since)


def _unfit(kept: str) -> str:
    """A hash of the same cost, of no password at all."""
    return f"{kept.rpartition('$')[0]}${'A' * 43}"
