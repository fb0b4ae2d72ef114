"""The store at a glance says what the store itself says, and touches nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from syncd.core.entity import Entity, Held, Link, LinkState
from syncd.core.record import EntityId, Ref
from syncd.errors import StoreError
from syncd.store.glance import glance
from syncd.store.store import Store
from syncd.store.values import (
    Delivery,
    Entry,
    Event,
    Intent,
    IntentKind,
    IntentState,
    OptOut,
    Parked,
    ParkedKind,
)

ADA, BOB = EntityId(f"e{1:020x}"), EntityId(f"e{2:020x}")
INTENT = Intent(
    key="w1",
    sync="people",
    app="news",
    object="members",
    entity=BOB,
    kind=IntentKind.CREATE,
    ref=None,
    patch={},
    before={},
    goal={},
    state=IntentState.UNKNOWN,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A store with two people, one of them gone from the CRM, and some of every kind of work."""
    path = tmp_path / "some where" / "syncd.db"
    store = Store.open(f"sqlite:///{path}", lambda: 1000.0)
    with store.begin() as tx:
        tx.entities.put(Entity(ADA, "people", {"email": Held("ada@example.com")}), [("email", "ada@example.com")])
        tx.entities.put(Entity(BOB, "people", deleted=True), [("consent:opted_out", "bob@example.com")])
        link = Link(ADA, Ref("crm", "contacts", "1"))
        tx.links.put("people", link)
        tx.links.put("people", replace(link, ref=Ref("news", "members", "a")))
        tx.links.put("people", replace(link, entity=BOB, ref=Ref("crm", "contacts", "2"), state=LinkState.GONE))
        tx.deliveries.owe(Delivery("people", "news", ADA, 900.0))
        tx.hints.add([Ref("crm", "contacts", "1"), Ref("crm", "contacts", "9")], 1000.0)
        tx.intents.put([INTENT, replace(INTENT, key="w2", state=IntentState.INFLIGHT)])
        tx.parked.park(Parked(kind=ParkedKind.HOLD, sync="people", app="crm", entity=ADA))
        number = tx.parked.park(Parked(kind=ParkedKind.CONFLICT, sync="people", app="crm", entity=ADA, field="email"))
        tx.parked.close(number, "", "ada")
        tx.optouts.add(OptOut("opted_out", "ada@example.com", 1.0, "news", 1))
        tx.optouts.add(OptOut("opted_out", "bob@example.com", 1.0, "news", 1))
        tx.optouts.lift("opted_out", "bob@example.com", 2.0)
        tx.apps.pause("crm", "we audit")
        tx.apps.failing("news", "down")
        tx.meta.put("applied:people", "digest")
        tx.log.append(Entry(event=Event.PAUSED, app="crm"))
    store.close()
    return path


def test_a_glance_counts_what_the_store_holds(file: Path) -> None:
    found = glance(f"sqlite:///{file}", ["crm", "news", "blog"], ["people", "firms"])
    assert found is not None
    crm, news, blog = found.apps["crm"], found.apps["news"], found.apps["blog"]
    assert (crm.paused, crm.paused_at, crm.hints, crm.owed) == ("we audit", 1000.0, 2, 0)
    assert (news.failing, news.failing_since, news.owed, news.owed_since, news.doubtful) == (
        "down",
        1000.0,
        1,
        900.0,
        1,
    )
    assert (blog.paused, blog.failing, blog.answered_at, blog.owed) == ("", "", None, 0)
    people, firms = found.syncs["people"], found.syncs["firms"]
    assert (people.entities, people.linked, people.in_force) == (1, {"crm": 1, "news": 1}, True)
    assert (firms.entities, firms.linked, firms.in_force) == (0, {}, False)
    assert (found.waiting, found.opted_out, found.changes) == ({"hold": 1}, 1, 1)


def test_a_glance_agrees_with_the_store_while_somebody_writes(file: Path) -> None:
    store = Store.open(f"sqlite:///{file}", lambda: 2000.0)
    with store.begin() as tx:
        tx.log.append(Entry(event=Event.RESUMED, app="crm"))
        during = glance(f"sqlite:///{file}", [], [])
    after = glance(f"sqlite:///{file}", [], [])
    store.close()
    assert during is not None
    assert after is not None
    assert (during.changes, after.changes) == (1, 2)


def test_where_there_is_no_store_a_glance_makes_none(tmp_path: Path) -> None:
    assert glance(f"sqlite:///{tmp_path / 'none.db'}", ["crm"], []) is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_store_is_told_as_such(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    file.write_text("not a database, and long enough to be taken for one" * 100)
    with pytest.raises(StoreError, match=r"other\.db"):
        glance(f"sqlite:///{file}", [], [])


def test_an_entity_is_found_by_a_match_value_alone_and_known_by_it(file: Path) -> None:
    store = Store.open(f"sqlite:///{file}", lambda: 2000.0)
    with store.read() as tx:
        assert tx.entities.by_value("ada@example.com") == [("people", ADA)]
        assert tx.entities.by_value("nobody@example.com") == []
        assert tx.entities.labels([ADA, BOB, EntityId("e3")]) == {ADA: "ada@example.com", BOB: "bob@example.com"}
    store.close()


def test_the_log_is_found_by_the_field_that_an_entry_tells_of(file: Path) -> None:
    store = Store.open(f"sqlite:///{file}", lambda: 2000.0)
    with store.begin() as tx:
        about = tx.log.append(Entry(event=Event.MERGED, fields={"e_mail": {"new": "x"}, "city": {"new": "Lyon"}}))
        tx.log.append(Entry(event=Event.MERGED, fields={"e-mail": {"new": "e_mail"}}))
        assert [entry.seq for entry in tx.log.find(field="e_mail")] == [about]
        assert [entry.seq for entry in tx.log.find(field="new")] == []
        assert tx.log.find(field="%") == []
    store.close()
