"""A connection that does not come to the point is ended, so that nobody keeps the door shut by saying nothing.

The server counts connections and turns callers away above a number. Without a limit in time, as many idle connections,
or as many that send a header a minute, would turn everybody away for good.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["ASKING", "Prompt"]

ASKING: Final = 5.0
"""Seconds that a caller has to send the whole head of a request."""


class Prompt(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it; who has not asked for anything within `ASKING` seconds is cut off."""

    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody is there: they have so long to ask for something."""
        super().connection_made(transport)
        self._due = self.loop.call_later(ASKING, transport.close)

    def data_received(self, data: bytes) -> None:
        """Let the time run on until a whole request has been understood."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._at_ease()

    def on_response_complete(self) -> None:
        """The next request of the same connection has as long."""
        self._at_ease()
        self._due = self.loop.call_later(ASKING, self.transport.close)
        super().on_response_complete()
        if self.cycle is not None and not self.cycle.response_complete:  # it was there already
            self._at_ease()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for any more."""
        self._at_ease()
        super().connection_lost(exc)

    def _at_ease(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
