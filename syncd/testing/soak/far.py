"""A twin that lives in a process of its own, asked and acted on over HTTP as `syncd.testing.twin` is within one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import IO, Any

import httpx

from syncd.testing.twin import Faults, Journal, JournalEntry

__all__ = ["Actor", "FarTwin", "sandbox"]


@dataclass
class FarTwin:
    """The people's side and the oracle of a twin that listens. `listen` brings journal and calls up to date."""

    url: str
    credentials: Mapping[str, str]
    journal: Journal = field(default_factory=Journal)
    calls: dict[str, int] = field(default_factory=dict)
    lock: AbstractContextManager[None] = field(default_factory=nullcontext)

    def __post_init__(self) -> None:
        # Each call has a connection of its own: one that is kept may be hung up just as it is used again.
        alone = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(base_url=f"{self.url}/_people", timeout=30, limits=alone)

    def listen(self) -> None:
        """Fetch what has happened since the last time."""
        told = self._http.get("/journal", params={"since": len(self.journal.entries)}).raise_for_status().json()
        self.journal.entries += [JournalEntry(**entry) for entry in told["entries"]]
        self.calls = told["calls"]

    def records(self, object: str) -> Mapping[str, Mapping[str, Any]]:
        """Everything that lives there now."""
        found: Mapping[str, Mapping[str, Any]] = (
            self._http.get(f"/records/{object}").raise_for_status().json()["records"]
        )
        return found

    def act(self, action: str, **body: Any) -> Mapping[str, Any] | None:
        """A person does something; None where there is nothing left to do it to."""
        answer = self._http.post(f"/{action}", json=body)
        if answer.status_code in (404, 422):
            return None
        told: Mapping[str, Any] = answer.raise_for_status().json()
        return told

    def misbehave(self, faults: Faults) -> None:
        """From now on, so and not otherwise."""
        self.act("faults", **asdict(faults))

    def close(self) -> None:
        """Hang up."""
        self._http.close()


@dataclass(frozen=True, slots=True)
class Actor:
    """One app on stage. `types`: canonical field to the app's own; `email`: the app's own field of the address."""

    name: str
    object: str
    email: str
    types: Mapping[str, str]
    twin: FarTwin


@contextmanager
def sandbox(connector: str, *words: str) -> Iterator[FarTwin]:
    """`syncd sandbox CONNECTOR` as a process, once it listens."""
    command = [sys.executable, "-m", "syncd", "sandbox", connector, "--json", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own program
        try:
            told = _document(process.stdout)
            twin = FarTwin(told["url"], told["credentials"])
            try:
                yield twin
            finally:
                twin.close()
        finally:
            process.terminate()


def _document(lines: IO[str] | None) -> Any:
    """The first JSON document that a process says; RuntimeError if it ends without one."""
    text = ""
    for line in lines or ():
        text += line
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            continue
    raise RuntimeError(f"a twin did not start: {text}")
