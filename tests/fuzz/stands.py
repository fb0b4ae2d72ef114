"""Real connectors on their twins, with something in between that can spoil answers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module

from pydantic import SecretStr

from syncd.sdk.contract import Plugin, Settings
from syncd.testing.clock import TurnedClock
from syncd.testing.conformance import Bench, Ground
from syncd.testing.twin import Setup, Twin
from syncd_connectors import bottlecrm, carddav, ghost, hubspot, mailchimp
from syncd_connectors.bottlecrm.connector import BottleCrmSettings
from syncd_connectors.bottlecrm.twin import TOKEN
from syncd_connectors.carddav import CardDavSettings
from syncd_connectors.carddav.twin import BOOK, PASSWORD, USER
from syncd_connectors.ghost import GhostSettings
from syncd_connectors.ghost.twin import ADMIN_KEY
from syncd_connectors.hubspot import HubSpotSettings
from syncd_connectors.mailchimp.account import MailchimpSettings
from syncd_connectors.mailchimp.twin import API_KEY
from tests.fuzz.mangle import Mangled

__all__ = ["HOOK_SECRET", "LONG_SECRET", "NAMES", "Stand", "stand"]

HOOK_SECRET = "twin-app-secret"
LONG_SECRET = "nobody-guesses-this-path"
_CASES: Mapping[str, tuple[Plugin, Settings, str]] = {
    "bottlecrm": (
        bottlecrm.plugin,
        BottleCrmSettings(base_url="https://crm.example.com", token=SecretStr(TOKEN)),
        "contacts",
    ),
    "carddav": (
        carddav.plugin,
        CardDavSettings(base_url=f"https://dav.example.com{BOOK}", username=USER, password=SecretStr(PASSWORD)),
        "contacts",
    ),
    "ghost": (
        ghost.plugin,
        GhostSettings(
            base_url="https://blog.example.com",
            admin_key=SecretStr(ADMIN_KEY),
            webhook_secret=SecretStr(LONG_SECRET),
        ),
        "members",
    ),
    "hubspot": (
        hubspot.plugin,
        HubSpotSettings(token=SecretStr("pat-twin"), app_secret=SecretStr(HOOK_SECRET), lifecycle="free"),
        "contacts",
    ),
    "mailchimp": (
        mailchimp.plugin,
        MailchimpSettings(api_key=SecretStr(API_KEY), webhook_secret=SecretStr(LONG_SECRET), bulk_from=2),
        "members",
    ),
}
NAMES = sorted(_CASES)


@dataclass
class Stand:
    """A connector, its twin, and the way between them."""

    bench: Bench
    way: Mangled
    ground: Ground


@contextmanager
def stand(name: str) -> Iterator[Stand]:
    """A connector on a twin with six records."""
    plugin, settings, subject = _CASES[name]
    module, _, attribute = plugin.twin.partition(":")
    clock = TurnedClock()
    twin: Twin = getattr(import_module(module), attribute)(Setup(clock=clock, records=6))
    way = Mangled(twin)
    twin.transport = lambda: way  # type: ignore[method-assign, assignment, return-value]
    ground = type("On", (Ground,), {"plugin": plugin, "settings": settings})()
    with contextlib.closing(Bench(plugin, settings, twin, clock, subject)) as bench:
        yield Stand(bench, way, ground)
