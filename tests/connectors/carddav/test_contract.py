"""The conformance suite, on the twin: as the RFCs have it, without sync-collection, and with cards rewritten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest
from pydantic import SecretStr

from syncd.testing.conformance import ConnectorContract
from syncd.testing.twin import Setup
from syncd_connectors.carddav import CardDavSettings, plugin
from syncd_connectors.carddav.twin import BOOK, PASSWORD, USER, CardDavTwin

pytestmark = pytest.mark.unmeasured

_SERVER = "https://dav.example.com"


class TestCardDav(ConnectorContract):
    plugin = plugin
    settings = CardDavSettings(base_url=_SERVER + BOOK, username=USER, password=SecretStr(PASSWORD))
    strangers = CardDavSettings(base_url=_SERVER + BOOK, username=USER, password=SecretStr("of-nobody"))


class TestWithoutSyncCollection(TestCardDav):
    impossible: ClassVar[Mapping[str, str]] = {
        "a_listing_that_breaks_off_can_be_resumed": "the whole listing is one answer"
    }

    def twin(self, setup: Setup) -> CardDavTwin:
        return CardDavTwin(setup, syncs=False)


class TestWhereCardsAreRewritten(TestCardDav):
    def twin(self, setup: Setup) -> CardDavTwin:
        return CardDavTwin(setup, rewrites=True)
