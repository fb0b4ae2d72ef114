"""Is this webhook from the app? Checked on the raw bytes, before anything is parsed. And how ours are signed.

Every check takes several secrets, so that a new one can be brought in while the old one is still in use. A check
returns nothing; a bad, missing or stale signature raises Unauthorised, which says no more than that.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, SecretStr

from syncd.errors import Unauthorised
from syncd.sdk.contract import Request

__all__ = [
    "SHORTEST",
    "WINDOW",
    "LongSecret",
    "fresh",
    "hmac_sha256",
    "shared_secret",
    "signed",
    "standard_webhooks",
    "webhook_key",
]

WINDOW = 300.0
"""Seconds that a signed time may lie in the past or the future: an old call must not be played again."""

SHORTEST: Final = 24
"""Characters of a secret that one makes up oneself."""


def _long(secret: SecretStr) -> SecretStr:
    if (length := len(secret.get_secret_value())) < SHORTEST:
        hint = "make one with: openssl rand -base64 32"
        raise ValueError(f"has {length} characters, and at least {SHORTEST} are expected: {hint}")
    return secret


LongSecret = Annotated[SecretStr, AfterValidator(_long)]
"""A secret that is made up here and told to the app, and so is long enough that nobody guesses it."""


def hmac_sha256(
    message: bytes, signature: str, secrets: Sequence[SecretStr], *, form: Literal["hex", "base64"] = "hex"
) -> None:
    """Check an HMAC-SHA256 over `message`, keyed with the secret's own bytes. `signature` in hex (any case) or base64.

    A prefix such as `sha256=` is the caller's to cut off.
    """
    given = _unhexed(signature) if form == "hex" else _decoded(signature)
    _match([given], _digests((secret.get_secret_value().encode() for secret in secrets), message))


def standard_webhooks(request: Request, secrets: Sequence[SecretStr], now: float) -> None:
    """Check a call as the Standard Webhooks specification has it: `id.timestamp.body`, secrets in base64 (`whsec_…`).

    The header may carry several signatures; those of another version than `v1` are passed over.
    """
    sent = request.headers.get("webhook-timestamp", "")
    fresh(sent, now)
    message = f"{request.headers.get('webhook-id', '')}.{sent}.".encode() + request.body
    given = []
    for signature in request.headers.get("webhook-signature", "").split():
        version, _, value = signature.partition(",")
        if version == "v1":
            given.append(_decoded(value))
    _match(given, _digests(map(webhook_key, secrets), message))


def signed(body: bytes, id: str, now: float, secret: SecretStr) -> dict[str, str]:
    """The headers with which a call of ours is signed by the same specification. `id`: the same for the same news."""
    sent = str(int(now))
    digest = hmac.new(webhook_key(secret), f"{id}.{sent}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": id, "webhook-timestamp": sent, "webhook-signature": signature}


def webhook_key(secret: SecretStr) -> bytes:
    """The key in a secret of that specification; none if it is not base64."""
    return _decoded(secret.get_secret_value().removeprefix("whsec_"))


def shared_secret(given: str, secrets: Sequence[SecretStr]) -> None:
    """Check a secret that the call itself carries (in its address or a header), for apps that sign nothing."""
    _match([given.encode()], (secret.get_secret_value().encode() for secret in secrets))


def fresh(timestamp: str, now: float, *, unit: float = 1.0, window: float = WINDOW) -> None:
    """Check that a signed time is near `now`. `unit`: seconds per count (0.001 for milliseconds since the epoch)."""
    # Not float(): "nan" would be near everything, and int() alone takes "1_0" and digits of other scripts.
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 20):
        raise Unauthorised("the webhook carries no time")
    if abs(now - int(timestamp) * unit) > window:
        raise Unauthorised("the webhook is too old, or from the future", hint="check this machine's clock")


def _digests(keys: Iterable[bytes], message: bytes) -> Iterator[bytes]:
    """The right answers. An empty key gives none: it would let anybody in who guesses that none is set."""
    return (hmac.new(key, message, hashlib.sha256).digest() for key in keys if key)


def _unhexed(text: str) -> bytes:
    """The bytes that a text says in hexadecimal, without the white space that Python would pass over."""
    try:
        said = bytes.fromhex(text)
    except ValueError:
        return b""
    return said if len(text) == 2 * len(said) else b""


def _decoded(text: str) -> bytes:
    """The bytes that a text says in base64, if it says them in the one right way: idle bits at the end are none."""
    try:
        said = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""
    return said if base64.b64encode(said).decode() == text else b""


def _match(given: Iterable[bytes], right: Iterable[bytes]) -> None:
    """Compare each with each, in a time that tells nothing of where they differ."""
    candidates = list(given)
    found = False
    for good in right:
        for candidate in candidates:
            found |= bool(good) and hmac.compare_digest(candidate, good)
    if not found:
        raise Unauthorised("the webhook is not signed by the app", hint="check the webhook secret in the configuration")
