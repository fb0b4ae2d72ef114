"""Whom a client believes to be who they say: the public authorities that come with us, and where it is said, one's own.

The variables SSL_CERT_FILE and SSL_CERT_DIR change nothing: an authority of one's own is believed by the one app, or
the one destination of alerts, that names it, and by no other.
"""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path

import httpx

__all__ = ["doubtful", "trusted"]


def trusted(own: Path | None = None) -> ssl.SSLContext:
    """TLS 1.2 or later, always verified. `own`: a file of authorities (PEM) that are believed beside the public ones.

    Raises OSError for a file that cannot be used; see `doubtful`.
    """
    return _public() if own is None else _with(own)


def doubtful(own: Path) -> str:
    """Why a file of authorities cannot be used; "" if it can."""
    try:
        if own.stat().st_mode & 0o002:
            return f"the file {own.name} may be written by anybody: chmod o-w {own.name}"
        _with(own)
    except ssl.SSLError:
        return f"the file {own.name} has no certificate in it: PEM is expected, -----BEGIN CERTIFICATE-----"
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file is called so"
        return f"the file {own.name or own} cannot be read: {why}"
    return ""


@cache
def _public() -> ssl.SSLContext:
    """One for all clients: to read the list of authorities takes as long as ten calls."""
    return httpx.create_ssl_context(trust_env=False)


def _with(own: Path) -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    context.load_verify_locations(cafile=own)
    return context
