"""Ghost's webhooks: who called, and of whom they speak.

Ghost sends `{"member": {"current": {...}, "previous": {...}}}` (Ghost docs, webhooks); after a delete `current` is
empty and `previous` holds the whole member. The signature is not documented; this is what Ghost 6.65 sends:
`X-Ghost-Signature: sha256=<hex>, t=<milliseconds>`, an HMAC-SHA256 over the body with the digits of the time behind
it. Before 5.0 the body alone was signed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from pydantic import SecretStr

from syncd.errors import BrokenProtocol, Rejected, Unauthorised
from syncd.sdk.contract import Request
from syncd.sdk.signatures import fresh, hmac_sha256

__all__ = ["EVENTS", "member", "registered_already", "verify"]

EVENTS: Final = ("member.added", "member.edited", "member.deleted")


def verify(request: Request, secrets: Sequence[SecretStr], now: float, *, bare_too: bool) -> None:
    """Check that Ghost signed this, within the last minutes. `bare_too`: the body alone may have been signed.

    Raises Unauthorised.
    """
    parts = dict(
        part.strip().split("=", 1) for part in request.headers.get("x-ghost-signature", "").split(",") if "=" in part
    )
    signature, sent = parts.get("sha256", ""), parts.get("t", "")
    fresh(sent, now, unit=0.001)
    try:
        hmac_sha256(request.body + sent.encode(), signature, secrets)
    except Unauthorised:
        if not bare_too:
            raise
        hmac_sha256(request.body, signature, secrets)


def member(body: bytes) -> str | None:
    """The id of the member that a call is about; None for a call about something else. Raises BrokenProtocol."""
    try:
        said = json.loads(body)
    except ValueError as odd:
        raise BrokenProtocol("the webhook's body is not JSON") from odd
    match said:
        case {"member": {"current": {"id": str(id)}}} | {"member": {"previous": {"id": str(id)}}}:
            return id
    return None


def registered_already(refused: Rejected) -> bool:
    """Whether Ghost refused a webhook only because it has it; no code tells, and no other call does."""
    return "already been used" in refused.message
