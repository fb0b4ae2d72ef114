"""The one HTTP client that every connector speaks through.

It keeps the app's pace, puts a bound on everything that comes back, follows no redirect, and turns every failure into
a remedy of `syncd.errors` by the table in `syncd.sdk.verdicts`. It repeats a call by itself only where that is safe:
nothing was sent, the app said "later", or the call only reads. Everything slower or less certain is the engine's.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any, Final, NoReturn

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception

from syncd.errors import Rejected, Throttled, Transient, Unavailable
from syncd.sdk.contract import Clock
from syncd.sdk.pace import Gate, Left
from syncd.sdk.pages import same_origin
from syncd.sdk.reach import OutOfReach, Reach, beyond, judged
from syncd.sdk.redact import quiet_http_loggers, redact
from syncd.sdk.spans import SILENT, Spans
from syncd.sdk.trust import trusted
from syncd.sdk.verdicts import GARBLED, LOST, Remedy, error, remedy_of, remedy_of_status, retry_after
from syncd.sdk.wording import parsed, text_of

__all__ = ["Answer", "Http", "Limits", "open_client"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the app said: status, headers (lower-case names), parsed JSON (None where there is none)."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    json: Any = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of one call. Times in seconds."""

    timeout: float = 30.0
    """For one exchange, from sending to the last byte. Between two bytes of the headers no more than this again."""
    connect: float = 5.0
    body: int = 16 * 1024 * 1024
    """Bytes of an answer, unpacked."""
    tries: int = 3
    patience: float = 30.0
    """All waiting between the tries of one call."""


def open_client(
    *, connections: int = 4, transport: httpx.BaseTransport | None = None, authorities: Path | None = None
) -> httpx.Client:
    """A connection pool for one account: TLS verified, no redirects, no cookies kept, nothing logged.

    `transport`: a twin's, instead of the network. `authorities`: a file of those it believes beside the public ones.
    """
    quiet_http_loggers()
    return httpx.Client(
        transport=transport,
        verify=trusted(authorities),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": "syncd", "Accept": "application/json", "Accept-Encoding": "gzip"},
    )


Rates = Callable[[Mapping[str, str]], Iterable[Left]]
"""Reads a vendor's rate headers (lower-case names)."""


def _no_rates(_headers: Mapping[str, str]) -> Iterable[Left]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """A call as the connector asked for it."""

    method: str
    url: str
    shown: str
    params: Mapping[str, Any]
    json: Any
    form: Mapping[str, Any] | None
    content: str | None
    text: bool
    headers: Mapping[str, str]
    writes: bool
    bucket: str
    expect: Collection[int]
    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What all views of one app's client have in common."""

    client: httpx.Client
    app: str
    clock: Clock
    gate: Gate
    log: Any
    limits: Limits
    chance: random.Random
    reach: Reach
    spans: Spans


class Http:
    """One app's client: base address, auth, pace, caps, retries of what is safe, errors as remedies."""

    def __init__(
        self,
        client: httpx.Client,
        *,
        app: str,
        clock: Clock,
        gate: Gate,
        log: Any,
        base_url: str = "",
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        rates: Rates = _no_rates,
        chance: random.Random | None = None,
        reach: Reach = beyond,
        spans: Spans = SILENT,
    ) -> None:
        """`log` is a structlog logger; `chance` spreads retries, and is seeded by the app's name if not given.

        `reach` says to which machines nothing may be said; `spans` is told of each exchange.
        """
        self._shared = _Shared(
            client=client,
            app=app,
            clock=clock,
            gate=gate,
            log=log,
            limits=limits or Limits(),
            chance=chance or random.Random(app),
            reach=reach,
            spans=spans,
        )
        self._base_url = base_url.rstrip("/")
        self._auth = auth
        self._headers = dict(headers or {})
        self._rates = rates

    def __repr__(self) -> str:
        return f"Http(app={self._shared.app!r}, base_url={redact(self._base_url)!r})"

    def at(
        self,
        base_url: str,
        *,
        auth: httpx.Auth | None = None,
        headers: Mapping[str, str] | None = None,
        rates: Rates | None = None,
    ) -> Http:
        """The same client (same pool, same limiter), speaking to `base_url` with `auth`.

        `rates` reads what the vendor's headers say of its budget; the limiter heeds it.
        """
        shared = self._shared
        return Http(
            shared.client,
            app=shared.app,
            clock=shared.clock,
            gate=shared.gate,
            log=shared.log,
            base_url=base_url,
            auth=auth,
            headers=headers,
            limits=shared.limits,
            rates=rates or self._rates,
            chance=shared.chance,
            reach=shared.reach,
            spans=shared.spans,
        )

    def close(self) -> None:
        """Close the connection pool, for every view of it."""
        self._shared.client.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        content: str | None = None,
        text: bool = False,
        headers: Mapping[str, str] | None = None,
        writes: bool | None = None,
        bucket: str = "",
        expect: Collection[int] = (),
        timeout: float | None = None,
    ) -> Answer:
        """Make one call.

        `writes` says whether the call can change anything at the app (default: method is not GET or HEAD); say False
        for a search by POST. A status in `expect`, and every 2xx, is returned; any other raises the remedy.
        `bucket` names the quota that this call counts against, beside the account's own. `path` is relative to the
        base address, or a full URL of the same origin (a next-page link). Parameters that are None are left out.
        `timeout`: seconds for one exchange, instead of the usual limit. `content` is a body that is neither JSON nor a
        form; name its type in `headers`. `text`: the app answers in something else than JSON, which `Answer.text` has.

        Raises: Transient (not sent), Throttled, Unavailable (reads), InDoubt (writes), Rejected (`code` is the
        status), Unauthorised, BrokenProtocol.
        """
        call = _Call(
            method=method,
            url=self._url(path),
            shown=f"{self._shared.app}: {method} {path.partition('?')[0]}",
            params={name: value for name, value in (params or {}).items() if value is not None},
            json=json,
            form=form,
            content=content,
            text=text,
            headers={**self._headers, **(headers or {})},
            writes=method.upper() not in {"GET", "HEAD"} if writes is None else writes,
            bucket=bucket,
            expect=expect,
            timeout=timeout or self._shared.limits.timeout,
        )
        limits, chance = self._shared.limits, self._shared.chance
        retrying = Retrying(
            retry=retry_if_exception(lambda failure: _may_repeat(failure, call)),
            stop=lambda state: (
                state.attempt_number >= limits.tries or state.idle_for + state.upcoming_sleep > limits.patience
            ),
            wait=lambda state: _pause(state, chance),
            sleep=self._shared.clock.sleep,
            reraise=True,
        )
        return retrying(self._exchange, call)

    def _url(self, path: str) -> str:
        if path.startswith(("http://", "https://")):
            return same_origin(path, self._base_url)
        if _DOTS.search(path.partition("?")[0]):
            # The URL would be shortened to that of another resource; ids come from outside.
            raise Rejected(f"{self._shared.app}: an id that is a dot segment names no record", code="404")
        return f"{self._base_url}/{path.lstrip('/')}"

    def _exchange(self, call: _Call) -> Answer:
        """One try: wait for a turn, send, read, judge."""
        shared = self._shared
        request = self._request(call)
        host = request.url.host
        with (
            shared.gate.turn(call.bucket),
            shared.spans.span(request.method, "client", app=shared.app, method=request.method, host=host) as span,
        ):
            started = shared.clock.now()
            try:
                response = shared.client.send(request, auth=self._auth, stream=True)
                with closing(response):
                    body = self._body(call, response, started)
            except _HTTPX as failure:
                shared.log.info("call failed", app=shared.app, call=redact(call.shown), error=type(failure).__name__)
                where = f" to reach {request.url.netloc.decode()}" if isinstance(failure, _UNMET) else ""
                why = str(failure) if isinstance(failure, OutOfReach) else type(failure).__name__
                what = f"{call.shown} failed{where} ({why})"
                raise error(remedy_of(failure), what, writes=call.writes) from failure
            span.note(status=response.status_code)
            shared.log.debug(
                "called",
                app=shared.app,
                call=redact(call.shown),
                status=response.status_code,
                seconds=round(shared.clock.now() - started, 3),
            )
            return self._judge(call, response, body)

    def _request(self, call: _Call) -> httpx.Request:
        limits = self._shared.limits
        try:
            url = httpx.URL(call.url).copy_merge_params(call.params) if call.params else httpx.URL(call.url)
            return self._shared.client.build_request(
                call.method,
                url,
                json=call.json,
                data=dict(call.form) if call.form is not None else None,
                content=call.content,
                headers=call.headers,
                timeout=httpx.Timeout(call.timeout, connect=min(limits.connect, call.timeout)),
                extensions={"trace": judged(url, self._shared.reach)},
            )
        except (ValueError, httpx.InvalidURL) as unsayable:
            # A lone surrogate, NaN, or a control character in an id. The cause may quote the value: not chained.
            what = f"{call.shown} cannot be put into a request ({type(unsayable).__name__})"
            raise error(_UNSAYABLE, what, writes=call.writes) from None

    def _body(self, call: _Call, response: httpx.Response, started: float) -> bytes:
        limits, clock = self._shared.limits, self._shared.clock
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            chunks.append(chunk)
            if size > limits.body:
                _fail(call, GARBLED, f"answered with more than {limits.body} bytes")
            if clock.now() - started > call.timeout:
                _fail(call, LOST, f"took longer than {call.timeout:g} s")
        return b"".join(chunks)

    def _judge(self, call: _Call, response: httpx.Response, body: bytes) -> Answer:
        """The answer, if it is one the caller can use; else the remedy."""
        gate, now = self._shared.gate, self._shared.clock.now()
        headers = {name.lower(): value for name, value in response.headers.items()}
        for left in self._rates(headers):
            gate.heed(left)
        status = response.status_code
        answer = Answer(status, headers, None, text_of(body))
        welcome = 200 <= status < 300 or status in call.expect
        try:
            answer = answer if call.text else replace(answer, json=parsed(body))
        except (ValueError, RecursionError):
            if 200 <= status < 300:
                _fail(call, GARBLED, f"answered {status} with something that is not JSON")
        wait = retry_after(headers, now) if status >= 400 else None
        if wait is not None or status == 429:
            gate.pause(_BREATH if wait is None else wait, call.bucket)
        if welcome:
            return answer
        raise error(
            remedy_of_status(status, headers),
            f"{call.shown} answered {status}",
            writes=call.writes,
            status=status,
            body=answer.json,
            wait=wait,
        )


_UNMET: Final = (httpx.ConnectError, httpx.ConnectTimeout)
_HTTPX: Final = (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError)
_UNSAYABLE: Final = Remedy(Rejected, Rejected, "the record holds a value that cannot be sent: correct it in its app")
_DOTS: Final = re.compile(r"(^|/)\.{1,2}(/|$)")
_BREATH: Final = 1.0
"""Seconds to hold still after a 429 that names none."""


def _may_repeat(failure: BaseException, call: _Call) -> bool:
    """Not applied for certain, or nothing to apply."""
    return isinstance(failure, Transient) or (isinstance(failure, Unavailable) and not call.writes)


def _pause(state: RetryCallState, chance: random.Random) -> float:
    """What the app asked for and a little more, or else 0.5 to 1 s, doubling."""
    failure = state.outcome.exception() if state.outcome is not None else None
    if isinstance(failure, Throttled) and failure.retry_after is not None:
        return failure.retry_after + 0.25 * chance.random()
    return float(2 ** (state.attempt_number - 1)) * (0.5 + 0.5 * chance.random())


def _fail(call: _Call, remedy: Remedy, what: str) -> NoReturn:
    raise error(remedy, f"{call.shown} {what}", writes=call.writes)
