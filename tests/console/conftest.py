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
from tests.console.ground import Desk


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command sets logging up for its own process, which here is everybody's."""
    handlers, level, hook = logging.getLogger().handlers[:], logging.getLogger().level, threading.excepthook
    yield
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    threading.excepthook = hook
    structlog.reset_defaults()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    """Six people, four of them in both apps."""
    monkeypatch.setenv("CRM_TOKEN", "pat-twin")
    monkeypatch.setenv("NEWS_KEY", "twin-us1")
    monkeypatch.delenv("SYNCD_CONFIG", raising=False)
    monkeypatch.delenv("SYNCD_STORE_URL", raising=False)
    clock = WallClock()
    crm = HubSpotTwin(Setup(clock=clock, records=5, limits=False))
    news = MailchimpTwin(Setup(clock=clock, records=5, start=1, limits=False))
    with serve(crm) as first, serve(news) as second:
        made = Desk(tmp_path, {"crm": crm, "news": news}, {"crm": first.url, "news": second.url}, capsys)
        made.write()
        yield made
