"""Eight callers of a webhook door, each from an address of its own, as fast as they are answered.

`python -m benchmarks.calling URL SECONDS IDS` prints whom the accepted calls were about. A call that was not answered
was not accepted; the caller goes on as soon as somebody listens again. It speaks HTTP by hand: a client library would
take more of the machine than the door.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import count
from urllib.parse import urlsplit

from benchmarks.office import signed

__all__ = ["call"]

_CALLERS = 8


async def call(url: str, seconds: float, ids: int) -> tuple[list[str], dict[str, int]]:
    """Whom the accepted calls were about, and the calls by their answer."""
    accepted: list[str] = []
    answers: dict[str, int] = {}
    numbers = count()
    until = time.monotonic() + seconds
    await asyncio.gather(
        *(_caller(f"127.0.0.{2 + at}", url, until, ids, numbers, accepted, answers) for at in range(_CALLERS))
    )
    return accepted, answers


async def _caller(
    source: str, url: str, until: float, ids: int, numbers: Iterator[int], accepted: list[str], answers: dict[str, int]
) -> None:
    at = urlsplit(url)
    line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    while time.monotonic() < until:
        number = next(numbers)
        id = f"r{1 + number % ids}"
        body = json.dumps({"ids": [id], "number": number}).encode()
        head = (
            f"POST {at.path} HTTP/1.1\r\nhost: {at.netloc}\r\nx-ledger-signature: {signed(body)}\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        try:
            reader, writer = line or await asyncio.open_connection(at.hostname, at.port, local_addr=(source, 0))
            line = (reader, writer)
            writer.write(head.encode() + body)
            said = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            await reader.readexactly(int(said.partition("content-length: ")[2].partition("\r\n")[0] or 0))
            status = said.split(" ", 2)[1]
            if "connection: close" in said:
                line = None
        except (OSError, EOFError):
            status, line = "none", None
            await asyncio.sleep(0.05)
        answers[status] = answers.get(status, 0) + 1
        if status == "200":
            accepted.append(id)


if __name__ == "__main__":
    began = time.monotonic()
    heard, told = asyncio.run(call(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))
    print(json.dumps({"accepted": heard, "answers": told, "seconds": time.monotonic() - began}))
