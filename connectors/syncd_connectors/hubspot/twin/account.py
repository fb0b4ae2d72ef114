"""What the simulated portal says of itself: its properties, its owners, its account.

Shapes: specs `CRM/Properties/v3`, `CRM/Crm Owners/v3`, `Account/Account Info/v3`.
"""

from __future__ import annotations

import httpx

from syncd.testing.twin import Call, answer, route
from syncd_connectors.hubspot.twin.ground import HubSpotGround, flag
from syncd_connectors.hubspot.twin.properties import Property
from syncd_connectors.hubspot.twin.refusals import PORTAL

__all__ = ["AccountRoutes"]


class AccountRoutes(HubSpotGround):
    """The account's own description."""

    @route("GET", "/crm/v3/properties/{kind}")
    def list_properties(self, call: Call, kind: str) -> httpx.Response:
        """Every property of an object type; archived ones are a list of their own, always empty here."""
        known = self.properties.get(self.kind(kind) or "")
        if known is None:
            return self.no_such_type(kind)
        listed = [] if flag(call, "archived") else [p.as_json() for p in known.values()]
        return answer(200, {"results": listed})

    @route("POST", "/crm/v3/properties/{kind}")
    def create_property(self, call: Call, kind: str) -> httpx.Response:
        """Add a custom property."""
        own = self.kind(kind)
        if own is None:
            return self.no_such_type(kind)
        try:
            made = Property.from_json(call.json())
        except KeyError as missing:
            return self.refuse(400, "VALIDATION_ERROR", f"Invalid input JSON: {missing} is required")
        if made.name in self.properties[own]:
            return self.refuse(409, "CONFLICT", f"A property named '{made.name}' already exists.")
        self.properties[own][made.name] = made
        if made.unique:
            self.tables[own].owners[made.name] = {}
        return answer(201, made.as_json())

    @route("GET", "/account-info/v3/details")
    def account(self, _call: Call) -> httpx.Response:
        """Which portal this is."""
        return answer(
            200,
            {
                "portalId": PORTAL,
                "accountType": "DEVELOPER_TEST",
                "timeZone": "UTC",
                "companyCurrency": "EUR",
                "additionalCurrencies": [],
                "utcOffset": "+00:00",
                "utcOffsetMilliseconds": 0,
                "uiDomain": "app.hubspot.com",
                "dataHostingLocation": "eu1",
            },
        )

    @route("GET", "/crm/v3/owners")
    def owners(self, _call: Call) -> httpx.Response:
        """The portal's users; a single one here."""
        born = "2020-01-01T00:00:00.000Z"
        only = {"id": "1", "email": "owner@example.com", "firstName": "Olga", "lastName": "Owner", "userId": 1}
        return answer(
            200,
            {"results": [only | {"type": "PERSON", "createdAt": born, "updatedAt": born, "archived": False}]},
        )
