"""What the pages tell: how it stands, a record from all sides, the log searched, what limits an app."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from starlette.applications import Starlette

from syncd.core.record import EntityId
from syncd.engine.audit import audit
from syncd.engine.mending import keep
from syncd.engine.remedies import pause
from syncd.errors import StoreError
from syncd.sdk.contract import Quota
from syncd.sdk.pace import Gate
from syncd.store.values import Entry, Event
from syncd.web import live
from syncd.web.plots import bars, dots
from syncd.web.site import routes
from tests.web.office import Office


def test_the_overview_says_in_one_sentence_how_it_stands(place: Office) -> None:
    browser = place.browser()
    assert "Everything is in step." in browser.text()
    place.conflict()
    place.desk.standing.forget()
    browser.get("/")
    assert "1 thing waits for you." in browser.text()
    assert "1 Conflicts" in browser.text()
    pause(place.world, "news", "401 from the app", "ada")
    place.desk.standing.forget()
    browser.get("/")
    assert "news is not being served." in browser.text()
    assert "401 from the app" in browser.text()


def test_the_overview_counts_what_is_on_the_way(place: Office) -> None:
    place.person("ada@example.com", "Ada")
    with place.world.store.begin() as tx:
        tx.hints.add([link.ref for link in tx.links.all("people")], tx.now)
    text = place.browser().text()
    assert "2 changes are on the way." in text
    assert "1 to read" in text


def test_the_overview_draws_the_last_day_and_says_it_in_words(place: Office) -> None:
    place.person("ada@example.com", "Ada")
    browser = place.browser()
    assert "change from crm in 24 hours, by half hours" in browser.last.text
    assert "usually" in browser.text()
    place.log(Event.REFUSED, app="news")
    place.desk.pulse.forget()
    browser.get("/")
    assert "1 error of news in 24 hours" in browser.last.text


def test_a_budget_is_shown_by_what_is_left_of_it(place: Office) -> None:
    gate = Gate([Quota(100, 10.0), Quota(5, 1.0, "search")], clock=place.clock)
    with gate.turn("search"):
        pass
    apps = dict(place.world.apps)
    apps["crm"] = replace(apps["crm"], gate=gate)
    place.world = replace(place.world, apps=apps)
    place.open(place.console)
    browser = place.browser()
    assert "4 of 5 in 1 s" in browser.text()
    browser.get("/health")
    assert "99 of 100 calls left in 10 s" in browser.text()
    assert "4 of 5 calls left in 1 s for search" in browser.text()
    gate.pause(300)
    browser.get("/health")
    assert "No call for another 5 min" in browser.text()


def test_a_record_is_shown_from_all_sides(place: Office) -> None:
    place.conflict()
    entity = place.who("ada@example.com")
    browser = place.browser()
    browser.get(f"/record/{entity}")
    text = browser.text()
    assert "ada@example.com" in text
    assert "crm/people/" in text
    assert "Which value shall stand?" in text
    assert "nothing until a person has decided" in text
    assert "in step" in text
    assert "crm/people/crm-1 was linked: new" in text
    assert "entry 2" in text


def test_by_which_mapping_a_value_was_set_is_shown_beside_it(place: Office) -> None:
    (sync,) = place.world.syncs.values()
    place.world = replace(place.world, syncs={sync.name: replace(sync, digest="a" * 32)})
    place.open(place.console)
    place.log(Event.APPLIED, sync="people", by="ada", mapping="a" * 32)
    id = place.person("ben@example.com", "Ben")
    browser = place.browser()
    browser.get(f"/record/{id}")
    assert "by the mapping of" in browser.text()
    place.log(Event.APPLIED, sync="people", by="ada", mapping="b" * 32)
    browser.get(f"/record/{id}")
    assert "by an earlier mapping of" in browser.text()


def test_on_the_page_of_somebody_of_whom_nothing_is_asked_no_question_of_others_stands(place: Office) -> None:
    place.conflict()
    place.person("ben@example.com", "Ben")
    browser = place.browser()
    browser.get(f"/record/{place.who('ben@example.com')}")
    assert "Waiting for you" not in browser.text()
    assert "ada@example.com" not in browser.text()
    assert "Which value shall stand?" not in browser.text()


def test_what_a_person_decided_is_shown_with_the_name(place: Office) -> None:
    id = place.conflict()
    browser = place.browser()
    browser.get("/inbox")
    browser.send("/inbox/answer", {"id": str(id), "digest": browser.field("digest"), "way": "value", "value": "333"})
    browser.get(f"/record/{place.who('ada@example.com')}")
    assert "333" in browser.text()
    assert '"333" will be written' in browser.text()
    assert "decided by console: conflict" in browser.text()


@pytest.mark.parametrize("id", ["e" + "0" * 20, "nobody", "e1", "..%2F..%2Fetc"])
def test_a_record_that_does_not_exist_is_told(place: Office, id: str) -> None:
    browser = place.browser()
    assert browser.get(f"/record/{id}").status_code == 404
    assert "Traceback" not in browser.text()


def test_a_long_history_is_shown_page_by_page(place: Office) -> None:
    entity = place.person("ada@example.com", "Ada")
    changes = [{"first": {"new": f"Ada{number}"}} for number in range(100)]
    place.log_all(Entry(event=Event.MERGED, sync="people", entity=entity, app="crm", fields=what) for what in changes)
    browser = place.browser()
    browser.get(f"/record/{entity}")
    assert "Ada99" in browser.text()
    assert "Ada0 " not in browser.text()
    assert "Older" in browser.text()
    further = browser.last.text.partition(f'rel="next" href="/record/{entity}?before=')[2].partition('"')[0]
    browser.get(f"/record/{entity}?before={further}")
    assert "Ada1" in browser.text()
    assert browser.get(f"/record/{entity}?before=x").status_code == 404


def test_a_record_is_found_by_what_people_know_of_it(place: Office) -> None:
    entity = place.person("ada@example.com", "Ada")
    browser = place.browser()
    for text in ("ada@example.com", "ADA@example.com ", "crm/people/crm-1", str(entity)):
        browser.get(f"/find?q={text}")
        assert browser.last.url.path == f"/record/{entity}"
    assert browser.get("/find?q=nobody@example.com").status_code == 404
    assert 'nothing is known of "nobody@example.com"' in browser.text()
    assert browser.get("/find?q=").url.path == "/"


def test_who_is_several_is_asked_about(place: Office) -> None:
    for email in ("ada@example.com", "ben@example.com"):
        place.person(email, "A")
    with place.world.store.begin() as tx:
        for email in ("ada@example.com", "ben@example.com"):
            entity = tx.entities.get(place.who(email))
            tx.entities.put(entity, [("phone", "111")])
    browser = place.browser()
    browser.get("/find?q=111")
    assert "Which one?" in browser.text()


def noisy(place: Office) -> None:
    """A log with something of every kind in it."""
    for number in range(3):
        name = f"Ada{number}"
        fields: dict[str, dict[str, Any]] = {"first": {"old": None, "new": name, "verdict": "taken", "rule": "newest"}}
        place.log(Event.MERGED, sync="people", entity=EntityId("e" + "1" * 20), app="crm", fields=fields)
    place.log(Event.MERGED, sync="people", app="news", fields={"phone": {"new": "=1+1", "rule": "prefer crm"}})
    place.log(Event.REFUSED, sync="people", app="news", note="-no such member", fields={"phone": {"new": "@x"}})


@pytest.mark.parametrize(
    ("query", "there", "not_there"),
    [
        ("app=crm", "Ada1", "=1+1"),
        ("field=phone", "=1+1", "Ada1"),
        ("rule=newest", "Ada1", "=1+1"),
        ("rule=prefer", "=1+1", "Ada1"),
        ("event=refused", "no such member", "Ada1"),
        ("text=ADA2", "Ada2", "Ada1"),
        ("text=no+such", "no such member", "Ada1"),
        ("since=1h", "Ada1", "Nothing fits"),
        ("until=1h", "Nothing fits", "Ada1"),
        ("since=2030-01-01&until=2031-01-01", "Nothing", "Ada1"),
        ("sync=people", "Ada1", "Nothing fits"),
        ("app=nowhere", "Nothing fits", "Ada1"),
        ("text=%25", "Nothing fits", "Ada1"),
    ],
)
def test_the_log_is_searched_by_app_field_rule_event_text_and_time(
    place: Office, query: str, there: str, not_there: str
) -> None:
    noisy(place)
    browser = place.browser()
    browser.get(f"/changes?{query}")
    told = browser.text().partition("Clear")[2]
    assert there in told
    assert not_there not in told


def test_the_log_is_searched_by_record(place: Office) -> None:
    place.person("ada@example.com", "Ada")
    place.person("ben@example.com", "Ben")
    browser = place.browser()
    browser.get("/changes?record=ben@example.com")
    told = browser.text().partition("Clear")[2]
    assert "Ben" in told
    assert "Ada" not in told


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("since=yesterday", '"yesterday" is no time: write 30m'),
        ("record=nobody", 'nothing is known of "nobody"'),
        ("event=gossip", 'there is no event "gossip"'),
    ],
)
def test_a_search_that_makes_no_sense_says_so_and_keeps_what_was_typed(place: Office, query: str, said: str) -> None:
    browser = place.browser()
    browser.get(f"/changes?{query}")
    assert said in browser.text()
    assert browser.get("/changes?before=x").status_code == 400


def test_a_long_log_is_shown_page_by_page(place: Office) -> None:
    place.log_all(Entry(event=Event.SENT, app="crm", note=f"write {number:03}") for number in range(130))
    browser = place.browser()
    browser.get("/changes")
    seen = []
    for _ in range(3):
        seen += [number for number in range(130) if f"write {number:03}" in browser.text()]
        link = browser.last.text.partition('rel="next" href="')[2].partition('"')[0]
        browser.get(link.replace("&amp;", "&") or "/changes")
    assert sorted(seen) == list(range(130))


def test_an_export_is_a_table_in_which_no_cell_is_a_formula(place: Office) -> None:
    noisy(place)
    answer = place.browser().get("/changes.csv?field=phone")
    assert answer.headers["content-disposition"] == 'attachment; filename="changes.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["new"] for row in rows] == ["'@x", "'=1+1"]
    assert [row["rule"] for row in rows] == ["", "prefer crm"]
    assert not any(cell[:1] in "=+-@" for row in rows for cell in row.values() if cell)


def test_an_export_as_json_has_an_entry_a_line_all_of_them(place: Office) -> None:
    noisy(place)
    place.log_all(Entry(event=Event.SENT, app="crm", note=str(number)) for number in range(1200))
    lines = [json.loads(line) for line in place.browser().get("/changes.jsonl").text.splitlines()]
    assert [line["seq"] for line in lines] == sorted((line["seq"] for line in lines), reverse=True)
    assert {line["event"] for line in lines} >= {"merged", "refused", "sent"}
    assert len(lines) == 1206
    assert place.browser().get("/changes.csv?since=x").status_code == 404


def test_health_shows_queues_cursors_and_sweeps_of_each_app(place: Office) -> None:
    place.person("ada@example.com", "Ada")
    browser = place.browser()
    browser.get("/health")
    text = browser.text()
    assert "everything compared" in text
    assert "the chain of the last 500 holds" in text
    assert "daemon.public_url is not set" in text


def test_health_tells_what_the_last_audit_found_and_how_that_changes(place: Office) -> None:
    browser = place.browser()
    browser.get("/health")
    assert "No audit was made yet" in browser.text()
    place.person("ada@example.com", "Ada")
    keep(place.world, audit(place.world, ["people"]))
    news = place.company.apps["news"]
    news.person_edits(news.find_one(email="ada@example.com"), first="Adele")
    keep(place.world, audit(place.world, ["people"]))
    browser.get("/health")
    assert "compared 2 records" in browser.text()
    assert "1: 1 edited" in browser.text()
    assert "of 2 audits" in browser.last.text


def test_health_counts_webhooks_by_what_they_were_answered(place: Office) -> None:
    place.desk = replace(place.desk, heard=lambda: {"crm": {"200": 3, "401": 1}})
    place.app = Starlette(routes=routes(place.desk))
    browser = place.browser()
    browser.get("/health")
    assert "200 3 calls 401 1 call" in browser.text()


def test_a_log_that_was_altered_is_told(place: Office) -> None:
    for note in ("one", "two"):
        place.log(Event.PAUSED, app="crm", note=note)
    with place.company.store.begin() as tx:
        tx.db.exec_driver_sql("UPDATE change SET note = 'other' WHERE note = 'one'")
    browser = place.browser()
    browser.get("/health")
    assert "has been altered from entry" in browser.text()


def test_a_store_that_cannot_be_read_is_told(place: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = place.browser()
    with place.company.store.begin() as tx:
        tx.db.exec_driver_sql("ALTER TABLE cursor RENAME TO elsewhere")
    answer = browser.get("/health")
    assert answer.status_code == 503
    assert "no such table" in browser.text()


def heard(place: Office, count: int, *happens: Any) -> list[str]:
    """The first events of the live stream, while things happen between them."""

    async def listen() -> list[str]:
        found: list[str] = []
        todo = list(happens)
        async for event in live._events(place.desk, "", lambda: len(found) >= count):
            found.append(event)
            if todo and event.startswith("event: figures"):
                todo.pop(0)()
            if len(found) >= count:
                break
        return found

    return asyncio.run(asyncio.wait_for(listen(), 10))


def test_a_change_is_told_live_within_a_second_with_the_figures(place: Office) -> None:
    entity = place.person("ada@example.com", "Ada")
    fields = {"first": {"old": "Ada", "new": "<b>Adele</b>"}}
    events = heard(place, 4, lambda: place.log(Event.MERGED, sync="people", entity=entity, app="crm", fields=fields))
    kinds = [event.partition("\n")[0] for event in events]
    assert kinds == ["retry: 2000", "event: figures", "event: change", "event: figures"]
    change = json.loads(events[2].partition("data: ")[2])
    assert change["who"] == "ada@example.com"
    assert "<b>Adele</b>" in change["text"]
    assert change["href"] == f"/record/{entity}"
    assert json.loads(events[3].partition("data: ")[2])["verdict"] == "Everything is in step."


def test_the_stream_lives_through_a_store_that_fails_for_a_while(
    place: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Any:
        raise StoreError("disk is full")

    monkeypatch.setattr(live, "_FIGURES", 0.01)
    monkeypatch.setattr(live, "_news", broken)
    assert "The store cannot be read just now" in heard(place, 2)[1]


def test_a_picture_of_nothing_is_an_empty_picture() -> None:
    assert "<rect" not in bars([], "nothing")
    assert "<circle" not in dots([], "nothing")
    assert dots([1.0, 2.0, 3.0], "three").count("<circle") == 1
    assert bars([0, 1, 2], '"<two>"').count("<rect") == 2
    assert "<two>" not in bars([0, 1, 2], '"<two>"')
