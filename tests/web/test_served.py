"""The console as the daemon serves it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from syncd.access import Console
from syncd.web.site import pages
from tests.daemon.company import Company
from tests.daemon.house import eventually

ADA = "ada@example.com"


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    with ExitStack() as closing:
        made = Company(tmp_path, closing)
        made.pages = pages(made.config)
        yield made


def test_the_daemon_serves_the_console_beside_webhooks_and_health(company: Company) -> None:
    company.person(ADA, "Ada")
    with company.running() as service:
        eventually(lambda: company.called(ADA) == {"crm": "Ada", "news": "Ada"}, "both know Ada")
        page = httpx.get(f"{service.url}/")
        assert page.status_code == 200
        assert "records kept the same" in page.text
        assert httpx.get(f"{service.url}/healthz").headers["content-type"] == "application/json"
        assert httpx.post(f"{service.url}/hooks/crm", content=b"").status_code == 401
        assert "401" in httpx.get(f"{service.url}/health").text


def test_an_edit_is_told_live_and_the_stream_ends_as_the_daemon_stops(company: Company) -> None:
    company.person(ADA, "Ada")
    told: list[str] = []
    with company.running() as service:
        eventually(lambda: company.called(ADA) == {"crm": "Ada", "news": "Ada"}, "both know Ada")

        def listen() -> None:
            with httpx.stream("GET", f"{service.url}/live", timeout=30) as stream:
                told.extend(stream.iter_lines())

        listening = threading.Thread(target=listen)
        listening.start()
        time.sleep(0.5)
        company.renames("crm", ADA, "Adele")
        eventually(lambda: company.called(ADA) == {"crm": "Adele", "news": "Adele"}, "both hear of Adele")
        time.sleep(1.0)
        assert service.stops() == 0
        listening.join(5)
    assert any("Adele" in line for line in told)


def test_a_console_that_is_turned_off_is_not_there(company: Company) -> None:
    company.pages = pages(replace(company.config, console=Console(enabled=False)))
    with company.running() as service:
        assert httpx.get(f"{service.url}/").status_code == 404


def test_a_console_that_would_be_open_to_strangers_says_so_in_the_log(company: Company) -> None:
    company.public_url = "https://sync.example.com"
    company.pages = pages(company.config)
    with company.running() as service:
        assert httpx.get(f"{service.url}/").status_code == 403
    assert any(line["event"] == "console closed" for line in company.said)
