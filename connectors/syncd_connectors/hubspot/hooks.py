"""HubSpot's webhooks: is it HubSpot, and who should be read again?

Only signatures of version 3 are believed: versions 1 and 2 sign no time, so that an old call could be played again, and
hash the secret in a way that lets others add to the body. HubSpot sends version 3 beside them. Source: HubSpot docs,
request-validation; events: spec `Webhooks/v3`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import SecretStr

from syncd.core.record import Ref
from syncd.errors import BrokenProtocol, Unauthorised
from syncd.sdk.contract import Request
from syncd.sdk.signatures import fresh, hmac_sha256

__all__ = ["authentic", "refs"]

_MILLISECOND: Final = 0.001
_DECODED: Final = {
    "%3A": ":",
    "%2F": "/",
    "%3F": "?",
    "%40": "@",
    "%21": "!",
    "%24": "$",
    "%27": "'",
    "%28": "(",
    "%29": ")",
    "%2A": "*",
    "%2C": ",",
    "%3B": ";",
}
_OBJECTS: Final = {
    **dict.fromkeys(("contact", "0-1"), "contacts"),
    **dict.fromkeys(("company", "0-2"), "companies"),
    **dict.fromkeys(("deal", "0-3"), "deals"),
}
_IDS: Final = ("objectId", "primaryObjectId", "newObjectId", "fromObjectId")


def authentic(request: Request, secrets: Sequence[SecretStr], now: float) -> None:
    """Raise Unauthorised unless the call carries a fresh version 3 signature by one of the secrets. `now`: seconds."""
    if not secrets:
        raise Unauthorised("no app_secret is configured, so no webhook can be believed", hint="set app_secret")
    stamp = request.headers.get("x-hubspot-request-timestamp", "")
    fresh(stamp, now, unit=_MILLISECOND)
    said = f"{request.method}{_uri(request.url)}".encode() + request.body + stamp.encode()
    hmac_sha256(said, request.headers.get("x-hubspot-signature-v3", ""), secrets, form="base64")


def refs(app: str, body: bytes) -> Sequence[Ref]:
    """Whom the events of a call are about, each once. Raises BrokenProtocol for a body that is no list of events."""
    try:
        events = json.loads(body)
    except ValueError:
        raise BrokenProtocol("HubSpot sent a webhook that is not JSON") from None
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise BrokenProtocol("HubSpot sent a webhook that is not a list of events")
    return tuple(dict.fromkeys(Ref(app, object_, id_) for event in events for object_, id_ in _about(event)))


def _about(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    told = str(event.get("subscriptionType") or event.get("eventType") or "")
    named = told.partition(".")[0]
    object_ = _OBJECTS.get(str(event.get("objectTypeId")) if named == "object" else named)
    if object_ is None:
        return
    merged = event.get("mergedObjectIds")
    ids = [event.get(name) for name in _IDS] + (merged if isinstance(merged, list) else [])
    for id_ in ids:
        if isinstance(id_, int | str) and id_:
            yield object_, str(id_)


def _uri(url: str) -> str:
    """The address as HubSpot signs it: these characters as they are, whatever the address writes."""
    for code, character in _DECODED.items():
        url = url.replace(code, character).replace(code.lower(), character)
    return url
