"""What must never be read by a person who looks at logs, errors or support bundles.

Every secret is made known once, where it enters (`conceal`); from then on `redact` takes it out of any text, also in
the forms in which it travels: quoted for a URL, as Basic credentials, escaped in JSON. The registry is one per
process on purpose: a secret of one app must not show in a line about another.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any
from urllib.parse import quote, quote_plus

from pydantic import SecretStr

__all__ = ["MASK", "RedactingFilter", "Secrets", "conceal", "quiet_http_loggers", "redact", "redact_event", "release"]

MASK = "***"
_SHORTEST = 6
"""Shorter secrets are not masked: they would blot out ordinary words, and are no secrets worth the name."""


class Secrets:
    """The secrets known so far. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forms: dict[str, set[str]] = {}
        self._pattern: re.Pattern[str] | None = None

    def conceal(self, secret: str | SecretStr, *, user: str = "") -> None:
        """Make a secret known. `user`: the name it is sent with in Basic credentials."""
        plain = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
        if len(plain) < _SHORTEST:
            return
        with self._lock:
            self._forms.setdefault(plain, set()).update(_forms(plain, user))
            self._compile()

    def release(self, secret: str) -> None:
        """Forget a secret that is good for nothing any more: tokens that live for minutes would pile up for years."""
        with self._lock:
            if self._forms.pop(secret, None):
                self._compile()

    def _compile(self) -> None:
        # Longest first: a secret that begins with another must be masked whole.
        forms = sorted(set().union(*self._forms.values()), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, forms))) if forms else None

    def redact(self, text: str) -> str:
        """The text with every known secret, in every known form, replaced by `***`."""
        pattern = self._pattern
        return pattern.sub(MASK, text) if pattern is not None else text


def _forms(plain: str, user: str) -> Iterator[str]:
    yield plain
    yield quote(plain, safe="")
    yield quote(plain)
    yield quote_plus(plain)
    yield json.dumps(plain)[1:-1]
    for credentials in {f"{user}:{plain}", f"{plain}:"}:
        encoded = base64.b64encode(credentials.encode()).decode()
        yield encoded
        yield quote(encoded, safe="")
    yield base64.b64encode(plain.encode()).decode()


_KNOWN = Secrets()
conceal = _KNOWN.conceal
release = _KNOWN.release
redact = _KNOWN.redact


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: no known secret leaves in any key or value. Place it after `format_exc_info`."""
    for key in list(event):
        event[key] = _clean(event[key])
    return event


def _clean(value: Any) -> Any:
    """The value without secrets; containers are walked, and an odd object is shown by its cleaned repr if need be."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return redact(value)
        case bytes():
            return redact(value.decode("utf-8", "replace"))
        case Mapping():
            return {_clean(key): _clean(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_clean(item) for item in value]
        case BaseException():
            return redact(f"{type(value).__name__}: {value}")
    shown = repr(value)
    cleaned = redact(shown)
    return value if cleaned == shown else cleaned


class RedactingFilter(logging.Filter):
    """For handlers of the standard library's logging: the finished message, traceback and stack without secrets."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean the record in place; always lets it pass."""
        record.msg = redact(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True


def quiet_http_loggers() -> None:
    """Keep the HTTP libraries from logging full URLs and headers, also when the root logger is set to DEBUG."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
