"""Webhooks: form-encoded calls that say which address changed, and their signatures.

Mailchimp docs, webhooks: audience events with the keys `type`, `fired_at`, `data[…]`; the header
`X-Mailchimp-Signature: t={seconds},v1={hex}` over `{t}.{raw body}`. Hooks made before signing came carry none, so the
address itself holds a secret as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from pydantic import SecretStr

from syncd.errors import Unauthorised
from syncd.sdk import Request, fresh, hmac_sha256, shared_secret

__all__ = ["EVENTS", "SECRET_IN_VAULT", "SOURCES", "address_of", "guarded", "verify"]

SECRET_IN_VAULT: Final = "webhook_signing_secret"  # noqa: S105 - its name, not itself
EVENTS: Final = {
    "subscribe": True,
    "unsubscribe": True,
    "profile": True,
    "cleaned": True,
    "upemail": True,
    "campaign": False,
}
SOURCES: Final = {"user": True, "admin": True, "api": False}
"""Not from the API: our own writes would come back as calls. What other integrations write is found by listing."""

_PARAMETER: Final = "secret"


def guarded(url: str, secret: SecretStr | None) -> str:
    """The address with the secret that nobody can guess."""
    if secret is None:
        return url
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode({_PARAMETER: secret.get_secret_value()}))))
    return urlunsplit(parts._replace(query=query))


def verify(request: Request, *, path: SecretStr | None, signing: Sequence[SecretStr], now: float) -> None:
    """Raise Unauthorised unless the call knows every secret there is; without any, nobody can be believed."""
    if path is None and not signing:
        raise Unauthorised("webhooks of this app are not set up", hint="set webhook_secret or signing_secret")
    if path is not None:
        given = parse_qs(urlsplit(request.url).query).get(_PARAMETER, [""])
        shared_secret(given[0], [path])
    if signing and request.method.upper() == "POST":
        stated = dict(part.partition("=")[::2] for part in request.headers.get("x-mailchimp-signature", "").split(","))
        fresh(stated.get("t", ""), now)
        hmac_sha256(f"{stated['t']}.".encode() + request.body, stated.get("v1", ""), signing)


def address_of(body: bytes, list_id: str) -> str | None:
    """The address that a call is about, after the change; None where it is about another audience or no member."""
    form = {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    if form.get("data[list_id]") != list_id:
        return None
    return form.get("data[new_email]") or form.get("data[email]") or None
