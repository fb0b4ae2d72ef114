"""Signing in: roles, sessions that end, guesses that are slowed down, and nothing lost when a session ends."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest

from syncd.access import Console, fits, hashed
from syncd.engine.deletes import believe
from syncd.errors import ConfigError, StoreError
from syncd.store.values import Event
from syncd.web.sessions import ABSOLUTE, IDLE, Visitor
from tests.web.office import PASSWORD, PEOPLE, Browser, Office

NAMED = Console.model_construct(enabled=None, url="", people=PEOPLE)


@pytest.fixture
def guarded(place: Office) -> Office:
    """Ada is owner, Ben operator, Cleo viewer."""
    place.open(NAMED)
    return place


def held(place: Office) -> int:
    """Somebody was deleted in the CRM; the number of the question."""
    entity = place.person("dora@example.com", "Dora")
    with place.world.store.begin() as tx:
        link = tx.links.at(entity, "crm")
        assert link is not None
        place.company.apps["crm"].person_deletes(link.ref.id)
        believe(place.world, tx, place.world.syncs["people"], link)
    with place.world.store.read() as tx:
        return tx.parked.open()[-1].id


def try_password(place: Office, name: str, password: str, address: str = "127.0.0.1") -> Browser:
    browser = Browser(place.app, client=(address, 5000))
    browser.send("/login", {"name": name, "password": password})
    return browser


def test_nothing_is_shown_before_somebody_has_signed_in(guarded: Office) -> None:
    for path in ("/", "/inbox", "/changes", "/changes.csv", "/find?q=ada", "/health", "/mappings", "/nothing"):
        browser = Browser(guarded.app)
        browser.get(path)
        assert "Sign in to syncd" in browser.text()
    assert Browser(guarded.app).get("/live").status_code == 401


def test_one_comes_to_the_page_that_was_asked_for(guarded: Office) -> None:
    browser = Browser(guarded.app)
    browser.get("/inbox?kind=deletes")
    browser.send("/login", {"name": "ada", "password": PASSWORD, "next": browser.field("next")})
    assert browser.last.url.path == "/inbox"
    assert "Held deletes" in browser.text()


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong password"), ("nobody", PASSWORD), ("", ""), ("ada", "")])
def test_a_wrong_name_or_password_lets_nobody_in_and_tells_not_which(guarded: Office, name: str, password: str) -> None:
    browser = try_password(guarded, name, password)
    assert browser.last.status_code == 401
    assert "Name or password is wrong" in browser.text()


def test_a_session_has_another_id_after_signing_in(guarded: Office) -> None:
    browser = guarded.browser(name="ada")
    before = browser.cookies["syncd"]
    browser.send("/login", {"name": "ada", "password": PASSWORD})
    assert browser.cookies["syncd"] != before
    assert guarded.desk.sessions.get(before) is None
    assert len(before) >= 43


def test_a_session_ends_after_half_an_hour_without_a_sign_of_life(guarded: Office) -> None:
    browser = guarded.browser(name="ada")
    guarded.clock.turn(IDLE - 1)
    assert "What is happening" in browser.get("/").text
    guarded.clock.turn(IDLE + 1)
    assert "Sign in" in browser.get("/").text


def test_the_live_stream_is_no_sign_of_life(guarded: Office) -> None:
    browser = guarded.browser(name="ada")
    guarded.clock.turn(IDLE - 1)
    assert guarded.desk.sessions.peek(browser.cookies["syncd"]) is not None
    guarded.clock.turn(2)
    assert browser.get("/live").status_code == 401


def test_a_session_ends_after_twelve_hours_whatever_happens(guarded: Office) -> None:
    browser = guarded.browser(name="ada")
    for _ in range(int(ABSOLUTE / 1000)):
        guarded.clock.turn(1000)
        browser.get("/")
    assert "What is happening" in browser.last.text
    guarded.clock.turn(1000)
    assert "Sign in" in browser.get("/").text


def test_signing_out_ends_the_session(guarded: Office) -> None:
    browser = guarded.browser(name="ada")
    id = browser.cookies["syncd"]
    browser.send("/logout")
    assert "Sign in" in browser.text()
    assert guarded.desk.sessions.get(id) is None


def noted(place: Office) -> list[tuple[Event, str, str]]:
    with place.world.store.read() as tx:
        found = tx.log.find(events=(Event.SIGNED_IN, Event.SIGNED_OUT))
    return [(entry.event, entry.by, entry.note) for entry in reversed(found)]


def test_who_comes_and_goes_is_in_the_change_log(guarded: Office) -> None:
    try_password(guarded, "ada", "wrong password")
    browser = guarded.browser(name="ben")
    browser.get("/")
    browser.send("/logout")
    assert noted(guarded) == [(Event.SIGNED_IN, "ben", "as operator"), (Event.SIGNED_OUT, "ben", "")]
    assert guarded.world.store.verify() == ""


def test_nobody_signs_in_whose_coming_cannot_be_noted(guarded: Office) -> None:
    def full() -> None:
        raise StoreError("disk full")

    guarded.world.store.on_commit = full
    browser = try_password(guarded, "ada", PASSWORD)
    assert browser.last.status_code == 503
    assert "nobody signs in without it being noted" in browser.text()
    assert "syncd" not in browser.cookies


def test_what_was_typed_when_the_session_ended_is_offered_again(guarded: Office) -> None:
    id = guarded.conflict()
    browser = guarded.browser(name="ada")
    browser.get("/inbox")
    form = {"id": str(id), "digest": browser.field("digest"), "way": "value", "value": "333", "back": "/inbox"}
    guarded.clock.turn(IDLE + 1)
    browser.send("/inbox/answer", form)
    assert browser.last.status_code == 401
    assert "Your session has ended, so nothing was done" in browser.text()
    kept = {f"kept.{name}": value for name, value in form.items()}
    browser.send("/login", {"name": "ada", "password": PASSWORD, "next": browser.field("next")} | kept)
    assert "333" in browser.text()
    assert guarded.decided() == []
    browser.send("/inbox/answer", form)
    assert guarded.agreed() == "333"
    assert guarded.decided() == [("ada", "conflict")]


def test_five_wrong_passwords_in_a_quarter_of_an_hour_are_enough(guarded: Office) -> None:
    for _ in range(5):
        assert try_password(guarded, "ada", "guess").last.status_code == 401
    late = try_password(guarded, "ada", PASSWORD)
    assert late.last.status_code == 429
    assert "try again in 15 minutes" in late.text()
    assert int(late.last.headers["retry-after"]) > 800
    assert try_password(guarded, "ada", PASSWORD, address="203.0.113.7").last.status_code == 200
    guarded.clock.turn(15 * 60 + 1)
    assert try_password(guarded, "ada", PASSWORD).last.status_code == 200


def test_guesses_from_everywhere_are_slowed_down_together_and_do_not_keep_the_owner_out(guarded: Office) -> None:
    home = guarded.browser(name="ada")
    for number in range(100):
        try_password(guarded, "ada", "guess", address=f"203.0.113.{number}")
    assert try_password(guarded, "ada", PASSWORD, address="198.51.100.1").last.status_code == 429
    home.send("/login", {"name": "ada", "password": PASSWORD})
    assert home.last.status_code == 200
    for _ in range(5):
        home.send("/login", {"name": "ada", "password": "guess"})
    home.send("/login", {"name": "ada", "password": PASSWORD})
    assert home.last.status_code == 429


def test_behind_a_proxy_guesses_are_counted_by_the_address_that_it_names(place: Office) -> None:
    place.open(Console.model_construct(enabled=None, url="https://sync.example.com", people=PEOPLE))
    browser = Browser(place.app, base="https://sync.example.com")
    for _ in range(5):
        browser.send("/login", {"name": "ada", "password": "guess"}, x_forwarded_for="6.6.6.6, 203.0.113.1")
    browser.send("/login", {"name": "ada", "password": PASSWORD}, x_forwarded_for="203.0.113.2")
    assert browser.last.status_code == 200


def test_a_viewer_looks_and_changes_nothing(guarded: Office) -> None:
    id = guarded.conflict()
    browser = guarded.browser(name="cleo")
    browser.get("/inbox")
    assert "111" in browser.text()
    assert "/inbox/answer" not in browser.last.text
    browser.send("/inbox/answer", {"id": str(id), "way": "agreed"})
    assert browser.last.status_code == 403
    assert "cleo is viewer" in browser.text()
    browser.send("/apps/pause", {"app": "crm"})
    assert browser.last.status_code == 403
    assert guarded.decided() == []


def test_an_operator_may_keep_what_a_delete_would_take_and_only_an_owner_may_let_it_go(guarded: Office) -> None:
    id = held(guarded)
    browser = guarded.browser(name="ben")
    browser.get("/inbox")
    form = {"id": str(id), "digest": browser.field("digest"), "back": "/inbox"}
    assert "Only an owner" in browser.text()
    browser.send("/inbox/answer", form | {"way": "approve"})
    assert browser.last.status_code == 403
    assert guarded.decided() == []
    browser = guarded.browser(name="ada")
    browser.get("/inbox")
    assert "A yes deletes news/people/" in browser.text()
    browser.send("/inbox/answer", form | {"way": "approve"})
    assert "the delete will be carried out" in browser.text()
    assert guarded.decided() == [("ada", "delete approved")]
    guarded.sync()
    assert guarded.company.called("dora@example.com") == {}


def test_a_no_to_a_delete_makes_the_record_again(guarded: Office) -> None:
    id = held(guarded)
    browser = guarded.browser(name="ben")
    browser.get("/inbox")
    browser.send("/inbox/answer", {"id": str(id), "digest": browser.field("digest"), "way": "refuse", "back": "/inbox"})
    assert "made again where it was deleted" in browser.text()
    guarded.sync()
    assert guarded.company.called("dora@example.com") == {"crm": "Dora", "news": "Dora"}


def test_who_pauses_an_app_is_in_the_log(guarded: Office) -> None:
    browser = guarded.browser(name="ben")
    browser.send("/apps/pause", {"app": "crm", "reason": "we audit"})
    assert "crm is paused" in browser.text()
    browser.get("/")
    assert "crm is not being served" in browser.text()
    assert "we audit" in browser.text()
    browser.send("/apps/resume", {"app": "crm"})
    assert "crm goes on" in browser.text()
    browser.send("/apps/resume", {"app": "attic"})
    assert browser.last.status_code == 404
    browser.get("/changes")
    assert "was paused by ben: we audit" in browser.text()


def test_a_password_is_kept_as_a_hash_that_takes_long_to_guess() -> None:
    kept = hashed(PASSWORD)
    assert kept.startswith("scrypt$17$")
    assert PASSWORD not in kept
    assert fits(PASSWORD, kept)
    assert not fits(PASSWORD, "no hash at all")
    with pytest.raises(ConfigError, match="at least 8 characters"):
        hashed("1234567")


def test_an_answer_that_an_app_must_be_read_for_waits_while_that_is_down(guarded: Office) -> None:
    id = held(guarded)
    browser = guarded.browser(name="ada")
    browser.get("/inbox")
    guarded.company.apps["news"].fault = "outage"
    form = {"id": str(id), "digest": browser.field("digest"), "way": "approve", "back": "/inbox"}
    browser.send("/inbox/answer", form)
    assert f"1 could not be: {id}:" in browser.text()
    assert "A yes deletes news/people/" in browser.text()
    assert guarded.decided() == []


def test_only_an_owner_sees_the_configuration(guarded: Office) -> None:
    browser = guarded.browser(name="ben")
    assert browser.get("/mappings/edit").status_code == 403
    assert "This takes the role owner; ben is operator" in browser.text()


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "nowhere"])
def test_from_afar_nobody_says_for_whom_they_call(place: Office, address: str) -> None:
    place.open(Console.model_construct(enabled=None, url="https://sync.example.com", people=PEOPLE))
    stranger = Browser(place.app, base="https://sync.example.com", client=(address, 50000))
    for number in range(6):
        stranger.send("/login", {"name": "ada", "password": "guess"}, x_forwarded_for=f"203.0.113.{number}")
    assert stranger.last.status_code == 429


def test_a_caller_without_an_address_says_for_nobody_that_they_call(place: Office) -> None:
    place.open(Console.model_construct(enabled=None, url="https://sync.example.com", people=PEOPLE))
    nameless = Browser(place.app, base="https://sync.example.com", client=("a-socket", 0))
    for number in range(6):
        nameless.send("/login", {"name": "ada", "password": "guess"}, x_forwarded_for=f"203.0.113.{number}")
    assert nameless.last.status_code == 429


def test_many_who_sign_in_at_once_leave_threads_for_others(guarded: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = threading.Event()
    admit = guarded.desk.gatekeeper.admit

    def slowly(*who: str, **known: str) -> Visitor | None:
        hold.wait(10)
        return admit(*who, **known)

    monkeypatch.setattr(guarded.desk.gatekeeper, "admit", slowly)

    async def crowd() -> list[int]:
        transport = httpx.ASGITransport(guarded.app)
        form, own = {"name": "ada", "password": PASSWORD}, {"origin": "http://127.0.0.1:8420"}
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420") as client:
            tries = [asyncio.create_task(client.post("/login", data=form, headers=own)) for _ in range(30)]
            while sum(one.done() for one in tries) < 26:
                await asyncio.sleep(0.01)
            hold.set()
            return sorted(answer.status_code for answer in await asyncio.gather(*tries))

    assert asyncio.run(crowd()) == [303] * 4 + [429] * 26
