"""What is let in, and what every answer carries."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from syncd.access import Console, host_of, loopback

__all__ = ["MOST_BYTES", "Denied", "Form", "Headers", "address_of", "form_of", "same_origin", "stranger"]

MOST_BYTES: Final = 512 * 1024
"""Of a form: a configuration of the longest kind fits."""
_MOST_FIELDS: Final = 5000
_SENDING: Final = 15.0
"""Seconds that a browser has to send a form."""
_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Denied(Exception):
    """What was asked for is not done, and nothing has happened. `status` is that of HTTP."""

    def __init__(self, status: int, title: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.title = title
        self.text = text


class Headers:
    """Puts the headers of every answer on it. What does not say that it may is kept by no cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, sending)


def stranger(request: Request, console: Console) -> str:
    """Why a call cannot have come the way that was declared; "" if it did."""
    host = host_of(request.headers.get("host", ""))
    if console.url:
        declared = (urlsplit(console.url).hostname or "").lower()
        return "" if host == declared or loopback(host) else f"{host} is not the address of this console"
    if not loopback(host):
        return f"{host} is not the address of this console: it answers this machine alone"
    if any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-forwarded-host")):
        return "it came through a proxy that nobody declared: say console.url"
    return ""


def same_origin(request: Request, console: Console) -> bool:
    """Whether a form was sent from a page of ours: by what the browser says of it, never by its absence."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin", "")
    host = request.headers.get("host", "")
    return bool(host) and origin in ({console.url} if console.url and not _local(host) else {f"http://{host}"})


def _local(host: str) -> bool:
    return loopback(host_of(host))


def address_of(request: Request, console: Console) -> str:
    """Where a call comes from: what the declared proxy, which is on this machine or near it, says; else the caller."""
    peer = request.client.host if request.client else ""
    said = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return said if console.url and said and _near(peer) else peer


def _near(address: str) -> bool:
    try:
        return not ipaddress.ip_address(address).is_global
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Form:
    """What somebody filled in. A name may have several values."""

    pairs: tuple[tuple[str, str], ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """The first value of a name."""
        return next((value for key, value in self.pairs if key == name), default)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a name."""
        return tuple(value for key, value in self.pairs if key == name)

    def holds(self, token: str) -> bool:
        """Whether it came from a page that this session was shown."""
        return hmac.compare_digest(self.get("token").encode(), token.encode())

    @property
    def data(self) -> Mapping[str, str]:
        """Name to first value."""
        return dict(reversed(self.pairs))


async def form_of(request: Request) -> Form:
    """What was sent. Raises Denied for what is too long, or is no form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Denied(415, "That is no form", "The console takes forms as browsers send them, and nothing else.")
    body = bytearray()
    try:
        async with asyncio.timeout(_SENDING):
            async for part in request.stream():
                body += part
                if len(body) > MOST_BYTES:
                    raise Denied(413, "That is too long", f"A form may have {MOST_BYTES // 1024} KiB.")
    except TimeoutError as late:
        raise Denied(408, "That came too slowly", f"A form has {_SENDING:.0f} seconds. Nothing was done.") from late
    except ClientDisconnect as left:
        raise Denied(400, "That was broken off", "The form did not come whole. Nothing was done.") from left
    try:
        pairs = parse_qsl(bytes(body).decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise Denied(400, "That cannot be read", "The form is not text, or has too many fields.") from error
    return Form(tuple(pairs))
