"""Undo: seen before it is done, done as it was seen, by an owner alone."""

from __future__ import annotations

import pytest

from syncd.access import Console
from syncd.engine.cycle import began
from syncd.store.values import Event
from tests.web.office import PEOPLE, Browser, Office


def renamed(place: Office, name: str = "Adele") -> int:
    """Somebody has given Ada another name in the CRM; the entry that tells of it."""
    place.person("ada@example.com", "Ada")
    crm = place.company.apps["crm"]
    crm.person_edits(crm.find_one(email="ada@example.com"), first=name)
    place.sync()
    with place.world.store.read() as tx:
        return tx.log.find(app="crm", field="first")[0].seq


def asked(place: Office, query: str) -> Browser:
    browser = place.browser()
    browser.get(f"/undo?{query}")
    return browser


def test_a_change_is_shown_and_then_taken_back_in_every_app(place: Office) -> None:
    seq = renamed(place)
    browser = asked(place, f"change={seq}")
    text = browser.text()
    assert "1 value would be taken back" in text
    assert "Adele" in text
    assert place.agreed(field="first") == "Adele"
    browser.send("/undo/do", {"change": str(seq), "digest": browser.field("digest")})
    assert "1 value taken back" in browser.text()
    assert "it can be taken back, too" in browser.text()
    assert place.agreed(field="first") == "Ada"
    place.sync()
    assert place.company.called("ada@example.com") == {"crm": "Ada", "news": "Ada"}


def test_an_undo_that_would_come_to_something_else_by_now_is_not_done(place: Office) -> None:
    seq = renamed(place)
    browser = asked(place, "record=ada@example.com")
    digest = browser.field("digest")
    crm = place.company.apps["crm"]
    crm.person_edits(crm.find_one(email="ada@example.com"), first="Adelina")
    place.sync()
    browser.send("/undo/do", {"record": "ada@example.com", "digest": digest})
    assert browser.last.status_code == 409
    assert "something else than the page had shown" in browser.text()
    assert place.agreed(field="first") == "Adelina"
    assert seq


def test_what_stays_is_told_with_the_reason(place: Office) -> None:
    seq = renamed(place)
    crm = place.company.apps["crm"]
    crm.person_edits(crm.find_one(email="ada@example.com"), first="Adelina")
    place.sync()
    browser = asked(place, f"change={seq}")
    assert "there is nothing to take back" in browser.text()
    assert "1 change stays:" in browser.text()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("app=crm", "that is everything there ever was"),
        ("change=x", '"x" is no number of a change'),
        ("change=4711", "there is no entry 4711"),
        ("record=nobody", 'nothing is known of "nobody"'),
        ("since=yesterday", '"yesterday" is no time'),
        ("run=1", "entry 1 is no beginning of a run"),
    ],
)
def test_a_choice_that_makes_no_sense_says_so(place: Office, query: str, said: str) -> None:
    assert said in asked(place, query).text()


def test_nothing_chosen_is_nothing_done(place: Office) -> None:
    browser = asked(place, "")
    assert "See what it comes to" in browser.text()
    browser.get("/health")
    browser.send("/undo/do", {})
    assert browser.last.status_code == 422


def test_only_an_owner_takes_changes_back(place: Office) -> None:
    seq = renamed(place)
    place.open(Console.model_construct(enabled=None, url="", people=PEOPLE))
    browser = place.browser(name="ben")
    browser.get(f"/undo?change={seq}")
    assert "Only an owner may take changes back" in browser.text()
    browser.send("/undo/do", {"change": str(seq), "digest": "x"})
    assert browser.last.status_code == 403
    assert place.agreed(field="first") == "Adele"


def test_what_nobody_knows_cannot_be_taken_back(place: Office) -> None:
    browser = asked(place, "")
    browser.get("/health")
    browser.send("/undo/do", {"record": "nobody@example.com"})
    assert browser.last.status_code == 404
    assert 'nothing is known of "nobody@example.com"' in browser.text()


def test_where_nothing_is_chosen_yet_what_has_run_is_offered(place: Office) -> None:
    began(place.world, "apply", by="ada")
    renamed(place)
    browser = asked(place, "")
    text = browser.text()
    assert "What has run" in text
    assert "apply" in text
    with place.world.store.read() as tx:
        run = tx.log.find(events=(Event.BEGAN,), limit=1)[0].seq
    browser.get(f"/undo?run={run}")
    assert "would be taken back" in browser.text()
