"""A store that cannot even be read, and one that fails where nobody works: noticed, told, and mended by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import httpx
import pytest

from syncd.daemon.lock import sole
from syncd.errors import StoreError
from tests.daemon.company import SELDOM, Company
from tests.daemon.house import eventually

ADA = "ada@example.com"


@contextmanager
def without(company: Company, table: str) -> Iterator[None]:
    """The store lacks one of its tables: what needs it fails, to read and to write."""

    def rename(one: str, other: str) -> None:
        with closing(sqlite3.connect(company.folder / "syncd.db", timeout=20)) as db, db:
            db.execute(f"ALTER TABLE {one} RENAME TO {other}")

    rename(table, f"{table}_away")
    try:
        yield
    finally:
        rename(f"{table}_away", table)


def test_a_store_that_cannot_be_read_is_noticed_and_told_until_it_is_whole_again(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noticed() -> int:
        return sum(line["event"] == "store failing" and "reason" in line for line in company.said)

    monkeypatch.setattr("syncd.daemon.attendant.GLANCE", 0.2)
    monkeypatch.setattr("syncd.daemon.daemon._MENDING", 0.2)
    company.poll = SELDOM  # so that it is the look at what is due that fails
    with company.running() as service:
        eventually(lambda: all(app.calls for app in company.apps.values()), "everything is listed")
        eventually(lambda: service.daemon.health().status == "quiet", "all is quiet")
        with without(company, "delivery"):
            eventually(lambda: noticed() > 2, "it is found to fail again after each mending")
            eventually(lambda: service.daemon.health().store == "down", "the daemon notices")
            eventually(lambda: "syncd_store_up 0.0" in httpx.get(f"{service.url}/metrics").text, "the figures tell")
            assert httpx.get(f"{service.url}/healthz").status_code == 503
        eventually(lambda: "syncd_store_up 1.0" in httpx.get(f"{service.url}/metrics").text, "the store holds")
        id = company.apps["crm"].person_creates(email=ADA, first="Ada")
        httpx.post(f"{service.url}/hooks/crm", content=id, headers={"x-signature": "ours"})
        eventually(lambda: company.called(ADA) == {"crm": "Ada", "news": "Ada"}, "it goes on by itself")
    assert service.code == 0


def test_a_heart_that_cannot_beat_notices_that_the_store_fails_and_that_it_holds_again(company: Company) -> None:
    with sole(company.config) as held:
        daemon = company.daemon(held)
        company.store.on_commit = disk_full
        daemon._beat()
        assert daemon.health().store == "down"
        company.store.on_commit = nothing
        daemon._beat()
        assert daemon.health().store == "up"
        daemon.stop()
        assert daemon.run() == 0


def test_a_daemon_that_cannot_sign_off_says_so_and_has_stopped_all_the_same(company: Company) -> None:
    company.poll = SELDOM
    with company.running() as service:
        eventually(lambda: service.daemon.health().status == "quiet", "all is quiet")
        with without(company, "meta"):
            assert service.stops() == 0
    *_, failing, stopped = company.said
    assert (failing["event"], stopped["event"]) == ("store failing", "stopped")
    assert failing["reason"].endswith("no such table: meta")


def test_a_store_whose_file_is_removed_takes_no_more_and_the_last_of_it_is_kept(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.daemon.daemon._MENDING", 0.2)
    monkeypatch.setattr("syncd.daemon.daemon.BEAT", 0.2)
    company.poll = SELDOM
    with company.running() as service:
        eventually(lambda: service.daemon.health().status == "quiet", "all is quiet")
        for part in ("", "-wal", "-shm"):
            (company.folder / f"syncd.db{part}").unlink(missing_ok=True)
        eventually(lambda: service.daemon.health().store == "down", "the daemon notices")
        eventually(lambda: httpx.get(f"{service.url}/healthz").status_code == 503, "and says so")
        assert service.stops() == 0
    (rescued,) = [line for line in company.said if line["event"] == "store rescued"]
    with closing(sqlite3.connect(rescued["file"])) as db:
        assert db.execute("SELECT count(*) FROM change").fetchone()[0] > 0
    assert any("removed or replaced" in line.get("reason", "") for line in company.said)


def test_a_store_that_fails_while_old_calls_are_forgotten_is_noticed_and_they_are_forgotten_later(
    company: Company,
) -> None:
    company.poll = SELDOM
    heard_once(company)
    with sole(company.config) as held:
        daemon = company.daemon(held)
        company.store.on_commit = disk_full
        daemon._forget()
        assert (daemon.health().store, remembered(company)) == ("down", ["old"])
        company.store.on_commit = nothing
        daemon._forget()
        assert remembered(company) == []
        daemon.stop()
        assert daemon.run() == 0


def test_old_calls_are_forgotten_while_it_runs(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.daemon.daemon._HEARD", timedelta(seconds=0.7))
    company.poll = SELDOM
    with company.running() as service:
        eventually(lambda: service.daemon.health().status == "quiet", "all is quiet")
        heard_once(company)
        eventually(lambda: remembered(company) == [], "the old one is forgotten")


def remembered(company: Company) -> list[str]:
    with company.store.read() as tx:
        return [str(row[0]) for row in tx.db.exec_driver_sql("SELECT digest FROM heard")]


def heard_once(company: Company) -> None:
    """A call of long ago is remembered."""
    with company.store.begin() as tx:
        tx.apps.heard("old")
        tx.db.exec_driver_sql("UPDATE heard SET at = 0")


def disk_full() -> None:
    raise StoreError("database or disk is full")


def nothing() -> None:
    """The store holds."""
