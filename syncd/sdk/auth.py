"""How an app is shown who is calling: `httpx.Auth` classes that keep their secrets to themselves.

Every secret that passes through here is made known to `syncd.sdk.redact`, and no repr shows one.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx
from pydantic import SecretStr

from syncd.errors import BrokenProtocol, InDoubt, Rejected, Transient, Unauthorised
from syncd.sdk.contract import Clock, Vault
from syncd.sdk.http import Http
from syncd.sdk.redact import conceal, release

__all__ = ["Basic", "Bearer", "HeaderKey", "Minted", "OAuth2Refresh"]

Flow = Generator[httpx.Request, httpx.Response, None]


class HeaderKey(httpx.Auth):
    """A fixed key in a header of the app's own: `HeaderKey("X-Api-Key", key)`."""

    def __init__(self, header: str, key: SecretStr, *, prefix: str = "") -> None:
        conceal(key)
        self._header = header
        self._key = key
        self._prefix = prefix

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._header!r}, ***)"

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Add the header."""
        request.headers[self._header] = self._prefix + self._key.get_secret_value()
        yield request


class Bearer(HeaderKey):
    """A fixed token: `Authorization: Bearer …`."""

    def __init__(self, token: SecretStr) -> None:
        super().__init__("Authorization", token, prefix="Bearer ")


class Basic(httpx.Auth):
    """A name and a password, or a key as password under any name."""

    def __init__(self, user: str, password: SecretStr) -> None:
        conceal(password, user=user)
        self._user = user
        self._inner = httpx.BasicAuth(user, password.get_secret_value())

    def __repr__(self) -> str:
        return f"Basic({self._user!r}, ***)"

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Add the header."""
        yield from self._inner.auth_flow(request)


class Minted(httpx.Auth):
    """A header value made anew for every request, such as a token that is signed here and lives for minutes.

    `mint` returns the whole value (`"Ghost eyJ…"`). It reads time from the connector's clock, not from the machine.
    """

    def __init__(self, mint: Callable[[], str], *, header: str = "Authorization") -> None:
        self._mint = mint
        self._header = header

    def __repr__(self) -> str:
        return f"Minted({self._header!r}, ***)"

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Add the header."""
        request.headers[self._header] = self._mint()
        yield request


@dataclass(frozen=True, slots=True)
class _Grant:
    """What the app granted last. `seed` tells from which configured refresh token it descends."""

    seed: str
    refresh: str = field(repr=False)
    access: str = field(default="", repr=False)
    expires_at: float = 0.0


class OAuth2Refresh(httpx.Auth):
    """OAuth 2 by refresh token (RFC 6749, section 6), for apps that rotate the refresh token and for those that do not.

    The access token is renewed by the clock, a little before it runs out, and once more if the app refuses it early.
    One thread renews while the others wait. What the app grants is durable in the vault before it is first used:
    after a rotation the old token is dead, and a crash must not take the new one with it. A refresh token that is
    newly configured takes the place of whatever the vault holds.

    Raises, from within a call: Unauthorised where the app refuses the refresh token; Transient where the refresh got
    no answer (the call itself was not sent then); whatever else `Http.call` raises.
    """

    KEY = "oauth2"
    """The name in the vault."""

    def __init__(
        self,
        http: Http,
        token_path: str,
        *,
        client_id: str,
        client_secret: SecretStr,
        refresh_token: SecretStr,
        vault: Vault,
        clock: Clock,
        early: float = 120.0,
    ) -> None:
        """`http` speaks to the app's token endpoint, without auth. `early`: seconds before a token ends."""
        conceal(client_secret, user=client_id)
        conceal(refresh_token)
        self._http = http
        self._token_path = token_path
        self._client_id = client_id
        self._client_secret = client_secret
        self._configured = refresh_token
        self._vault = vault
        self._clock = clock
        self._early = early
        self._lock = threading.Lock()
        self._grant: _Grant | None = None
        self._owed: _Grant | None = None
        self._replaced: _Grant | None = None

    def __repr__(self) -> str:
        return f"OAuth2Refresh({self._token_path!r}, client_id={self._client_id!r}, ***)"

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Add a token that is good; if the app refuses it all the same, renew it once and ask again."""
        token = self._token(refused="")
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:  # nothing was applied: a write may go again
            request.headers["Authorization"] = f"Bearer {self._token(refused=token)}"
            yield request

    def _token(self, *, refused: str) -> str:
        """An access token that is good for a while, and is not the one just refused."""
        with self._lock:
            if self._owed is not None:
                self._keep(self._owed)
            grant = self._grant or self._kept()
            if self._spent(grant, refused):
                grant = self._kept()  # another process on the same vault may have renewed it
            if self._spent(grant, refused):
                grant = self._renewed(grant)
            self._grant = grant
            return grant.access

    def _spent(self, grant: _Grant, refused: str) -> bool:
        return not grant.access or grant.access == refused or self._clock.now() >= grant.expires_at - self._early

    def _keep(self, grant: _Grant) -> None:
        """Make a grant durable. Where that fails it is still owed: the app has forgotten the one before."""
        self._owed = grant
        self._vault.put(self.KEY, json.dumps(asdict(grant)))
        self._grant, self._owed = grant, None

    def _kept(self) -> _Grant:
        configured = self._configured.get_secret_value()
        seed = hashlib.sha256(configured.encode()).hexdigest()
        kept = self._vault.get(self.KEY)
        if kept is not None:
            grant = _Grant(**json.loads(kept))
            conceal(grant.refresh)
            conceal(grant.access)
            if grant.seed == seed:
                return grant
        return _Grant(seed, configured)

    def _renewed(self, old: _Grant) -> _Grant:
        try:
            answer = self._http.call(
                "POST",
                self._token_path,
                form={
                    "grant_type": "refresh_token",
                    "refresh_token": old.refresh,
                    "client_id": self._client_id,
                    "client_secret": self._client_secret.get_secret_value(),
                },
            )
        except Rejected as refused:
            kept = self._kept()
            if kept.refresh != old.refresh and not self._spent(kept, old.access):
                return kept  # another process was faster
            raise Unauthorised(
                f"the app no longer takes the refresh token: {refused.message}", hint="authorise the app again"
            ) from refused
        except InDoubt as lost:
            raise Transient(f"the access token could not be renewed: {lost.message}") from lost
        grant = _read(answer.json, old, self._clock.now())
        conceal(grant.refresh)
        conceal(grant.access)
        self._keep(grant)
        self._retire(old, grant)
        return grant

    def _retire(self, old: _Grant, new: _Grant) -> None:
        """Let go of the grant before the one just replaced, which other threads may still be sending."""
        if self._replaced is not None:
            in_use = {self._configured.get_secret_value(), old.access, old.refresh, new.access, new.refresh}
            for secret in {self._replaced.access, self._replaced.refresh} - in_use:
                release(secret)
        self._replaced = old


def _read(body: Any, old: _Grant, now: float) -> _Grant:
    """The grant in a token answer (RFC 6749, section 5.1). Without `expires_in` it is taken as good for an hour."""
    match body:
        case {"access_token": str(access)} if access:
            rotated, life = body.get("refresh_token"), body.get("expires_in")
            return _Grant(
                seed=old.seed,
                refresh=rotated if isinstance(rotated, str) and rotated else old.refresh,
                access=access,
                expires_at=now + (life if isinstance(life, int | float) else 3600),
            )
    raise BrokenProtocol("the app's token endpoint answered without an access token")
