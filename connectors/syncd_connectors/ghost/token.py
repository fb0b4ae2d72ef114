"""The token that every request carries: a JWT, signed here with the Admin API key and good for five minutes.

Ghost docs, admin-api, "Token authentication": HS256 over the secret's bytes (not its hexadecimal text), the key's id
as `kid`, `/admin/` as audience. Ghost refuses an expired token with 401.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["LIFE", "token"]

LIFE: Final = 300
"""Seconds; Ghost docs allow no more."""


def token(admin_key: str, now: float) -> str:
    """The value of the `Authorization` header at `now` (seconds since the epoch) for a key `id:hexsecret`."""
    key_id, _, secret = admin_key.partition(":")
    issued = int(now)
    header = _part({"alg": "HS256", "typ": "JWT", "kid": key_id})
    claims = _part({"iat": issued, "exp": issued + LIFE, "aud": "/admin/"})
    signature = hmac.new(bytes.fromhex(secret), header + b"." + claims, hashlib.sha256).digest()
    return f"Ghost {(header + b'.' + claims + b'.' + _encoded(signature)).decode()}"


def _part(claims: Mapping[str, Any]) -> bytes:
    return _encoded(json.dumps(claims, separators=(",", ":")).encode())


def _encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
