"""A viewer sees that something is so, and no value of a personal field: on no page, in no export, not in the stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.access import Console
from syncd.core.lens import Misfit, View
from syncd.core.record import EntityId, Fields, Raws, Ref
from syncd.engine.plan import mark_applied
from syncd.store.values import Entry, Event, ParkedKind
from syncd.testing.simulator.lens import Plain
from syncd.web import live
from syncd.web.mask import MASKED
from tests.daemon.company import Company
from tests.web.office import PEOPLE, Browser, Office, office

CANARY = "canary"
EMAIL = "canary.mail@example.com"
PLACES = (
    "/",
    "/changes",
    "/changes.csv",
    "/changes.jsonl",
    "/changes?app=crm&field=phone",
    "/inbox",
    "/inbox?kind=guards",
    "/inbox?kind=conflicts",
    "/inbox?kind=deletes",
    "/inbox?kind=refused",
    "/inbox?kind=whose",
    "/undo",
    "/undo?since=1d",
    "/mappings",
    "/mappings?try=1",
    "/health",
)
"""All that a viewer may look at, but for a record, which is found by its id."""


class Quoting(Plain):
    """A lens that quotes what it cannot make sense of."""

    def get(self, raws: Raws, entity: Fields) -> View:
        shown = Plain.get(self, raws, entity)
        return Misfit(f'"{shown}" is no name', str(shown)) if CANARY in str(shown).casefold() else shown


@pytest.fixture
def canaries(tmp_path: Path, fresh: Path) -> Iterator[Office]:
    """Somebody whose every value says canary, with all that may happen to a person."""
    (tmp_path / "syncd.db").write_bytes(fresh.read_bytes())
    with ExitStack() as closing:
        company = Company(tmp_path, closing)
        rules = {name: replace(rule, personal=name != "out") for name, rule in company.sync.rules.items()}
        company.sync = replace(company.sync, rules=rules)
        mark_applied(company.world(), by="test")
        made = office(company)
        made.conflict(EMAIL, phones=("canary-1", "canary-2"))
        there = company.apps["crm"]
        there.person_edits(there.find_one(email=EMAIL), first="Canaryfirst")
        made.sync()
        told(made, made.who(EMAIL))
        made.open(Console.model_construct(enabled=None, url="", people=PEOPLE))
        yield made


def told(made: Office, who: EntityId) -> None:
    """What else may be told of a person, each time with values in it."""
    ref = Ref("news", "people", EMAIL)
    values = {"phone": {"old": "canary-1", "new": "canary-2", "kept": "canary-3", "overwritten": ["canary-4"]}}
    for event in Event:
        if event not in (Event.FORGOTTEN, Event.EXPIRED, Event.APPLIED, Event.SAVED, Event.BEGAN):
            quotes = event in (Event.REFUSED, Event.DOUBTED, Event.SUSPECTED, Event.BROKEN, Event.FORGETTING)
            note = "a canary in the words of an app" if quotes else "in our words"
            made.log(event, sync="people", entity=who, ref=ref, fields=values, note=note)
    misfit = {"first": {"new": "canary", "verdict": "misfit", "rule": '"canary" is no name'}}
    made.log(Event.MERGED, sync="people", entity=who, ref=ref, fields=misfit)
    made.log(Event.MERGED, sync="people", entity=who, app="crm", fields={"nickname": {"new": "canary"}})
    made.log(Event.MERGED, sync="gone", entity=EntityId("e" + "1" * 20), app="crm", fields={"phone": {"new": "canary"}})
    with made.world.store.begin() as tx:
        tx.log.erase([], ("fields",), Entry(event=Event.EXPIRED))
    about = {"app": "news", "entity": who}
    made.park(ParkedKind.QUARANTINE, **about, field="phone", reason="no canary, please", detail={"value": "canary-5"})
    made.park(ParkedKind.QUARANTINE, app="news", ref=ref, reason="no canary, please")
    made.park(ParkedKind.HOLD, **about, reason="gone from news", detail={"record": str(ref)})
    made.park(ParkedKind.AMBIGUOUS, app="news", ref=ref, reason="2 entities", detail={"entities": [who]})
    made.park(ParkedKind.DUPLICATE, app="news", ref=ref, reason=f"as {EMAIL}", detail={"entity": who})
    made.park(ParkedKind.BLANK, **about, field="first", reason="emptied", detail={"ours": "Canaryfirst", "theirs": ""})
    samples = [{"record": f"news/people/{EMAIL}", "fields": ["phone"]}]
    made.park(ParkedKind.GUARD, app="news", reason="edits: 5 of 6", detail={"linked": 6, "samples": samples})


def seen(browser: Browser, path: str) -> str:
    """All that is sent for a page."""
    answer = browser.get(path)
    assert answer.status_code == 200, path
    return answer.text


@pytest.mark.parametrize("path", PLACES)
def test_no_page_shows_a_viewer_a_personal_value(canaries: Office, path: str) -> None:
    assert CANARY not in seen(canaries.browser(name="cleo"), path).casefold()


def test_no_record_shows_a_viewer_a_personal_value(canaries: Office) -> None:
    browser, who = canaries.browser(name="cleo"), canaries.who(EMAIL)
    for path in (f"/record/{who}", f"/undo?record={who}", f"/changes?record={who}"):
        assert CANARY not in seen(browser, path).casefold()
    text = (browser.get(f"/record/{who}"), browser.text())[1]
    assert MASKED in text
    assert f"{MASKED} (another)" in text, "that the apps differ is told"
    assert "blank" in text
    assert "in our words" in text


@pytest.mark.parametrize("name", ["ben", "ada"])
def test_operators_and_owners_see_values(canaries: Office, name: str) -> None:
    browser = canaries.browser(name=name)
    shown = {path: CANARY in seen(browser, path).casefold() for path in PLACES}
    blind = {"/inbox?kind=guards": True, "/mappings": False, "/mappings?try=1": False, "/health": False}
    assert shown == {path: blind.get(path, True) for path in PLACES} | {"/undo": False}
    assert "Canaryfirst" in seen(browser, f"/record/{canaries.who(EMAIL)}")


@pytest.mark.parametrize("path", ["/find?q={}", "/changes?record={}", "/undo?record={}"])
@pytest.mark.parametrize("how", ["{}", "news/people/{}"])
def test_a_viewer_cannot_tell_whether_an_address_is_known(canaries: Office, path: str, how: str) -> None:
    viewer = canaries.browser(name="cleo")
    told = []
    for address in (EMAIL, "nobody@example.com"):
        where = path.format(how.format(address))
        told.append((viewer.get(where), viewer.text().replace(address, "X"))[1])
        assert "does not search by it either" in told[-1]
    assert told[0] == told[1]
    who = canaries.who(EMAIL)
    with canaries.world.store.read() as tx:
        link = tx.links.at(who, "crm")
    assert link is not None
    for text in (who, str(link.ref)):
        assert who in seen(viewer, path.format(text))


def test_who_is_matched_by_what_is_not_personal_is_found_by_it(canaries: Office) -> None:
    sync = canaries.world.syncs["people"]
    plain = replace(sync.rules["email"], personal=False)
    canaries.world = replace(canaries.world, syncs={"people": replace(sync, rules={**sync.rules, "email": plain})})
    canaries.open(canaries.console)
    assert canaries.who(EMAIL) in seen(canaries.browser(name="cleo"), f"/find?q={EMAIL}")


def test_a_value_of_the_past_is_told_with_the_one_of_now(canaries: Office) -> None:
    there = canaries.company.apps["crm"]
    there.person_edits(there.find_one(email=EMAIL), email="new.canary@example.com")
    canaries.sync()
    operator = canaries.browser(name="ben")
    assert "it is new.canary@example.com now" in (seen(operator, f"/find?q={EMAIL}"), operator.text())[1]


def test_who_is_several_is_a_choice_for_whoever_may_see_who_they_are(canaries: Office) -> None:
    ids = (canaries.who(EMAIL), canaries.person("other.canary@example.com", "Ben"))
    with canaries.world.store.begin() as tx:
        for one in ids:
            tx.entities.put(tx.entities.get(one), [("email", f"canary of {one}"), ("phone", "111")])
    assert "canary of" in seen(canaries.browser(name="ben"), "/find?q=111")
    viewer = canaries.browser(name="cleo")
    assert viewer.get("/find?q=111").status_code == 404
    assert not any(one in viewer.text() for one in ids)


@pytest.mark.parametrize("name", ["text", "rule"])
@pytest.mark.parametrize("path", ["/changes", "/changes.csv"])
def test_a_viewer_cannot_guess_values_by_searching_for_parts_of_them(canaries: Office, path: str, name: str) -> None:
    viewer, operator = canaries.browser(name="cleo"), canaries.browser(name="ben")
    refused = (viewer.get(f"{path}?{name}=cana"), viewer.text())[1]
    assert "values and reasons are masked for you" in refused
    assert "•••" not in refused
    assert "masked" not in (operator.get(f"{path}?{name}=cana"), operator.text())[1]


def test_what_a_lens_breaks_is_told_a_viewer_without_the_value(canaries: Office) -> None:
    sync = canaries.world.syncs["people"]
    broken = replace(sync.rules["first"], lenses=dict.fromkeys(sync.apps, Quoting("first")))
    syncs = {"people": replace(sync, rules={**sync.rules, "first": broken})}
    canaries.world = replace(canaries.world, syncs=syncs)
    canaries.open(canaries.console)
    assert "values make no sense: &#34;Canaryfirst&#34;" in seen(canaries.browser(name="ben"), "/mappings?try=1")
    text = seen(canaries.browser(name="cleo"), "/mappings?try=1")
    assert CANARY not in text.casefold()
    assert MASKED in text


def streamed(made: Office, name: str) -> dict[str, str]:
    """The next change that the stream tells somebody of."""
    session = made.browser(name=name).cookies["syncd"]

    async def listen() -> dict[str, str]:
        known = False
        async for event in live._events(made.desk, session, lambda: False):
            if event.startswith("event: figures") and not known:
                known = True
                fields = {"first": {"old": None, "new": "Canaryfirst"}}
                made.log(Event.MERGED, sync="people", entity=made.who(EMAIL), app="crm", fields=fields)
            if event.startswith("event: change"):
                found: dict[str, str] = json.loads(event.partition("data: ")[2])
                return found
        raise AssertionError("the stream has ended")

    return asyncio.run(asyncio.wait_for(listen(), 10))


def test_the_stream_tells_a_viewer_no_personal_value(canaries: Office) -> None:
    told = streamed(canaries, "cleo")
    assert CANARY not in str(told).casefold()
    assert told["who"] == canaries.who(EMAIL)
    assert "first" in told["text"]
    assert "Canaryfirst" in streamed(canaries, "ben")["text"]


def test_an_export_of_a_viewer_tells_which_fields_changed_and_no_values(canaries: Office) -> None:
    browser = canaries.browser(name="cleo")
    entries = [json.loads(line) for line in seen(browser, "/changes.jsonl?field=phone").splitlines()]
    assert {"old": MASKED, "new": MASKED} in [
        {key: one["fields"]["phone"].get(key) for key in ("old", "new")} for one in entries if "phone" in one["fields"]
    ]
    assert f"phone,{MASKED},{MASKED}" in seen(browser, "/changes.csv?field=phone")


def test_what_is_not_personal_is_shown_to_a_viewer(canaries: Office) -> None:
    fields = {"out": {"old": None, "new": "a word of no one", "rule": "or"}}
    canaries.log(Event.MERGED, sync="people", app="crm", fields=fields)
    assert "a word of no one" in seen(canaries.browser(name="cleo"), "/changes")


def test_a_viewer_sees_all_where_nothing_is_personal(place: Office) -> None:
    who = place.person("ada@example.com", "Ada")
    place.open(Console.model_construct(enabled=None, url="", people=PEOPLE))
    text = seen(place.browser(name="cleo"), f"/record/{who}")
    assert "ada@example.com" in text
    assert MASKED not in text
    assert "Ada" in seen(place.browser(name="cleo"), "/changes?text=Ada")
