"""What is news to a destination: a comparison of what stands now with what it was told. Pure.

    it stands, or more of it does, and was not told     a beginning    once in `every` at most
    it was told and stands no longer                    an end         once after each beginning
    it was told `repeat` ago and still stands           a reminder

News wait for `gather`, so that what belongs together comes in one message; what has ended by then is never told. In
quiet hours only urgent beginnings and reminders are. What is not told now is told later, if it is still so: there is
no queue of messages, and none is sent in vain after a destination was away for a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from syncd.destinations import Quiet, Severity

__all__ = ["LOOKED", "Heard", "Item", "Message", "News", "Terms", "Trouble", "tell"]

LOOKED: Final = 100
"""As many of the newest pieces of parked work are looked at for what is new."""
SAMPLES: Final = 5
"""As many pieces of work are named in a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that stands, or has happened, and that a person should know of. Its words hold names and counts."""

    group: str
    """What it is, and of which app: one of a group stands at a time."""
    severity: Severity
    since: float
    """Seconds since the epoch; 0 where nobody can say."""
    text: str
    hint: str = ""
    good: str = ""
    """What there is to say when it is over; "" of what has happened, and cannot be over."""
    mark: int = 0
    """Rises with each further piece: those beyond what was told are news."""
    numbers: Sequence[int] = ()
    """The newest pieces of work, newest first."""


class News(StrEnum):
    """Why something is told."""

    BEGUN = "begun"
    MORE = "more"
    STILL = "still"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that is told."""

    group: str
    news: News
    severity: Severity
    since: float
    text: str
    hint: str = ""
    fresh: int = 0
    """How many pieces of work are new, as far as was looked."""
    numbers: Sequence[int] = ()
    """The newest of them."""


@dataclass(frozen=True, slots=True)
class Message:
    """Everything that is told at once."""

    items: tuple[Item, ...]

    @property
    def severity(self) -> Severity:
        """Of the gravest item that has not ended."""
        return max((i.severity for i in self.items if i.news is not News.ENDED), default=Severity.NOTICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a destination was told of one group, and since when there is news of it."""

    open: bool = False
    """It was told that it stands, and not yet that it does no longer."""
    at: float | None = None
    """When it was last told so."""
    mark: int = 0
    severity: Severity = Severity.NOTICE
    since: float = 0.0
    good: str = ""
    noticed: float | None = None
    """Since when there is something that was not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a destination wants to hear, and how often. Times in seconds."""

    least: Severity = Severity.NOTICE
    gather: float = 60.0
    every: float = 900.0
    repeat: float = 86400.0
    quiet: Quiet | None = None


def tell(
    standing: Iterable[Trouble], heard: Mapping[str, Heard], terms: Terms, now: float
) -> tuple[Message | None, Mapping[str, Heard], Mapping[str, Heard]]:
    """What to tell now, if anything; what is known when that was told, and what is known when it was not.

    Both are for the next call, by group. `standing` has each group once.
    """
    stands = {trouble.group: trouble for trouble in standing}
    below = {group for group, trouble in stands.items() if trouble.severity < terms.least}
    groups = sorted({*heard, *stands} - below)
    known = {group: _noticed(stands.get(group), heard.get(group, Heard()), now) for group in groups}
    untold = {group: was for group, was in known.items() if group in stands or not _forgotten(was, terms, now)}
    quiet = terms.quiet is not None and terms.quiet.holds(now)
    loud = {group: was for group, was in untold.items() if not quiet or _urgent(stands.get(group))}
    items, due, told = [], False, dict(untold)
    for group, was in loud.items():
        item = _item(group, stands.get(group), was, terms, now)
        if item is not None:
            items.append(item)
            due |= item.news is News.STILL or _passed(was.noticed, terms.gather, now)
            told[group] = _told(stands.get(group), was, now)
    if not due:
        return None, untold, untold
    items.sort(key=lambda item: (item.news is News.ENDED, -item.severity, item.group))
    return Message(tuple(items)), told, untold


def _noticed(trouble: Trouble | None, was: Heard, now: float) -> Heard:
    """The same, with since when there is news."""
    news = was.open if trouble is None else _is_news(trouble, was)
    return replace(was, noticed=(now if was.noticed is None else was.noticed) if news else None)


def _is_news(trouble: Trouble, was: Heard) -> bool:
    return trouble.mark > was.mark or (bool(trouble.good) and not was.open)


def _urgent(trouble: Trouble | None) -> bool:
    """That something is over wakes nobody."""
    return trouble is not None and trouble.severity is Severity.URGENT


def _item(group: str, trouble: Trouble | None, was: Heard, terms: Terms, now: float) -> Item | None:
    """What may be told of a group now."""
    if trouble is None:
        ended = Item(group=group, news=News.ENDED, severity=was.severity, since=was.since, text=was.good)
        return None if was.noticed is None else ended
    fresh = [number for number in trouble.numbers if number > was.mark]
    if was.noticed is not None:
        news = News.MORE if was.open else News.BEGUN
        allowed = was.at is None or _passed(was.at, terms.every, now)
    else:
        news, fresh = News.STILL, list(trouble.numbers)
        allowed = was.open and _passed(was.at, terms.repeat, now)
    if not allowed:
        return None
    return Item(
        group=group,
        news=news,
        severity=trouble.severity,
        since=trouble.since,
        text=trouble.text,
        hint=trouble.hint,
        fresh=0 if news is News.STILL else len(fresh),
        numbers=tuple(fresh[:SAMPLES]),
    )


def _told(trouble: Trouble | None, was: Heard, now: float) -> Heard:
    if trouble is None:
        return replace(was, open=False, noticed=None)
    return Heard(
        open=bool(trouble.good),
        at=now,
        mark=trouble.mark,
        severity=trouble.severity,
        since=trouble.since,
        good=trouble.good,
    )


def _forgotten(was: Heard, terms: Terms, now: float) -> bool:
    """It neither stands nor is there an end to tell, and it was told too long ago to matter for `every`."""
    return not was.open and (was.at is None or _passed(was.at, terms.every, now))


def _passed(since: float | None, wait: float, now: float) -> bool:
    """Whether so many seconds are over. A clock that was set back keeps nobody waiting."""
    return since is None or not since <= now < since + wait
