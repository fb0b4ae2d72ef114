"""A simulated HubSpot portal: the vendor's routes, shapes, limits, errors and quirks, without the vendor."""

from __future__ import annotations

from typing import Any

import httpx

from syncd.testing.twin import Call, Setup, answer, route
from syncd_connectors.hubspot.twin_consent import ConsentRoutes
from syncd_connectors.hubspot.twin_objects import ObjectRoutes
from syncd_connectors.hubspot.twin_seed import populate
from syncd_connectors.hubspot.twin_ties import TieRoutes

__all__ = ["HubSpotTwin"]


class HubSpotTwin(ObjectRoutes, ConsentRoutes, TieRoutes):
    """A portal with contacts, companies and deals, as the specs and docs of HubSpot describe it.

    Takes a `Setup` and the knobs of `HubSpotGround`. Beyond the twin's common people's side it has
    `person_restore`, and `POST /_people/hooks` with `{"url": ...}` names the address that webhooks go to.
    """

    def __init__(self, setup: Setup, **knobs: Any) -> None:
        super().__init__(setup, **knobs)
        populate(self)

    @route("POST", "/_people/hooks")
    def set_hooks(self, call: Call) -> httpx.Response:
        """Subscribe an address to every event, as a person does in the settings of a private app."""
        self.hook_url = call.json()["url"]
        return answer(200, {"url": self.hook_url})
