"""What has happened: the change log, whole or of one record."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from syncd.console.find import Found
from syncd.console.tell import Line, line
from syncd.core.record import EntityId
from syncd.errors import ConfigError
from syncd.store.ports import Storage

__all__ = ["Asked", "history", "lines", "newest", "since"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ALL = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person wants to see of the change log; empty means any. `after`: only later entries than this one."""

    app: str = ""
    sync: str = ""
    entity: EntityId | None = None
    field: str = ""
    since: float | None = None
    after: int = 0
    limit: int = 100

    def later(self, seq: int) -> Asked:
        """The same, but only what came after entry `seq`, where that is later."""
        return replace(self, after=max(self.after, seq), limit=_ALL)


def lines(store: Storage, asked: Asked) -> tuple[Line, ...]:
    """The latest entries that fit, the oldest of them first."""
    with store.read() as tx:
        found = tx.log.find(
            entity=asked.entity,
            app=asked.app,
            sync=asked.sync,
            field=asked.field,
            since=asked.since,
            after=asked.after,
            limit=asked.limit,
        )
    return tuple(line(entry) for entry in reversed(found))


def history(store: Storage, found: Found) -> tuple[Line, ...]:
    """Everything that ever happened to one entity, in order."""
    return lines(store, Asked(entity=found.entity, limit=_ALL))


def since(text: str, now: float) -> float:
    """A time as a person writes it: `2h` ago, or a date with or without a time, UTC unless it says otherwise.

    Raises ConfigError for anything else.
    """
    ago = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if ago:
        return now - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]]).total_seconds()
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f'"{text}" is no time', hint="write 30m, 2h, 7d, or 2030-01-31T12:00") from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def newest(found: Sequence[Line]) -> int:
    """The number of the last entry; 0 where there is none."""
    return found[-1].seq if found else 0
