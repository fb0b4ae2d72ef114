"""The communication preferences of the simulated portal: v3 per subscription, v4 for all of them at once.

Shapes from the specs `Communication Preferences/Subscriptions` v3 and v4.
"""

from __future__ import annotations

from typing import Any, Final

import httpx

from syncd.testing.twin import Call, answer, route
from syncd_connectors.hubspot.twin.ground import HubSpotGround
from syncd_connectors.hubspot.twin.properties import instant
from syncd_connectors.hubspot.twin.records import normal

__all__ = ["ConsentRoutes"]

_KINDS: Final = {"101": "Newsletter", "102": "Product news"}


class ConsentRoutes(HubSpotGround):
    """Who may be mailed, and about what."""

    @route("GET", "/communication-preferences/v3/definitions")
    def definitions(self, _call: Call) -> httpx.Response:
        """The subscription types of the portal."""
        born = "2020-01-01T00:00:00.000Z"
        kinds = [
            {
                "id": id_,
                "name": name,
                "description": name,
                "isActive": True,
                "isDefault": False,
                "isInternal": False,
                "purpose": "Marketing",
                "communicationMethod": "Email",
                "createdAt": born,
                "updatedAt": born,
            }
            for id_, name in _KINDS.items()
        ]
        return answer(200, {"subscriptionDefinitions": kinds})

    @route("GET", "/communication-preferences/v3/status/email/{address}")
    def statuses(self, _call: Call, address: str) -> httpx.Response:
        """What an address is subscribed to."""
        told = [self._v3(address, id_) for id_ in _KINDS]
        return answer(200, {"recipient": address, "subscriptionStatuses": told})

    @route("POST", "/communication-preferences/v3/unsubscribe")
    def unsubscribe(self, call: Call) -> httpx.Response:
        """Opt an address out of one subscription type."""
        body = call.json()
        if body["subscriptionId"] not in _KINDS:
            return self.refuse(400, "VALIDATION_ERROR", f"No subscription with id {body['subscriptionId']}")
        self.opt_out(body["emailAddress"], (body["subscriptionId"],), "api")
        self.flush()
        return answer(200, self._v3(body["emailAddress"], body["subscriptionId"]))

    @route("POST", "/communication-preferences/v3/subscribe")
    def subscribe(self, call: Call) -> httpx.Response:
        """Opt an address in to one type; refused where the person opted out with their own hands."""
        body = call.json()
        address = body["emailAddress"]
        if body["subscriptionId"] not in _KINDS:
            return self.refuse(400, "VALIDATION_ERROR", f"No subscription with id {body['subscriptionId']}")
        if normal("email", address) in self.own_word:
            words = f"{address} has unsubscribed and cannot be resubscribed through the API"
            return self.refuse(400, "VALIDATION_ERROR", words)
        self.opt_in(address, body["subscriptionId"], "api")
        self.flush()
        return answer(200, self._v3(address, body["subscriptionId"]))

    @route("POST", "/communication-preferences/v4/statuses/{address}/unsubscribe-all")
    def unsubscribe_all(self, call: Call, address: str) -> httpx.Response:
        """Opt an address out of everything."""
        if call.query.get("channel") != "EMAIL":
            return self.refuse(400, "VALIDATION_ERROR", "channel must be EMAIL")
        self.opt_out(address, ("all",), "api")
        self.flush()
        return self._v4([self._status(address, id_) for id_ in _KINDS])

    @route("GET", "/communication-preferences/v4/statuses/{address}/unsubscribe-all")
    def wide_status(self, _call: Call, address: str) -> httpx.Response:
        """Whether an address opted out of everything."""
        out = "all" in self.opted_out.get(normal("email", address), ())
        wide = {
            "channel": "EMAIL",
            "subscriberIdString": address,
            "status": "UNSUBSCRIBED" if out else "NOT_SPECIFIED",
            "wideStatusType": "PORTAL_WIDE",
            "timestamp": instant(self.now()),
        }
        return self._v4([wide] if out else [])

    @route("GET", "/communication-preferences/v4/statuses/{address}")
    def all_statuses(self, _call: Call, address: str) -> httpx.Response:
        """What an address is subscribed to, in the words of v4."""
        return self._v4([self._status(address, id_) for id_ in _KINDS])

    def _v3(self, address: str, id: str) -> dict[str, Any]:
        out = self.opted_out.get(normal("email", address), set())
        return {
            "id": id,
            "name": _KINDS[id],
            "description": _KINDS[id],
            "status": "NOT_SUBSCRIBED" if {id, "all"} & out else "SUBSCRIBED",
            "sourceOfStatus": "PORTAL_WIDE_STATUS" if "all" in out else "SUBSCRIPTION_STATUS",
        }

    def _status(self, address: str, id: str) -> dict[str, Any]:
        out = self.opted_out.get(normal("email", address))
        known = "NOT_SPECIFIED" if out is None else "UNSUBSCRIBED" if {id, "all"} & out else "SUBSCRIBED"
        return {
            "channel": "EMAIL",
            "subscriberIdString": address,
            "subscriptionId": int(id),
            "subscriptionName": _KINDS[id],
            "status": known,
            "source": "API",
            "timestamp": instant(self.now()),
        }

    def _v4(self, results: list[dict[str, Any]]) -> httpx.Response:
        at = instant(self.now())
        return answer(200, {"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at})
