"""Being let in by an account's owner, by OAuth 2: a code that comes back to this machine, changed for a refresh token.

As RFC 8252 has it for programs: the owner's browser is sent back to a port of this machine, and to no other address;
`state` ties what comes back to what was asked, PKCE the code to who asked. The refresh token goes into the private file
that the configuration names, and is on the disk before anything uses it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import structlog
from pydantic import ValidationError

from syncd import plugins
from syncd import secrets as references
from syncd.accounts import AppTable, unpinned
from syncd.console.private import keep_secret
from syncd.errors import BrokenProtocol, ConfigError, Halted, Unauthorised
from syncd.explain import explain
from syncd.sdk.clock import WallClock
from syncd.sdk.contract import Grant, Plugin
from syncd.sdk.http import Http, open_client
from syncd.sdk.pace import Gate
from syncd.sdk.reach import abroad, beyond
from syncd.sdk.redact import conceal
from syncd.toml import Document

__all__ = ["PATIENCE", "Granted", "Request", "asked", "authorise"]

PATIENCE: Final = 300.0
"""Seconds that the owner has to say yes."""
_PATH: Final = "/granted"
_SETTING: Final = "refresh_token"
_OWN: Final = ("connector", "package", "read_only", "allow_host", "authorities")
_KEEP: Final = 'say refresh_token = { file = "path" }: the grant is kept there'


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """That access was granted. `file`: where the refresh token is."""

    app: str
    file: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one account is asked for."""

    app: str
    plugin: Plugin
    grant: Grant
    base_url: str
    anywhere: bool
    """Whether the credentials may go where the vendor is not."""
    authorities: Path | None
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...]
    file: Path


def asked(document: Document, app: str) -> Request:
    """What to ask for, by the configuration as it stands before there is a grant. Raises ConfigError."""
    key = ("apps", app)
    table = document.data.get("apps", {}).get(app)
    if not isinstance(table, Mapping):
        raise ConfigError([document.places.problem(("apps",), f'there is no app "{app}"')])
    try:
        own = AppTable.model_validate({name: table[name] for name in _OWN if name in table})
    except ValidationError as error:
        raise ConfigError([*explain(error, AppTable, document.places, key)]) from error
    if strange := unpinned(own):
        raise ConfigError([document.places.problem((*key, "package"), *strange)])
    plugin = plugins.load(own.connector)
    if plugin.grant is None:
        raise ConfigError([document.places.problem(key, f"{plugin.title} is reached by a key, not by OAuth")])
    kept = table.get(_SETTING)
    if not isinstance(kept, Mapping) or not isinstance(kept.get("file"), str):
        raise ConfigError([document.places.problem((*key, _SETTING), "names no file", _KEEP)])
    base_url = str(table.get("base_url", "")) or plugin.base_url
    misplaced = references.unusable(base_url) or references.misplaced(base_url, plugin)
    if misplaced and not own.allow_host:
        raise ConfigError([document.places.problem((*key, "base_url"), *misplaced)])
    folder = document.path.parent
    return Request(
        app=app,
        plugin=plugin,
        grant=plugin.grant,
        base_url=base_url,
        anywhere=own.allow_host or references.near(base_url),
        authorities=folder / own.authorities if own.authorities else None,
        client_id=_given(document, (*key, "client_id"), table.get("client_id"), folder),
        client_secret=_given(document, (*key, "client_secret"), table.get("client_secret"), folder, secret=True),
        scopes=_scopes(plugin.grant, _objects(document, app), writes=not own.read_only),
        file=folder / kept["file"],
    )


def _given(document: Document, key: tuple[str, ...], value: Any, folder: Path, *, secret: bool = False) -> str:
    if isinstance(value, Mapping):
        try:
            return references.resolve(value, folder)
        except ValueError as error:
            raise ConfigError([document.places.problem(key, str(error))]) from error
    if not isinstance(value, str) or not value or secret:
        hint = f'say {key[-1]} = {{ env = "VARIABLE" }}'
        raise ConfigError([document.places.problem(key, "is missing, or no reference", hint)])
    return value


def _objects(document: Document, app: str) -> Sequence[str]:
    """What the syncs keep in this app."""
    syncs = document.data.get("syncs", {})
    tables = [sync.get("apps") for sync in syncs.values()] if isinstance(syncs, Mapping) else []
    return [str(apps[app]) for apps in tables if isinstance(apps, Mapping) and app in apps]


def _scopes(grant: Grant, objects: Sequence[str], *, writes: bool) -> tuple[str, ...]:
    """The least that is needed: of what is kept the same, and to write only where that is done."""
    wanted = ("", *(objects or grant.scopes))
    found = [scope for one in wanted for scope in grant.scopes.get(one, ())]
    found += [scope for one in wanted for scope in grant.writes.get(one, ()) if writes]
    return tuple(dict.fromkeys(found))


def authorise(
    request: Request,
    tell: Callable[[str], None],
    *,
    port: int,
    patience: float = PATIENCE,
    transport: httpx.BaseTransport | None = None,
) -> Granted:
    """Have the owner asked, and keep the refresh token. `tell` is given the address that a browser is to open.

    `transport`: a simulated vendor, instead of the network. Raises ConfigError where the port is taken or the file
    cannot be written, Halted where nobody said yes in time, Unauthorised where somebody said no, and what `Http.call`
    raises.
    """
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    conceal(verifier)
    conceal(request.client_secret)
    with closing(_Door(port, state)) as door:
        tell(_page(request, door.address, state, verifier))
        code = door.wait(patience)
    conceal(code)
    body = _changed(request, code, verifier, door.address, transport)
    match body:
        case {"refresh_token": str(token)} if token:
            conceal(token)
            keep_secret(token, request.file)
            return Granted(app=request.app, file=str(request.file), scopes=request.scopes)
    raise BrokenProtocol(f"{request.app}: the token endpoint answered without a refresh token")


def _page(request: Request, redirect: str, state: str, verifier: str) -> str:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = {
        "response_type": "code",
        "client_id": request.client_id,
        "redirect_uri": redirect,
        "scope": " ".join(request.scopes),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{request.grant.page}?{urlencode(query)}"


def _changed(request: Request, code: str, verifier: str, redirect: str, transport: httpx.BaseTransport | None) -> Any:
    """The code changed for tokens: once, since a code that comes again is refused."""
    clock = WallClock()
    with closing(open_client(connections=1, transport=transport, authorities=request.authorities)) as client:
        http = Http(
            client,
            app=request.app,
            clock=clock,
            gate=Gate(clock=clock),
            log=structlog.get_logger(),
            base_url=request.base_url,
            reach=beyond if request.anywhere else abroad,
        )
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "client_id": request.client_id,
            "client_secret": request.client_secret,
            "code_verifier": verifier,
        }
        return http.call("POST", request.grant.token_path, form=form).json


class _Door(HTTPServer):
    """Where the owner's browser comes back to: this machine, one path, and only with the right `state`."""

    def __init__(self, port: int, state: str) -> None:
        self.state = state
        self.code = ""
        self.refusal = ""
        try:
            super().__init__(("127.0.0.1", port), _Back)
        except OSError as error:
            told = f"127.0.0.1:{port} cannot be listened on: {error.strerror}"
            raise ConfigError(told, hint="name another with --port, and register it with the app") from error
        self.address = f"http://localhost:{self.server_address[1]}{_PATH}"

    def close(self) -> None:
        """Let nobody in any more."""
        self.server_close()

    def wait(self, patience: float) -> str:
        """The code. Raises Halted if none has come in time, and Unauthorised if the owner said no."""
        until = time.monotonic() + patience
        while (left := until - time.monotonic()) > 0 and not (self.code or self.refusal):
            self.timeout = left
            self.handle_request()
        if self.refusal:
            raise Unauthorised(f"access was not granted: {self.refusal}", hint="say it again once the owner agrees")
        if not self.code:
            raise Halted(f"nobody granted access within {patience:.0f} s", hint="say it again")
        return self.code


class _Back(BaseHTTPRequestHandler):
    """One call of a browser."""

    server: _Door
    timeout = 5  # whoever connects and says nothing keeps nobody else waiting for longer

    def do_GET(self) -> None:
        """Take the code, if it is the answer to what was asked."""
        asked = urlsplit(self.path)
        given = {name: values[-1] for name, values in parse_qs(asked.query).items()}
        here = self.headers.get("Host", "") == urlsplit(self.server.address).netloc
        if not here or asked.path != _PATH or not hmac.compare_digest(given.get("state", "").encode(), self._state()):
            self._say(400, "This is not the answer to what was asked. Nothing was done.")
        elif error := given.get("error"):
            self.server.refusal = error[:100]
            self._say(200, "Access was not granted. You may close this page.")
        elif code := given.get("code"):
            self.server.code = code
            self._say(200, "Access is granted. You may close this page.")
        else:
            self._say(400, "There is no code in this answer. Nothing was done.")

    def _state(self) -> bytes:
        return self.server.state.encode()

    def _say(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        headers = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body))}
        headers |= {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the address holds the code."""
