from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from syncd.sdk.clock import WallClock
from syncd.testing.serve import serve
from syncd.testing.twin import Setup
from syncd_connectors.hubspot.twin import HubSpotTwin
from syncd_connectors.mailchimp.twin import MailchimpTwin
from tests.console.ground import Desk, Door


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command sets logging up for its own process, which here is everybody's."""
    handlers, level, hook = logging.getLogger().handlers[:], logging.getLogger().level, threading.excepthook
    yield
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    threading.excepthook = hook
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def doors() -> Iterator[dict[str, tuple[Door, str]]]:
    crm, news = Door(), Door()
    with serve(crm) as first, serve(news) as second:
        yield {"crm": (crm, first.url), "news": (news, second.url)}


@pytest.fixture
def desk(
    doors: dict[str, tuple[Door, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Desk:
    """Six people, four of them in both apps."""
    monkeypatch.setenv("CRM_TOKEN", "pat-twin")
    monkeypatch.setenv("NEWS_KEY", "twin-us1")
    monkeypatch.delenv("SYNCD_CONFIG", raising=False)
    monkeypatch.delenv("SYNCD_STORE_URL", raising=False)
    clock = WallClock()
    crm = HubSpotTwin(Setup(clock=clock, records=5, limits=False))
    news = MailchimpTwin(Setup(clock=clock, records=5, start=1, limits=False))
    doors["crm"][0].behind, doors["news"][0].behind = crm, news
    made = Desk(tmp_path, {"crm": crm, "news": news}, {app: url for app, (_, url) in doors.items()}, capsys)
    made.write()
    return made
