"""What people were told, and whether they can be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from syncd import toml
from syncd.console.show import when, words
from syncd.console.status import moment
from syncd.errors import ConfigError, Problem

if TYPE_CHECKING:
    from rich.console import RenderableType

    from syncd.store.store import Store

__all__ = ["Alerting", "Destination", "Heard", "Standing", "Tried", "alerting", "named", "results", "shown", "try_all"]


_LOUD: Final = {"urgent": "red", "warning": "yellow", "notice": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Something that stood when the daemon last looked."""

    group: str
    severity: str
    since: datetime | None
    text: str
    hint: str
    numbers: Sequence[int]
    """The newest pieces of parked work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a destination was told of one group. `open`: that it stands, and not yet that it is over."""

    group: str
    at: datetime | None
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One destination. `failing`: why it could not be told, or ""."""

    name: str
    failing: str
    told: Sequence[Heard]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerting:
    """What stood at a time, and who was told of it. `at`: None where no daemon ever looked."""

    at: datetime | None
    standing: Sequence[Standing]
    destinations: Sequence[Destination]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of a test message."""

    to: str
    kind: str
    done: bool
    said: str
    hint: str


def named(path: Path) -> Sequence[str]:
    """The destinations of a configuration. Raises ConfigError if it is no TOML."""
    table = toml.read(path).data.get("alerts")
    there = table.get("to") if isinstance(table, Mapping) else None
    return tuple(there) if isinstance(there, Mapping) else ()


def alerting(store: Store, names: Sequence[str]) -> Alerting:
    """Ask the store. Raises StoreError."""
    from syncd.alerts.kept import STANDING, from_json, name_of, standing_from

    with store.read() as tx:
        known = standing_from(tx.meta.get(STANDING))
        heard = {name: from_json(tx.meta.get(name_of(name))) for name in names}
    failing = known.failing if known else {}
    return Alerting(
        at=moment(known.at) if known else None,
        standing=[
            Standing(
                group=one.group,
                severity=one.severity.word,
                since=moment(one.since or None),
                text=one.text,
                hint=one.hint,
                numbers=one.numbers,
            )
            for one in (known.troubles if known else ())
        ],
        destinations=[
            Destination(
                name=name,
                failing=failing.get(name, ""),
                told=[
                    Heard(group=group, at=moment(one.at), open=one.open)
                    for group, one in told.items()
                    if one.at is not None
                ],
            )
            for name, told in heard.items()
        ],
    )


def try_all(path: Path) -> Sequence[Tried]:
    """Send each destination a test message. Raises ConfigError where there is none, or none that can be right."""
    from syncd.alerts.senders import NotTold, opened
    from syncd.alerts.words import TEST, message_id
    from syncd.daemon.logs import configure
    from syncd.destinations import load
    from syncd.sdk.clock import WallClock
    from syncd.settings import Log

    alerts, clock = load(toml.read(path)), WallClock()
    if not alerts.to:
        told = Problem(str(path), "there is nobody to tell: no [alerts.to.NAME]")
        raise ConfigError([told], hint="see config.example.toml")
    configure(Log())
    tried = []
    with ExitStack() as closing:
        for name, send in opened(alerts.to, clock, closing).items():
            kind, now = alerts.to[name].kind, clock.now()
            try:
                said = send(TEST, message_id(f"{name} {now}", {}, TEST), now)
                tried.append(Tried(to=name, kind=kind, done=True, said=said, hint=""))
            except NotTold as failed:
                tried.append(Tried(to=name, kind=kind, done=False, said=failed.message, hint=failed.hint))
    return tried


def shown(found: Alerting) -> Iterable[RenderableType]:
    """`syncd alerts`."""
    if not found.destinations:
        yield words("nobody is told: there is no [alerts.to.NAME] in the configuration")
        return
    if found.at is None:
        yield words("no daemon has looked yet: start one with: syncd run")
    elif not found.standing:
        yield words(f"nothing to tell, as of {when(found.at)}", "green")
    for one in found.standing:
        since = f" (since {when(one.since)})" if one.since else ""
        yield words(f"{one.severity}: {one.text}{since}", _LOUD[one.severity])
        yield words(f"  {one.hint}")
    for to in found.destinations:
        yield words("")
        failing = f": cannot be told: {to.failing}; it is tried again" if to.failing else ""
        yield words(f"{to.name}{failing or ('' if to.told else ': was told nothing yet')}", "bold")
        for told in sorted(to.told, key=lambda told: (told.at is not None and told.at, told.group)):
            yield words(f"  {when(told.at)}  {told.group}{'' if told.open else ', and that it is over'}")


def results(found: Iterable[Tried]) -> Iterable[RenderableType]:
    """`syncd alerts test`."""
    for one in found:
        yield words(f"{one.to} ({one.kind}): {one.said}", "green" if one.done else "red")
        if one.hint:
            yield words(f"  {one.hint}")
