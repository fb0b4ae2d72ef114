"""What a running daemon answers at its door: webhooks, figures, pages."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from syncd.daemon.door import Occupied, _listen
from syncd.engine.plan import mark_applied
from syncd.engine.world import World
from syncd.errors import ConfigError
from syncd.settings import Daemon
from tests.daemon.company import SELDOM, Company
from tests.daemon.house import eventually
from tests.daemon.test_daemon import ADA, both, disk_full, nothing


def test_a_webhook_brings_an_edit_long_before_the_next_poll(company: Company) -> None:
    company.poll = SELDOM
    company.person(ADA, "Ada")
    with company.running() as service:
        eventually(lambda: both(company, "Ada"), "both know Ada")
        company.renames("crm", ADA, "Adele")
        id = company.apps["crm"].find_one(email=ADA)
        answer = httpx.post(f"{service.url}/hooks/crm", content=id, headers={"x-signature": "ours"})
        assert answer.status_code == 200
        eventually(lambda: both(company, "Adele"), "the hint leads to a read")


def test_apps_that_can_call_are_given_the_public_address_once(company: Company) -> None:
    company.public_url = "https://sync.example.com"
    with company.running():
        eventually(lambda: all(app.subscribed for app in company.apps.values()), "both are asked to call")
        calls = company.apps["crm"].calls
        eventually(lambda: company.apps["crm"].calls > calls + 2, "some polls later")
        assert company.apps["crm"].subscribed == ["https://sync.example.com/hooks/crm"]


def test_the_address_that_an_app_is_given_has_its_secret_end(company: Company) -> None:
    company.public_url, company.hook = "https://sync.example.com", "0123456789abcdef0123456789abcdef"
    with company.running() as service:
        eventually(lambda: all(app.subscribed for app in company.apps.values()), "both are asked to call")
        assert company.apps["crm"].subscribed == [f"https://sync.example.com/hooks/crm/{company.hook}"]
        assert httpx.post(f"{service.url}/hooks/crm", content="1").status_code == 404


def test_figures_are_counted_by_app(company: Company) -> None:
    company.person(ADA, "Ada")
    with company.running() as service:
        eventually(lambda: both(company, "Ada"), "both know Ada")
        eventually(
            lambda: 'syncd_records_created_total{app="news"} 1.0' in figures(service.url), "the create is counted"
        )
        assert 'syncd_app_paused{app="crm"} 0.0' in figures(service.url)
        assert "syncd_store_up 1.0" in figures(service.url)
        assert ADA not in figures(service.url)


def test_an_app_that_takes_no_webhooks_is_polled_all_the_same(company: Company) -> None:
    company.public_url = "https://sync.example.com"
    company.apps["crm"].takes_hooks = False
    with company.running() as service:
        eventually(lambda: any(line["event"] == "webhooks not registered" for line in company.said), "it is told")
        company.person(ADA, "Ada")
        eventually(lambda: both(company, "Ada"), "the poll finds Ada")
        eventually(lambda: service.state("crm") == "running", "the CRM is well")
    assert len([line for line in company.said if line["event"] == "webhooks not registered"]) == 1


@pytest.mark.parametrize("host", ["[::1", "[", "]", "[::g]"])
def test_a_host_that_is_no_name_is_unknown_and_no_mishap(company: Company, host: str) -> None:
    with company.running() as service:
        for path in ("/healthz", "/login"):
            assert httpx.get(f"{service.url}{path}", headers={"host": host}).status_code == 400


def test_a_caller_that_sends_its_body_too_slowly_is_let_go(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("syncd.daemon.intake._READING", 0.1)
    with company.running() as service, socket.create_connection(("127.0.0.1", service.daemon.port)) as caller:
        caller.settimeout(5)
        caller.sendall(b"POST /hooks/crm HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n1")
        assert caller.recv(100).startswith(b"HTTP/1.1 503")


def test_a_caller_that_leaves_before_its_body_is_whole_leaves_nothing_behind(company: Company) -> None:
    with company.running() as service:
        with socket.create_connection(("127.0.0.1", service.daemon.port)) as caller:
            head = b"POST /hooks/crm HTTP/1.1\r\nHost: localhost\r\nX-Signature: ours\r\nContent-Length: 100\r\n\r\n"
            caller.sendall(head + b"1")
        eventually(
            lambda: 'syncd_webhooks_total{app="crm",status="400"} 1.0' in figures(service.url), "the call is counted"
        )
        assert company.apps["crm"].heard == []
        assert service.daemon.health().apps["crm"].hints == 0


def test_webhooks_older_than_any_retry_are_forgotten(company: Company) -> None:
    with company.store.begin() as tx:
        tx.apps.heard("old")
        tx.db.exec_driver_sql("UPDATE heard SET at = 0")
        tx.apps.heard("new")

    def remembered() -> list[str]:
        with company.store.read() as tx:
            return [str(row[0]) for row in tx.db.exec_driver_sql("SELECT digest FROM heard")]

    with company.running():
        eventually(lambda: remembered() == ["new"], "the old one is forgotten")


def test_a_port_that_is_taken_is_named_before_anything_begins(company: Company) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        company.listen = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(Occupied, match=company.listen) as told, company.running():
            pass
    assert told.value.exit_code == 7  # no fault of the configuration
    assert "another program has this port" in told.value.message
    assert company.apps["crm"].calls == 0


def test_pages_of_others_share_the_door_and_the_store(company: Company) -> None:
    def pages(world: World) -> Sequence[BaseRoute]:
        def page(_: Request) -> Response:
            with world.store.read() as tx:
                return Response(tx.meta.get("applied:people") or "nobody applied it")

        return [Route("/", page)]

    company.sync = replace(company.sync, digest="d1g3st")
    mark_applied(company.world(), by="test")
    company.pages = pages
    with company.running() as service:
        assert httpx.get(service.url).text == "d1g3st"


def test_figures_are_there_while_the_store_is_not(company: Company) -> None:
    with company.running() as service:
        company.store.on_commit = disk_full
        eventually(lambda: "syncd_store_up 0.0" in figures(service.url), "the figures tell of the store")
        company.store.on_commit = nothing


def figures(url: str) -> str:
    return httpx.get(f"{url}/metrics").text


def test_an_address_that_this_machine_has_not_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="cannot listen on"):
        _listen(Daemon(listen="192.0.2.1:8080"))
