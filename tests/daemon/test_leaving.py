"""A connector that is being left begins nothing new."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest

from syncd.core.record import Create, Cursor, Gone, Merged, Outcome, Record, Ref, Unsent, Write
from syncd.daemon.leaving import Leaving
from syncd.engine.wrappers import Gated
from syncd.sdk.clock import WallClock
from syncd.sdk.contract import Capabilities, Deletes, Object, Page, Past
from syncd.testing.fake import Fake, text_fields


@pytest.fixture
def fake() -> Fake:
    pages_of_one = Capabilities(incremental=True, deletes=Deletes.ABSENT, page_size=1)
    made = Fake("crm", WallClock(), text_fields("email", unique=("email",)), capabilities=pages_of_one)
    for number in range(3):
        made.person_creates(email=f"person{number}@example.com")
    return made


def test_a_listing_ends_after_the_page_at_hand_and_does_not_claim_to_be_complete(fake: Fake) -> None:
    leaving = threading.Event()
    pages = []
    for page in Leaving(fake, leaving).changes("people", None):
        pages.append(page)
        leaving.set()
    assert len(pages) == 1
    assert not pages[0].complete


def test_until_then_everything_is_as_it_was(fake: Fake) -> None:
    connector = Leaving(fake, threading.Event())
    assert connector.objects() == fake.objects()
    connector.check()
    pages = list(connector.changes("people", None))
    assert pages[-1].complete
    refs = [row.ref for page in pages for row in page.rows]
    assert connector.read(refs) == fake.read(refs)
    assert connector.findable("people") == ["email"]
    assert connector.find("people", "email", ["person1@example.com"]) == {"person1@example.com": [refs[1]]}
    connector.write([Create("crm", "people", {"email": "new@example.com"}, "w1")])
    assert fake.find_one(email="new@example.com")


def test_an_app_that_remembers_goes_on_remembering_and_one_that_does_not_says_nothing(fake: Fake) -> None:
    ref, past = Ref("crm", "people", "crm-1"), {"email": [Past("was@example.com", "")]}

    class Remembering(Fake):
        def history(self, ref: Ref, fields: Sequence[str]) -> Mapping[str, Sequence[Past]]:
            return past

    for wrapped in (lambda inner: Leaving(inner, threading.Event()), lambda inner: Gated(inner, lambda _: False)):
        assert wrapped(Remembering("crm", WallClock(), fake.fields)).history(ref, ["email"]) == past
        assert wrapped(fake).history(ref, ["email"]) == {}


def test_a_batch_that_comes_too_late_was_certainly_not_sent(fake: Fake) -> None:
    leaving = threading.Event()
    leaving.set()
    (outcome,) = Leaving(fake, leaving).write([Create("crm", "people", {"email": "new@example.com"}, "w1")])
    assert isinstance(outcome, Unsent)
    assert outcome.key == "w1"
    assert fake.writes == []


def test_an_app_that_cannot_look_for_records_still_cannot(fake: Fake) -> None:
    connector = Leaving(Blind(fake), threading.Event())
    assert connector.findable("people") == ()
    assert connector.find("people", "email", ["person1@example.com"]) == {"person1@example.com": ()}


@dataclass(frozen=True)
class Blind:
    """An app without search."""

    inner: Fake

    def objects(self) -> Sequence[Object]:
        return self.inner.objects()

    def check(self) -> None:
        self.inner.check()

    def changes(self, object: str, since: Cursor | None) -> Iterator[Page]:
        return self.inner.changes(object, since)

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        return self.inner.read(refs)

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        return self.inner.write(writes)

    def close(self) -> None:
        self.inner.close()


@dataclass
class _Tying(Fake):
    """An app with ties."""

    def associated(self, refs: Sequence[Ref], to: str) -> Mapping[Ref, Sequence[Ref]]:
        return {ref: [Ref("crm", to, "1")] for ref in refs}

    def associate(self, pairs: Sequence[tuple[Ref, Ref]]) -> None:
        self.merged.update({one.id: other.id for one, other in pairs})


def test_ties_are_read_and_made_as_before(fake: Fake) -> None:
    person, firm = Ref("crm", "people", "crm-1"), Ref("crm", "firms", "1")
    tying = _Tying("crm", WallClock(), fake.fields)
    connector = Leaving(tying, threading.Event())
    assert connector.associated([person], "firms") == {person: [firm]}
    connector.associate([(person, firm)])
    assert tying.merged == {"crm-1": "1"}
    assert Leaving(fake, threading.Event()).associated([person], "firms") == {}
