"""HubSpot's search shows a write only after a while: what is found late must still be found."""

from __future__ import annotations

import pytest

from syncd.testing.conformance import ChangesContract, FindContract, WriteContract
from syncd.testing.twin import Setup, Twin
from syncd_connectors.hubspot import plugin
from syncd_connectors.hubspot.twin import HubSpotTwin

pytestmark = pytest.mark.unmeasured

_LAG = 30.0  # seconds; the connector declares a longer one


class TestHubSpotWithASlowIndex(ChangesContract, FindContract, WriteContract):
    plugin = plugin
    settings = plugin.settings.model_validate({"token": "pat-twin"})

    def twin(self, setup: Setup) -> Twin:
        return HubSpotTwin(setup, search_lag=_LAG)
