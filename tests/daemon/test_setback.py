"""A daemon that finds an older copy in its store's place compares, shows what it would write, and waits."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import httpx
import pytest

from syncd.console.outline import Outline
from syncd.console.status import status
from syncd.engine.setback import accept, notice, setback
from syncd.errors import StoreError
from syncd.sdk.clock import WallClock
from syncd.store.generation import generation_file
from syncd.store.store import Store
from tests.daemon.company import Company
from tests.daemon.house import eventually

ADA, BEN, CY = "ada@example.com", "ben@example.com", "cy@example.com"


def set_back(company: Company, copy: Path) -> None:
    """Somebody puts the copy in the store's place, and a start notices."""
    company.store.close()
    for side in ("", "-wal", "-shm"):
        (company.folder / f"syncd.db{side}").unlink(missing_ok=True)
    shutil.copy(copy, company.folder / "syncd.db")
    company.store = Store.open(company.config.store.url, WallClock().now)
    company.closing.callback(company.store.close)
    notice(company.store, generation_file(company.config.store.url))


@pytest.fixture
def copy(company: Company, tmp_path: Path) -> Path:
    """A copy, and edits since that both apps have."""
    for email, first in ((ADA, "Ada"), (BEN, "Ben"), (CY, "Cy")):
        company.person(email, first)
    with company.running() as service:
        eventually(lambda: company.called(BEN) == {"crm": "Ben", "news": "Ben"}, "both know Ben")
        eventually(lambda: company.called(ADA) == {"crm": "Ada", "news": "Ada"}, "both know Ada")
        eventually(lambda: company.called(CY) == {"crm": "Cy", "news": "Cy"}, "both know Cy")
        eventually(lambda: service.daemon.health().status == "quiet", "every answer is stored")
        company.store.copy(tmp_path / "copy.db")
        company.renames("crm", ADA, "Adele")
        company.renames("news", BEN, "Benjamin")
        eventually(lambda: company.called(ADA) == {"crm": "Adele", "news": "Adele"}, "both call her Adele")
        eventually(lambda: company.called(BEN) == {"crm": "Benjamin", "news": "Benjamin"}, "both call him Benjamin")
    return tmp_path / "copy.db"


def compared(company: Company) -> bool:
    with company.store.read() as tx:
        back = setback(tx)
    return back is not None and back.compared is not None


def test_nothing_is_written_nor_subscribed_until_a_person_agrees_and_then_nothing_is_lost(
    company: Company, copy: Path
) -> None:
    company.public_url = "https://sync.example.com"
    company.renames("news", CY, "Cyrus")  # nobody has mirrored this
    set_back(company, copy)
    written = {name: len(app.writes) for name, app in company.apps.items()}
    outline = Outline(company.config.path, company.config.store.url, {"crm": "fake", "news": "fake"}, {"people": ()})
    with company.running() as service:
        eventually(lambda: compared(company), "everything is compared")
        time.sleep(0.5)
        health = httpx.get(f"{service.url}/healthz")
        assert health.status_code == 200
        assert health.json()["status"] == "attention"
        assert {app["state"] for app in health.json()["apps"].values()} == {"held"}
        assert {name: len(app.writes) for name, app in company.apps.items()} == written
        assert [app.subscribed for app in company.apps.values()] == [[], []]
        told = status(outline, time.time()).set_back
        assert told is not None
        assert told.why == "it is an older copy of the one that was here before"
        assert dict(told.writes) == {"crm": {"create": 0, "update": 1, "delete": 0}}
        assert any(said["event"] == "compared" for said in company.said)
        assert accept(company.store, "op")
        eventually(lambda: company.called(CY) == {"crm": "Cyrus", "news": "Cyrus"}, "what was not mirrored is")
        eventually(lambda: service.state("crm") == "running", "all goes on")
        eventually(lambda: bool(company.apps["crm"].subscribed), "webhooks are asked for again")
        time.sleep(0.5)
    assert service.code == 0
    assert company.called(ADA) == {"crm": "Adele", "news": "Adele"}
    assert company.called(BEN) == {"crm": "Benjamin", "news": "Benjamin"}
    assert {name: len(app.rows) for name, app in company.apps.items()} == {"crm": 3, "news": 3}
    assert {name: len(app.writes) - written[name] for name, app in company.apps.items()} == {"crm": 1, "news": 0}


def test_an_app_that_is_down_is_compared_once_it_is_back(company: Company, copy: Path) -> None:
    company.apps["crm"].fault = "outage"
    set_back(company, copy)
    with company.running():
        eventually(lambda: any(said["event"] == "not compared" for said in company.said), "it says so")
        assert not compared(company)


def test_a_daemon_raises_the_number_as_it_starts_and_as_it_stops(company: Company) -> None:
    file = generation_file(company.config.store.url)
    assert file is not None
    with company.running():
        first = file.read_text()
    assert file.read_text() != first


def test_a_store_that_gives_way_during_the_comparison_is_told_and_mended(company: Company, copy: Path) -> None:
    set_back(company, copy)

    def full() -> None:
        raise StoreError("disk is full")

    def listing(_: object) -> None:
        company.store.on_commit = full  # while everything is read

    company.apps["crm"].listing = listing
    with company.running() as service:
        eventually(lambda: service.daemon.health().store == "down", "the daemon notices")
        company.apps["crm"].listing = lambda _: None
        company.store.on_commit = lambda: None
        eventually(lambda: service.daemon.health().store == "up", "it holds again")
    assert service.code == 0
