"""What makes a Ledger lively: people who type at a steady pace, webhooks about it, and a limit on calls."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import orjson

__all__ = ["SECRET", "Office", "signed"]

SECRET: Final = "ledger-signs"  # noqa: S105 - of an app that does not exist
_MARK: Final = "typed "


def signed(body: bytes) -> str:
    """The signature of a webhook's body."""
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


class Office:
    """The clock of one Ledger: when something was typed, when it came from elsewhere, when it was called."""

    def __init__(self) -> None:
        self.typed: dict[str, float] = {}
        self.came: dict[str, float] = {}
        self.called: list[float] = []
        self.refused = 0
        self.told: Counter[str] = Counter()
        """Webhooks by the answer they got."""
        self._recent: deque[float] = deque()
        self._limit: tuple[int, float] | None = None
        self._busy: set[asyncio.Task[None]] = set()

    def limit(self, calls: int, seconds: float) -> Mapping[str, Any]:
        """Take no more than so many calls in any window of so many seconds."""
        self._limit = (calls, seconds)
        return {}

    def lets_in(self) -> bool:
        """Count a call; False for one too many."""
        if self._limit is None:
            return True
        calls, seconds = self._limit
        now = time.monotonic()
        while self._recent and self._recent[0] <= now - seconds:
            self._recent.popleft()
        if len(self._recent) >= calls:
            self.refused += 1
            return False
        self._recent.append(now)
        self.called.append(now)
        return True

    def arrived(self, fields: Mapping[str, Any]) -> None:
        """Somebody else's client wrote this."""
        title = str(fields.get("title", ""))
        if title.startswith(_MARK):
            self.came.setdefault(title, time.time())

    def busy(
        self, ids: list[str], edit: Callable[[str, str], None], rate: float, seconds: float, hooks: str
    ) -> Mapping[str, Any]:
        """Begin to type, `rate` times a second; each edit is told to `hooks` at once."""
        task = asyncio.get_running_loop().create_task(self._type(ids, edit, rate, round(rate * seconds), hooks))
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)
        return {}

    def seen(self) -> Mapping[str, Any]:
        """What the clock shows; then it begins anew."""
        told = {
            "typed": self.typed, "came": self.came, "called": self.called, "refused": self.refused, "told": self.told,
        }  # fmt: skip
        self.typed, self.came, self.called, self.refused, self.told = {}, {}, [], 0, Counter()
        return told

    async def _type(
        self, ids: list[str], edit: Callable[[str, str], None], rate: float, count: int, hooks: str
    ) -> None:
        loop = asyncio.get_running_loop()
        began, run = loop.time(), f"{time.time():.0f}"
        async with httpx.AsyncClient(timeout=30) as client:
            telling = set[asyncio.Task[None]]()
            for number in range(count):
                await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
                id, mark = ids[(number * 7919) % len(ids)], f"{_MARK}{run} {number}"
                edit(id, mark)
                self.typed[mark] = time.time()
                task = loop.create_task(self._tell(client, hooks, id, number))
                telling.add(task)
                task.add_done_callback(telling.discard)
            await asyncio.gather(*telling)

    async def _tell(self, client: httpx.AsyncClient, hooks: str, id: str, number: int) -> None:
        body = orjson.dumps({"ids": [id], "number": number})
        try:
            answer = await client.post(hooks, content=body, headers={"x-ledger-signature": signed(body)})
            self.told[str(answer.status_code)] += 1
        except httpx.HTTPError as lost:
            self.told[type(lost).__name__] += 1
