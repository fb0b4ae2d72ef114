"""A real account in the place of a twin, so that the suite can be run on it: a test account, and nothing else.

The app is real, what people do there is done by its API, and the faults are what the twins' ground makes of every call
on its way there. What cannot be had on a real account, such as tomorrow, a class names in `Ground.impossible`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from syncd.testing.twin import Call, Setup, Twin, answer, call_of

__all__ = ["Account", "WallTurned"]


class WallTurned:
    """A clock that nobody can turn: who tries waits, but never longer than `step` seconds.

    `step`: seconds after which the app gives two changes different times.
    """

    def __init__(self, step: float) -> None:
        self._step = step

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait, as long as is bearable in a test."""
        time.sleep(max(0.0, min(seconds, 1.0)))

    def turn(self, seconds: float) -> None:
        """Wait until a change would bear another time."""
        time.sleep(max(0.0, min(seconds, self._step)))


class Account(Twin):
    """One real account. A subclass gives it people, as a twin has them, and says how the app refuses a stranger."""

    def __init__(self, setup: Setup, transport: Callable[[], httpx.BaseTransport] = httpx.HTTPTransport) -> None:
        super().__init__(setup)
        self._wire = transport()

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Carry one call to the account and back, through whatever faults there are."""
        call = call_of(request)
        key = f"{call.method} {call.path}"
        self.calls[key] = self.calls.get(key, 0) + 1
        return self.faulty(call, request, lambda: self.unseen(request) if self.faults.blind else self.carried(request))

    def refuses(self, call: Call) -> httpx.Response | None:
        """The app's answer to a token that it does not know any more, where the faults say so."""
        return self.stranger(call) if self.faults.revoked else None

    def stranger(self, call: Call) -> httpx.Response:
        """What the app answers somebody whom it does not know."""
        return answer(401, {"message": f"who are you, to ask for {call.path}?"})

    def unseen(self, request: httpx.Request) -> httpx.Response:
        """What the app answers somebody who may see nothing, to a read and to a listing."""
        return answer(404, {"message": f"no {request.url.path}"})

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def carried(self, request: httpx.Request) -> httpx.Response:
        """The account's own answer."""
        response = self._wire.handle_request(request)
        try:
            body = b"".join(response.iter_bytes())
        finally:
            response.close()
        headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _FRAMING]
        return httpx.Response(response.status_code, headers=headers, content=body)


_FRAMING = frozenset({b"content-length", b"content-encoding", b"transfer-encoding", b"connection"})
