"""Every connector that comes with syncd, held to the contract on its own twin."""

from __future__ import annotations

from typing import ClassVar

from syncd.testing.conformance import ChangesContract, ConnectorContract, FindContract, WriteContract
from syncd.testing.twin import Setup, Twin
from syncd_connectors import bottlecrm, ghost, hubspot, mailchimp
from syncd_connectors.bottlecrm.twin import TOKEN
from syncd_connectors.hubspot.twin import HubSpotTwin
from syncd_connectors.mailchimp.twin import API_KEY

_SITE = "https://blog.example.com"
_CRM = "https://crm.example.com"


class TestHubSpot(ConnectorContract):
    plugin = hubspot.plugin
    settings = plugin.settings.model_validate({"token": "pat-twin", "app_secret": "twin-app-secret"})
    strangers = plugin.settings.model_validate({"token": "pat-of-another-portal"})


class TestHubSpotWithASlowIndex(ChangesContract, FindContract, WriteContract):
    """HubSpot's search shows a write only after a while; the capabilities say how long that may be."""

    plugin = hubspot.plugin
    settings = TestHubSpot.settings
    lag: ClassVar[float] = 30.0

    def twin(self, setup: Setup) -> Twin:
        return HubSpotTwin(setup, search_lag=self.lag)


class TestMailchimp(ConnectorContract):
    plugin = mailchimp.plugin
    settings = plugin.settings.model_validate({"api_key": API_KEY, "webhook_secret": "hard-to-guess"})
    strangers = plugin.settings.model_validate({"api_key": "another-us1"})


class TestGhost(ConnectorContract):
    plugin = ghost.plugin
    settings = plugin.settings.model_validate(
        {
            "base_url": _SITE,
            "admin_key": f"{'6a' * 12}:{'c0de' * 16}",
            "webhook_secret": "signs-what-ghost-sends",
        }
    )
    strangers = plugin.settings.model_validate({"base_url": _SITE, "admin_key": f"{'6a' * 12}:{'ab' * 32}"})


class TestBottleCrm(ConnectorContract):
    plugin = bottlecrm.plugin
    settings = plugin.settings.model_validate({"base_url": _CRM, "token": TOKEN})
    strangers = plugin.settings.model_validate({"base_url": _CRM, "token": "bcrm_pat_of_nobody"})
