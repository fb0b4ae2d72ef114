"""Whoever is to be forgotten is, while the daemon runs; and a store that fails meanwhile is noticed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.core.record import EntityId
from syncd.daemon.lock import sole
from syncd.engine.forgetting import forget
from syncd.errors import StoreError
from syncd.store.forgetting import AGAIN
from tests.daemon.company import Company
from tests.daemon.house import eventually

ADA = "ada@example.com"


def entities(company: Company) -> list[EntityId]:
    with company.store.read() as tx:
        return [entity.id for entity in tx.entities.all("people") if entity.held]


def done(company: Company) -> list[bool]:
    with company.store.read() as tx:
        return [order.done is not None for order in tx.forgotten.all()]


def test_a_person_is_forgotten_while_the_daemon_runs(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.daemon.daemon._TIDIED", timedelta(seconds=0.2))
    company.apps["crm"].person_creates(email=ADA, first="Ada")
    with company.running() as service:
        eventually(lambda: company.called(ADA) == {"crm": "Ada", "news": "Ada"}, "all is the same")
        eventually(lambda: service.daemon.health().status == "quiet", "all is quiet")
        (id,) = entities(company)
        forget(company.world(), id, by="op")
        eventually(lambda: done(company) == [True], "it is done")
        assert [list(app.rows) for app in company.apps.values()] == [[], []]
        assert entities(company) == []
    assert service.code == 0
    assert company.store.verify() == ""


def test_a_store_that_fails_while_it_is_tidied_is_noticed(company: Company) -> None:
    with company.store.begin() as tx:
        tx.meta.put(AGAIN, "yes")
    with sole(company.config) as held:
        daemon = company.daemon(held)
        company.store.on_commit = disk_full
        daemon._tidy()
        assert daemon.health().store == "down"
        company.store.on_commit = nothing
        daemon._tidy()
        with company.store.read() as tx:
            assert not tx.meta.get(AGAIN)
        daemon.stop()
        assert daemon.run() == 0


def disk_full() -> None:
    raise StoreError("database or disk is full")


def nothing() -> None:
    """The store holds."""
