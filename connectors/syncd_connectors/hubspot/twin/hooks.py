"""The webhook calls of the simulated portal, signed as HubSpot signs them.

Source: HubSpot docs, request-validation.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from syncd.testing.twin import Hook

__all__ = ["signed_hook"]


def signed_hook(url: str, events: Sequence[Mapping[str, Any]], app_secret: str, now: int) -> Hook:
    """A call with the signatures of version 1 and version 3. `now`: epoch milliseconds, signed in version 3."""
    body, secret = json.dumps(events).encode(), app_secret.encode()
    said = f"POST{url}".encode() + body + str(now).encode()
    headers = {
        "content-type": "application/json",
        "x-hubspot-signature": hashlib.sha256(secret + body).hexdigest(),
        "x-hubspot-signature-version": "v1",
        "x-hubspot-signature-v3": base64.b64encode(hmac.new(secret, said, hashlib.sha256).digest()).decode(),
        "x-hubspot-request-timestamp": str(now),
    }
    return Hook(url, headers, body)
