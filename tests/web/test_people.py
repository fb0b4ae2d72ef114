"""A person is handed what is known of them, and forgotten: by an owner alone, as it was shown."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from syncd.access import Console
from syncd.core.entity import LinkState
from syncd.core.record import EntityId
from syncd.engine.forgetting import finish
from syncd.store.values import Event
from tests.web.office import PEOPLE, Browser, Office

EMAIL = "ada@example.com"


@pytest.fixture
def ada(place: Office) -> EntityId:
    """Somebody who is in both apps."""
    return place.person(EMAIL, "Ada")


def shown(place: Office, ada: EntityId, name: str = "") -> Browser:
    """The page that says what forgetting would come to."""
    browser = place.browser(name=name)
    browser.get(f"/record/{ada}/forget")
    return browser


def ordered(browser: Browser, ada: EntityId, **form: str) -> Browser:
    """The form on it sent."""
    browser.send(f"/record/{ada}/forget/do", {"digest": browser.field("digest"), **form})
    return browser


def noted(place: Office, event: Event) -> list[tuple[str, str]]:
    with place.world.store.read() as tx:
        return [(entry.by, entry.note) for entry in tx.log.find(events=(event,))]


def there(place: Office) -> list[str]:
    """The apps that still have the person."""
    return [name for name, app in place.company.apps.items() if any(EMAIL in str(row) for row in app.rows.values())]


def gone(place: Office, who: EntityId, *apps: str) -> None:
    """Their records are known to be gone there."""
    with place.world.store.begin() as tx:
        for link in tx.links.of(who):
            if link.ref.app in apps:
                tx.links.put("people", replace(link, state=LinkState.GONE))


def test_what_is_known_of_a_person_is_taken_along_as_a_file_and_noted(place: Office, ada: EntityId) -> None:
    browser = place.browser()
    browser.get(f"/record/{ada}")
    browser.send(f"/record/{ada}/export")
    assert browser.last.headers["content-disposition"] == f'attachment; filename="person-{ada}.json"'
    assert browser.last.headers["cache-control"] == "no-store"
    found = json.loads(browser.last.text)
    assert {one["field"]: one["value"] for one in found["known"][0]["agreed"]}["email"] == EMAIL
    assert [by for by, _ in noted(place, Event.EXPORTED)] == ["console"]


def test_what_forgetting_comes_to_is_shown_and_nothing_is_done(place: Office, ada: EntityId) -> None:
    browser = place.browser()
    browser.get(f"/record/{ada}")
    assert "Forget this person" in browser.text()
    text = shown(place, ada).text()
    assert text.count("is deleted") == 2
    assert "It cannot be taken back" in text
    place.sync()
    assert there(place) == ["crm", "news"]
    assert noted(place, Event.FORGETTING) == []


def test_a_person_is_forgotten_as_was_shown_and_the_certificate_is_there(place: Office, ada: EntityId) -> None:
    browser = ordered(shown(place, ada), ada, reason="by letter")
    assert "Order 1: their records are being deleted" in browser.text()
    assert "Being forgotten" in browser.text()
    assert "by letter" in browser.text()
    browser.get(f"/record/{ada}")
    assert "their records are being deleted everywhere" in browser.text()
    place.sync()
    assert there(place) == []
    browser.get(f"/record/{ada}")
    assert "nothing is held of them" in browser.text()
    assert "Forget this person" not in browser.text()
    browser.get(f"/record/{ada}/forget")
    assert "CERTIFICATE OF ERASURE" in browser.text()
    assert "Order 1, given" in browser.text()
    assert EMAIL not in browser.last.text
    assert place.world.store.verify() == ""


def test_a_person_without_a_record_is_forgotten_in_a_moment(place: Office, ada: EntityId) -> None:
    gone(place, ada, "crm", "news")
    browser = shown(place, ada)
    assert "They have no record in any app" in browser.text()
    assert "No record is left" in ordered(browser, ada).text()
    finish(place.world)
    browser.get(f"/record/{ada}/forget")
    assert "CERTIFICATE OF ERASURE" in browser.text()


def test_whoever_has_other_records_by_now_is_not_forgotten_unseen(place: Office, ada: EntityId) -> None:
    browser = shown(place, ada)
    gone(place, ada, "crm")
    ordered(browser, ada)
    assert browser.last.status_code == 409
    assert "nothing was done" in browser.text()
    assert noted(place, Event.FORGETTING) == []


def test_more_within_the_hour_than_the_cap_takes_a_word_that_so_many_are_meant(place: Office, ada: EntityId) -> None:
    ben = place.person("ben@example.com", "Ben")
    browser = ordered(shown(place, ada), ada)
    assert "So many are meant" not in browser.text()
    browser = shown(place, ben)
    assert "More deletes within the hour than the cap: crm: 2 of" in browser.text()
    ordered(browser, ben)
    assert browser.last.status_code == 409
    assert len(noted(place, Event.FORGETTING)) == 1
    ordered(shown(place, ben), ben, many="yes")
    assert len(noted(place, Event.FORGETTING)) == 2


def test_a_form_that_is_sent_twice_gives_one_order(place: Office, ada: EntityId) -> None:
    browser = shown(place, ada)
    form = {name: browser.field(name) for name in ("token", "once", "digest")}
    for _ in range(2):
        browser.send(f"/record/{ada}/forget/do", form)
        assert browser.last.status_code == 200
    assert len(noted(place, Event.FORGETTING)) == 1


def test_somebody_else_who_orders_it_at_the_same_time_is_told(place: Office, ada: EntityId) -> None:
    first, second = shown(place, ada), shown(place, ada)
    ordered(first, ada)
    ordered(second, ada)
    assert second.last.status_code == 409
    assert "this person is being forgotten already" in second.text()


def test_a_form_of_an_earlier_session_is_offered_again_and_does_nothing(place: Office, ada: EntityId) -> None:
    browser = shown(place, ada)
    digest = browser.field("digest")
    browser.send(f"/record/{ada}/forget/do", {"digest": digest, "reason": "by letter", "token": "of before"})
    assert browser.last.status_code == 409
    assert "This form is from before" in browser.text()
    assert "by letter" in browser.text()
    assert noted(place, Event.FORGETTING) == []


@pytest.mark.parametrize("name", ["ben", "cleo"])
def test_only_an_owner_exports_and_forgets(place: Office, ada: EntityId, name: str) -> None:
    place.open(Console.model_construct(enabled=None, url="", people=PEOPLE))
    browser = place.browser(name=name)
    browser.get(f"/record/{ada}")
    assert "Forget this person" not in browser.text()
    assert browser.get(f"/record/{ada}/forget").status_code == 403
    for path in ("export", "forget/do"):
        browser.get("/inbox")
        browser.send(f"/record/{ada}/{path}", {"digest": "x"})
        assert browser.last.status_code == 403
    assert noted(place, Event.FORGETTING) + noted(place, Event.EXPORTED) == []


def test_who_forgot_is_named(place: Office, ada: EntityId) -> None:
    place.open(Console.model_construct(enabled=None, url="", people=PEOPLE))
    ordered(shown(place, ada, name="ada"), ada, reason="asked for")
    assert noted(place, Event.FORGETTING) == [("ada", "asked for")]


@pytest.mark.parametrize("id", ["x", "e" + "0" * 20])
def test_nobody_is_forgotten_who_is_not_there(place: Office, id: str) -> None:
    assert place.browser().get(f"/record/{id}/forget").status_code == 404


def test_an_order_of_before_a_restore_says_that_it_was_given_anew(place: Office, ada: EntityId) -> None:
    browser = ordered(shown(place, ada), ada)
    with place.world.store.begin() as tx:
        tx.meta.put("forget_again", "yes")
    finish(place.world)
    browser.get(f"/record/{ada}/forget")
    assert "Order 2" in browser.text()
    with place.world.store.begin() as tx:
        first, second = tx.forgotten.all()
        assert (first.done is None, second.done is None) == (False, True)
        tx.forgotten.put(replace(second, done=tx.now))
    browser.get(f"/record/{ada}/forget")
    assert "Order 2 was given anew after a backup was restored" in browser.text()
