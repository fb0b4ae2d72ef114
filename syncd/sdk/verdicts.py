"""What an HTTP answer, or the lack of one, means: one table from statuses and exceptions to remedies.

The table asks one question, "may the call have been applied?", and never answers "no" without proof. Proof is only
that nothing was sent, or that the app itself refused (a 4xx). A 503 is no proof, with or without Retry-After: what
stands before the app sends it too, when it lost sight of the app half-way through a call.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from syncd.errors import (
    BrokenProtocol,
    ConnectorError,
    InDoubt,
    Rejected,
    Throttled,
    Transient,
    Unauthorised,
    Unavailable,
)
from syncd.sdk.redact import redact

__all__ = ["EXCEPTIONS", "GARBLED", "LOST", "Remedy", "error", "remedy_of", "remedy_of_status", "retry_after"]

_LONGEST_PLEA = 86_400.0
"""A Retry-After beyond a day is taken as a day: then one asks again."""
_LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Remedy:
    """The error that one kind of failure becomes, for a call that only reads and for one that may write."""

    reading: type[ConnectorError]
    writing: type[ConnectorError]
    hint: str = ""


UNSENT = Remedy(Transient, Transient, "nothing was sent; syncd tries again by itself")
LOST = Remedy(Unavailable, InDoubt, "syncd tries again by itself; if it stays, look at the app's status page")
GARBLED = Remedy(BrokenProtocol, InDoubt, "check that the base address is the app's API; if it is, report this")
OURS = Remedy(BrokenProtocol, BrokenProtocol, "check the app's base address in the configuration")
DENIED = Remedy(Unauthorised, Unauthorised, "renew the app's credentials and check their scopes")
BUSY = Remedy(Throttled, Throttled)
REFUSED = Remedy(Rejected, Rejected)
UNREADY = Remedy(Throttled, InDoubt, "syncd tries again by itself when the app's pause is over")

EXCEPTIONS: Mapping[type[Exception], Remedy] = {
    # The connection was never made.
    httpx.ConnectError: UNSENT,
    httpx.ConnectTimeout: UNSENT,
    httpx.PoolTimeout: UNSENT,
    httpx.ProxyError: UNSENT,  # the proxy refused the tunnel
    # Something may have arrived, and no whole answer came back.
    httpx.ReadError: LOST,
    httpx.ReadTimeout: LOST,
    httpx.WriteError: LOST,
    httpx.WriteTimeout: LOST,
    httpx.CloseError: LOST,
    httpx.RemoteProtocolError: LOST,
    httpx.NetworkError: LOST,
    httpx.TimeoutException: LOST,
    httpx.ProtocolError: LOST,
    httpx.TransportError: LOST,
    httpx.RequestError: LOST,
    httpx.HTTPError: LOST,
    # An answer came back that cannot be understood.
    httpx.DecodingError: GARBLED,
    httpx.TooManyRedirects: GARBLED,
    httpx.HTTPStatusError: GARBLED,
    httpx.CookieConflict: GARBLED,
    httpx.StreamError: GARBLED,
    httpx.StreamConsumed: GARBLED,
    httpx.StreamClosed: GARBLED,
    httpx.ResponseNotRead: GARBLED,
    httpx.RequestNotRead: GARBLED,
    # The request could not be put into words, so nothing was sent.
    httpx.InvalidURL: REFUSED,  # an id that no URL can carry
    httpx.LocalProtocolError: OURS,  # an illegal header: h11 checks them before the first byte
    httpx.UnsupportedProtocol: OURS,  # a base address without http:// or https://
}

_STATUSES: Mapping[int, Remedy] = {
    301: OURS,
    307: OURS,
    308: OURS,
    401: DENIED,
    402: DENIED,  # the account is not paid for
    403: DENIED,
    405: OURS,
    406: OURS,
    407: DENIED,
    408: LOST,
    415: OURS,
    423: BUSY,
    425: BUSY,
    429: BUSY,
}


def remedy_of_status(status: int, headers: Mapping[str, str]) -> Remedy:
    """What a status that is neither a success nor expected calls for. `headers` have lower-case names."""
    pleads = "retry-after" in headers
    if 400 <= status < 500 and pleads:
        return BUSY  # whatever the reason, it will pass: some apps send a spent budget as 403
    if status in _STATUSES:
        return _STATUSES[status]
    if 400 <= status < 500:
        return REFUSED
    if status >= 500:
        return UNREADY if status == 503 and pleads else LOST
    return GARBLED


def remedy_of(exception: httpx.HTTPError | httpx.InvalidURL | httpx.CookieConflict | httpx.StreamError) -> Remedy:
    """The row of the nearest class that has one."""
    return next(EXCEPTIONS[kind] for kind in type(exception).__mro__ if kind in EXCEPTIONS)


def error(
    remedy: Remedy,
    what: str,
    *,
    writes: bool,
    status: int = 0,
    body: Any = None,
    wait: float | None = None,
) -> ConnectorError:
    """The error to raise. `what` names the call and what happened; the app's own words are taken from `body`.

    `wait`: seconds, as the app asked for. The text holds no known secret and no control characters.
    """
    kind = remedy.writing if writes else remedy.reading
    words, field = _words(body)
    message = _plain(f"{what}: {words}" if words else what)
    if issubclass(kind, Throttled):
        return kind(message, retry_after=wait, hint=remedy.hint)
    if issubclass(kind, Rejected):
        return kind(message, field=field, code=str(status) if status else "", hint=remedy.hint)
    return kind(message, hint=remedy.hint)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the app asks to wait: from a number of seconds or a date; None where it does not say.

    A date is taken against the app's own `Date` where it sends one, so that a wrong clock on either side does no harm.
    """
    plea = headers.get("retry-after", "").strip()
    if not plea:
        return None
    try:
        seconds = float(plea)
    except ValueError:
        until, asked = _instant(plea), _instant(headers.get("date", ""))
        if until is None:
            return None
        seconds = until - (now if asked is None else asked)
    return min(max(seconds, 0.0), _LONGEST_PLEA) if math.isfinite(seconds) else None


def _instant(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _words(body: Any) -> tuple[str, str | None]:
    """The app's own message, and the field that it blames, from the shapes that error bodies commonly have."""
    match body:
        case str():
            return body, None
        case {"errors": [dict() as first, *_]}:
            inner, field = _words({**first, "errors": None})
            outer = _first(body, "detail", "message", "title")
            return ": ".join(dict.fromkeys(filter(None, (outer, inner)))), field
        case {"error": dict() as inner}:
            return _words(inner)
        case dict():
            words = _first(body, "detail", "message", "error_description", "title", "error", "context")
            return words, _first(body, "field", "property") or None
    return "", None


def _first(body: Mapping[str, Any], *names: str) -> str:
    return next((body[name] for name in names if isinstance(body.get(name), str) and body[name]), "")


def _plain(text: str) -> str:
    """One line, bounded, without secrets: vendors' text ends up in terminals and logs."""
    line = redact("".join(c if c.isprintable() else " " for c in text))
    return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + "…"
