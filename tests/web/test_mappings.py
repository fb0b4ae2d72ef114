"""Mappings: shown as tables, tried on live records, and a change tried before it is in force."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from starlette.applications import Starlette

from syncd.app import assemble
from syncd.engine.cycle import once
from syncd.store.values import Event
from syncd.testing.twin import Faults
from syncd.web.site import desk_of, routes
from syncd.web.trials import Trial, Trials
from tests.daemon.house import eventually, house
from tests.web.office import Browser, Office


@pytest.fixture
def fetched(place: Office) -> Office:
    """The company, with a configuration in its file that says the same as the mapping in force."""
    place.person("ada@example.com", "Ada")
    return place


def test_a_mapping_is_a_table_of_its_fields(fetched: Office) -> None:
    browser = fetched.browser()
    browser.get("/mappings")
    text = browser.text()
    assert "↔ email" in text
    assert "prefer crm" in text
    assert "manual" in text
    assert "in force" in text


def test_lenses_are_tried_on_live_records(fetched: Office) -> None:
    browser = fetched.browser()
    browser.get("/mappings?try=1")
    assert "keep their promise" in browser.text()
    assert "1 record of crm" in browser.text()


def tried(browser: Browser, text: str) -> Browser:
    browser.get("/mappings/edit")
    browser.send("/mappings/try", {"text": text})
    return browser


def test_a_change_with_mistakes_is_told_line_by_line_and_kept(fetched: Office) -> None:
    fetched.company.config.path.write_text("# nothing yet\n")
    browser = tried(fetched.browser(), "[daemon]\nlisten = 3\nfoo = 1\n")
    assert browser.last.status_code == 422
    assert "syncd.toml:2:daemon.listen" in browser.text()
    assert "syncd.toml:3:daemon.foo" in browser.text()
    assert "listen = 3" in browser.text()
    assert "is not TOML" in tried(browser, "[daemon").text()


def test_a_file_that_cannot_be_read_is_told(fetched: Office) -> None:
    browser = fetched.browser()
    assert browser.get("/mappings/edit").status_code == 503
    assert "The configuration cannot be read" in browser.text()


def test_apps_cannot_come_or_go_in_a_trial(fetched: Office) -> None:
    fetched.company.config.path.write_text("# nothing yet\n")
    assert "apps cannot come or go here" in tried(fetched.browser(), "# no apps at all\n").text()


def test_a_trial_that_is_forgotten_leads_back(fetched: Office) -> None:
    fetched.company.config.path.write_text("# nothing yet\n")
    browser = fetched.browser()
    assert browser.get("/mappings/trial/99").url.path == "/mappings/edit"
    assert "That trial is forgotten" in browser.text()
    assert browser.get("/mappings/trial/x").url.path == "/mappings/edit"


def test_a_change_is_rehearsed_in_every_app_and_nothing_of_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with house(tmp_path, monkeypatch) as home, assemble(home.config()) as assembly:
        once(assembly.world, whole=True)
        desk = desk_of(assembly.config, assembly.world)
        browser = Browser(Starlette(routes=routes(desk)))
        browser.get("/mappings/edit")
        text = home.config_file.read_text()
        assert "[syncs.people.fields.first_name]" in browser.text()
        changed = text.replace('news = "merge_fields.FNAME"', 'news = "merge_fields.LNAME"')
        browser.send("/mappings/try", {"text": changed})
        number = browser.last.url.path.rpartition("/")[2]
        eventually(lambda: (found := desk.trials.get(int(number))) is not None and found.over, "it is over")
        browser.get(f"/mappings/trial/{number}")
        assert "With this change a run would write" in browser.text()
        assert '-news = "merge_fields.FNAME"' in browser.text()
        assert '+news = "merge_fields.LNAME"' in browser.text()
        assert "merge_fields.LNAME" in browser.text().partition("The first of each kind")[2]
        with desk.store.read() as tx:
            (entry,) = tx.log.find(events=(Event.TRIED,))
        assert (entry.by, entry.note) == ("console", f"trial {number}")
        assert home.config_file.read_text() == text
        assert {record.get("merge_fields.LNAME") for record in home.news.records("members").values()} != {"Ada"}


def test_a_rehearsal_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with house(tmp_path, monkeypatch) as home, assemble(home.config()) as assembly:
        once(assembly.world, whole=True)
        home.news.faults = Faults(revoked=True)
        desk = desk_of(assembly.config, assembly.world)
        browser = Browser(Starlette(routes=routes(desk)))
        browser.get("/mappings/edit")
        browser.send("/mappings/try", {"text": home.config_file.read_text()})
        trial = desk.trials.get(1)
        assert trial is not None
        eventually(lambda: trial.over, "it is over")
        browser.get("/mappings/trial/1")
        assert trial.fault
        assert "You changed nothing" in browser.text()


def test_a_second_trial_waits_until_the_first_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with house(tmp_path, monkeypatch) as home, assemble(home.config()) as assembly:
        desk = desk_of(assembly.config, assembly.world)
        browser = Browser(Starlette(routes=routes(desk)))
        home.crm.lock.acquire()
        try:
            for _ in range(2):
                browser.get("/mappings/edit")
                browser.send("/mappings/try", {"text": home.config_file.read_text()})
            assert browser.last.status_code == 409
            assert "another trial is running" in browser.text()
            browser.get("/mappings/trial/1")
            assert "This page loads itself again" in browser.text()
        finally:
            home.crm.lock.release()
        trial = desk.trials.get(1)
        assert trial is not None
        eventually(lambda: trial.over, "it is over")


def test_one_trial_runs_at_a_time(fetched: Office) -> None:
    trials, running, world = Trials(), threading.Event(), fetched.world
    fetched.company.apps["crm"].listing = lambda _: (running.wait(10), None)[1]
    first = trials.begin(world, lambda number: Trial(number, "ada", 0.0, "", ()))
    assert first is not None
    assert trials.begin(world, lambda number: Trial(number, "ada", 0.0, "", ())) is None
    running.set()
    eventually(lambda: first.over, "it is over")
    assert trials.begin(world, lambda number: Trial(number, "ada", 0.0, "", ())) is not None
