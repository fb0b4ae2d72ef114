"""The conformance suite, on the twin."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from syncd.testing.conformance import ConnectorContract
from syncd_connectors.hubspot import HubSpotSettings, plugin

pytestmark = pytest.mark.unmeasured


class TestHubSpot(ConnectorContract):
    plugin = plugin
    settings = HubSpotSettings(token=SecretStr("pat-twin"), app_secret=SecretStr("twin-app-secret"))
    strangers = HubSpotSettings(token=SecretStr("pat-of-a-stranger"))
