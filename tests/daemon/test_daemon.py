"""What a daemon does while it runs, told with apps that live in memory."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from syncd.core.lately import Lately
from syncd.daemon.lock import AlreadyRunning, Heart, Holder, last_beat, sole
from syncd.daemon.signals import on_signals
from syncd.engine.remedies import resume
from syncd.errors import StoreError, Unavailable
from syncd.sdk.clock import WallClock
from syncd.store.store import Store
from tests.daemon.company import SELDOM, Company, Lock
from tests.daemon.house import eventually

ADA = "ada@example.com"


def both(company: Company, name: str) -> bool:
    return company.called(ADA) == {"crm": name, "news": name}


def test_an_edit_in_either_app_is_seen_in_the_other(company: Company) -> None:
    company.person(ADA, "Ada")
    with company.running() as service:
        eventually(lambda: both(company, "Ada"), "the newsletter tool gets to know Ada")
        company.renames("news", ADA, "Adele")
        eventually(lambda: both(company, "Adele"), "the CRM hears of Adele")
        eventually(lambda: service.daemon.health().status == "quiet", "all is quiet")
    assert service.code == 0


def test_a_daemon_at_rest_holds_no_row_that_it_has_read(company: Company) -> None:
    """Memory that is full of what nobody asks for again is not level for hours."""
    company.poll = SELDOM
    seen = Lately[str, int](9)
    with company.running():
        seen.keep("a row", 1)
        eventually(lambda: not seen, "it is let go of")


def test_a_first_start_lists_everything_once_and_the_next_only_what_has_changed(company: Company) -> None:
    company.poll = SELDOM
    listed: list[bool] = []
    company.apps["crm"].listing = lambda since: listed.append(since is None)
    company.person(ADA, "Ada")
    for _ in range(2):
        with company.running():
            eventually(lambda: both(company, "Ada"), "both know Ada")
            time.sleep(0.3)
    assert listed == [True, False]


def test_a_revoked_token_pauses_that_app_alone_until_a_person_resumes_it(company: Company) -> None:
    company.person(ADA, "Ada")
    with company.running() as service:
        eventually(lambda: both(company, "Ada"), "both know Ada")
        company.apps["news"].fault = "revoked"
        company.renames("crm", ADA, "Adele")
        eventually(lambda: service.state("news") == "paused", "the newsletter tool is paused")
        calls = company.apps["crm"].calls
        eventually(lambda: company.apps["crm"].calls > calls, "the CRM is still polled")
        eventually(lambda: service.state("crm") == "running", "the CRM is well")
        eventually(lambda: service.daemon.health().status == "attention", "a person is asked for")
        assert company.called(ADA)["news"] == "Ada"
        company.apps["news"].fault = ""
        resume(company.world(), "news", by="test")
        eventually(lambda: both(company, "Adele"), "what was owed is delivered")


def test_an_app_that_is_down_is_told_of_and_stops_nobody_else(company: Company) -> None:
    with company.running() as service:
        company.apps["news"].fault = "outage"
        eventually(lambda: service.state("news") in ("failing", "silent"), "the outage shows")
        eventually(lambda: service.state("news") == "silent", "three polls have failed")
        answer = httpx.get(f"{service.url}/healthz")
        assert answer.status_code == 503
        assert answer.json()["status"] == "broken"
        eventually(lambda: service.state("crm") == "running", "the CRM is well")


def test_a_mapping_that_nobody_applied_is_neither_read_nor_written(company: Company) -> None:
    company.sync = replace(company.sync, digest="changed")
    company.person(ADA, "Ada")
    with company.running() as service:
        time.sleep(0.5)
        health = service.daemon.health()
        assert list(health.unapplied) == ["people"]
        assert health.status == "attention"
        assert {app.state for app in health.apps.values()} == {"unused"}
        beat = last_beat(company.store)
        assert beat is not None
        assert beat.waiting == ("people",)
    assert [app.calls for app in company.apps.values()] == [0, 0]


def test_when_the_store_fails_nothing_is_written_to_an_app_until_it_holds_again(company: Company) -> None:
    company.person(ADA, "Ada")
    with company.running() as service:
        eventually(lambda: both(company, "Ada"), "both know Ada")
        company.store.on_commit = disk_full
        written = len(company.apps["news"].writes)
        company.renames("crm", ADA, "Adele")
        eventually(lambda: service.daemon.health().store == "down", "the daemon notices")
        answer = httpx.get(f"{service.url}/healthz")
        assert (answer.status_code, answer.json()["store"]) == (503, "down")
        hook = httpx.post(f"{service.url}/hooks/crm", content=b"1", headers={"x-signature": "ours"})
        assert (hook.status_code, "retry-after" in hook.headers) == (503, True)
        assert len(company.apps["news"].writes) == written
        company.store.on_commit = nothing
        eventually(lambda: both(company, "Adele"), "it goes on by itself")
        eventually(lambda: service.daemon.health().store == "up", "the store holds")


def test_a_real_full_disk_stops_writes_and_loses_nothing(company: Company) -> None:
    disk = Disk(company.store)
    with company.running() as service:
        eventually(lambda: service.daemon.health().status == "quiet", "all is quiet")
        with disk.full():
            for number in range(200):
                company.person(f"person{number}@example.com", f"Person {number}")
            eventually(lambda: service.daemon.health().store == "down", "the daemon notices")
            assert not company.apps["news"].writes
        eventually(lambda: len(company.apps["news"].rows) == 200, "everybody arrives")
        assert len(company.apps["news"].writes) == 200


def test_a_write_whose_outcome_could_not_be_stored_is_looked_at_not_repeated(company: Company) -> None:
    company.person(ADA, "Ada")
    with company.running() as service:
        eventually(lambda: both(company, "Ada"), "both know Ada")
        news = company.apps["news"]
        news.during_write = lambda _: setattr(company.store, "on_commit", disk_full)
        written = len(news.writes)
        company.renames("crm", ADA, "Adele")
        eventually(lambda: len(news.writes) == written + 1, "the write goes out")
        eventually(lambda: service.daemon.health().store == "down", "its outcome is not stored")
        news.during_write = lambda _: None
        company.store.on_commit = nothing
        eventually(lambda: service.daemon.health().apps["news"].unknown == 1, "the write is in doubt")
        assert len(news.writes) == written + 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_stops_the_daemon_with_an_exit_code(company: Company) -> None:
    def breaks(_: object) -> str:
        raise RuntimeError("what nobody expects")

    company.person(ADA, "Ada")
    company.apps["news"].refuses = breaks
    with company.running() as service:
        service.thread.join(10)
        assert service.code == 1


def test_a_stop_lets_a_write_end_and_stores_its_outcome(company: Company) -> None:
    company.person(ADA, "Ada")
    begun, go_on = threading.Event(), threading.Event()

    def slowly(_: object) -> None:
        begun.set()
        assert go_on.wait(10)

    with company.running() as service:
        eventually(lambda: both(company, "Ada"), "both know Ada")
        company.apps["news"].during_write = slowly
        company.renames("crm", ADA, "Adele")
        assert begun.wait(10)
        service.daemon.stop()
        time.sleep(0.7)  # longer than it looks away at a time
        assert service.thread.is_alive()
        go_on.set()
        service.thread.join(10)
    assert service.code == 0
    assert both(company, "Adele")
    with company.store.read() as tx:
        assert not tx.intents.open()


def test_a_second_stop_cuts_the_grace_short_and_leaves_the_write_in_doubt_for_the_next_start(company: Company) -> None:
    company.person(ADA, "Ada")
    begun, go_on = threading.Event(), threading.Event()

    def hangs(_: object) -> None:
        begun.set()
        go_on.wait(20)

    with company.running(grace=60) as service:
        eventually(lambda: both(company, "Ada"), "both know Ada")
        company.apps["news"].during_write = hangs
        company.renames("crm", ADA, "Adele")
        assert begun.wait(10)
        service.daemon.stop()
        time.sleep(0.2)
        asked = time.monotonic()
        assert service.stops() == 0
        assert time.monotonic() - asked < 5
        go_on.set()
        for thread in threading.enumerate():
            if thread.name == "news":
                thread.join(5)
    assert company.called(ADA)["news"] == "Adele"
    company.apps["news"].during_write = lambda _: None
    with company.running() as again:
        assert again.daemon.health().apps["news"].unknown == 1


def test_a_daemon_that_has_lost_its_lock_writes_nothing_more(company: Company) -> None:
    """Another may have it by then; the heart, which finds out, beats but every ten seconds."""
    lock = Lock()
    with company.running(lost=lock.check) as service:
        company.person(ADA, "Ada")
        eventually(lambda: both(company, "Ada"), "both know Ada")
        lock.lost.set()
        written = len(company.apps["news"].writes)
        company.person("bob@example.com", "Bob")
        service.thread.join(20)
        assert service.code == 1
    assert len(company.apps["news"].writes) == written


def test_a_daemon_that_loses_its_lock_goes(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = Lock()
    monkeypatch.setattr("syncd.daemon.daemon.BEAT", 0.1)
    with company.running(lost=lock.check) as service:
        lock.lost.set()
        service.thread.join(10)
        assert service.code == 1


def test_a_store_that_fails_while_all_is_quiet_is_noticed_by_the_heart(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.daemon.daemon.BEAT", 0.1)
    company.poll = SELDOM
    with company.running() as service:
        eventually(lambda: service.daemon.health().status == "quiet", "all is quiet")
        company.store.on_commit = disk_full
        eventually(lambda: service.daemon.health().store == "down", "the heart notices")
    assert service.code == 0


def test_a_daemon_elsewhere_that_lives_keeps_this_one_from_starting(company: Company) -> None:
    elsewhere = Heart(company.store, Holder(2, "elsewhere", "run", "2026-01-01T00:00:00+00:00"), WallClock())
    elsewhere.beat()
    later = threading.Timer(0.3, elsewhere.beat)
    later.start()
    with sole(company.config) as held, pytest.raises(AlreadyRunning, match="on elsewhere"):
        company.daemon(held).run()
    assert [app.calls for app in company.apps.values()] == [0, 0]


def test_signals_ask_for_a_stop_unless_the_parent_has_us_ignore_them() -> None:
    asked: list[str] = []
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with on_signals(lambda: asked.append("stop")):
            signal.raise_signal(signal.SIGHUP)
            assert asked == []
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            assert asked == ["stop", "stop"]
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_app_that_did_not_answer_at_the_start_is_taken_as_it_was_known(company: Company) -> None:
    company.person(ADA, "Ada")
    company.apps["news"].fault = "outage"
    company.unreachable = {"news": Unavailable("news is down")}
    with company.running() as service:
        eventually(lambda: service.state("news") == "silent", "the outage shows")
        eventually(lambda: service.state("crm") == "running", "the CRM is well")
        assert any(line.get("app") == "news" and "not reached" in line["event"] for line in company.said)


class Disk:
    """The room that a store's file has. It listens before anything runs: nobody may begin to while others connect."""

    def __init__(self, store: Store) -> None:
        self._pages = 1_073_741_823
        event.listen(store._engine, "checkout", self._limit)

    def _limit(self, raw: Any, *_: object) -> None:
        raw.execute(f"PRAGMA max_page_count={self._pages}")

    @contextmanager
    def full(self) -> Iterator[None]:
        """SQLite may not make its file any longer."""
        before, self._pages = self._pages, 1  # SQLite takes that for: as long as it is
        yield
        self._pages = before


def disk_full() -> None:
    raise StoreError("database or disk is full")


def nothing() -> None:
    """The store holds."""
