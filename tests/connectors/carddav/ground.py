"""A connector on its twin, and what tests ask of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from pydantic import SecretStr

from syncd.core.record import Create, Record, Update
from syncd.testing.clock import TurnedClock
from syncd.testing.conformance import Bench
from syncd.testing.twin import Setup
from syncd_connectors.carddav import CardDavSettings, plugin
from syncd_connectors.carddav.twin import BOOK, PASSWORD, USER, CardDavTwin

__all__ = ["SERVER", "bench_on", "change", "make", "settings"]

SERVER = "https://dav.example.com"


def settings(base_url: str = SERVER + BOOK, **more: Any) -> CardDavSettings:
    return CardDavSettings(base_url=base_url, username=USER, password=SecretStr(PASSWORD), **more)


@contextmanager
def bench_on(
    cards: Mapping[str, str] | None = None, *, records: int = 0, given: CardDavSettings | None = None, **how: Any
) -> Iterator[tuple[Bench, CardDavTwin]]:
    clock = TurnedClock()
    twin = CardDavTwin(Setup(clock=clock, records=records), **how)
    for id, text in (cards or {}).items():
        twin.keep(id, text.replace("\n", "\r\n"), "person")
    with closing(Bench(plugin, given or settings(), twin, clock, "contacts")) as bench:
        yield bench, twin


def change(bench: Bench, id: str, **patch: Any) -> Record:
    """One update of the card as it was read; the record as stored. Names have _ for the dot."""
    seen = bench.seen(id)
    named = {name.replace("_", "."): value for name, value in patch.items()}
    stored = bench.store(Update(bench.ref(id), named, bench.key(), seen.version))
    assert stored.record is not None
    return stored.record


def make(bench: Bench, fields: Mapping[str, Any], key: str = "") -> str:
    """A new card's id."""
    return bench.store(Create("app", "contacts", fields, key or bench.key())).ref.id
