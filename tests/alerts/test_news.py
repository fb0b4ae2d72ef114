"""What is told when: a comparison of what stands with what was told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.alerts.kept import from_json, to_json
from syncd.alerts.news import Heard, Message, News, Terms, Trouble, tell
from syncd.destinations import Quiet, Severity
from tests.effort import effort

NOON = datetime(2030, 5, 6, 12, tzinfo=UTC).timestamp()
TERMS = Terms(gather=60, every=900, repeat=86400)
PAUSED = Trouble(
    group="paused:crm", severity=Severity.URGENT, since=NOON, text="crm is paused", good="crm goes on again"
)
CONFLICTS = Trouble(
    group="waiting:conflicts",
    severity=Severity.NOTICE,
    since=NOON,
    text="conflicts that wait for a person: 2",
    good="no conflict waits any more",
    mark=12,
    numbers=(12, 11),
)
SUSPECTED = Trouble(group="suspected:crm", severity=Severity.WARNING, since=NOON, text="3 edits", mark=3)


class Ear:
    """A destination that remembers, as a daemon does."""

    def __init__(self, terms: Terms = TERMS) -> None:
        self.terms = terms
        self.now = NOON
        self.heard: Mapping[str, Heard] = {}

    def after(self, seconds: float, *standing: Trouble) -> list[tuple[str, str]]:
        """What it is told, if so much later this stands."""
        return [(item.group, item.news.value) for item in self.message(seconds, *standing)]

    def message(self, seconds: float, *standing: Trouble) -> Sequence[Any]:
        self.now += seconds
        message, self.heard, _ = tell(standing, self.heard, self.terms, self.now)
        return message.items if message else ()


def test_news_are_gathered_and_come_in_one_message_the_gravest_first() -> None:
    ear = Ear()
    assert ear.after(0, CONFLICTS) == []
    assert ear.after(30, CONFLICTS, PAUSED) == []
    assert ear.after(30, CONFLICTS, PAUSED) == [("paused:crm", "begun"), ("waiting:conflicts", "begun")]
    assert ear.after(3600, CONFLICTS, PAUSED) == []


def test_what_is_over_before_it_was_told_is_never_told() -> None:
    ear = Ear()
    assert ear.after(0, PAUSED) == []
    assert ear.after(30) == []
    assert ear.after(600) == []
    assert ear.heard == {}


def test_the_good_end_is_told_once_to_whoever_was_told_the_bad_beginning() -> None:
    ear = Ear()
    ear.after(0, PAUSED)
    ear.after(60, PAUSED)
    assert ear.after(10) == []
    (end,) = ear.message(60)
    assert (end.news, end.text, end.severity) == (News.ENDED, "crm goes on again", Severity.URGENT)
    assert ear.after(1000) == []


def test_what_comes_and_goes_is_told_once_in_a_while() -> None:
    ear = Ear()
    told = [ear.after(70, *([PAUSED] if turn % 4 < 2 else [])) for turn in range(40)]
    begun = [turn for turn, items in enumerate(told) if ("paused:crm", "begun") in items]
    assert all((later - earlier) * 70 >= 900 for earlier, later in pairwise(begun))
    assert len(begun) > 1


def test_what_still_stands_is_told_again_but_not_as_news() -> None:
    ear = Ear()
    ear.after(0, CONFLICTS)
    ear.after(60, CONFLICTS)
    assert ear.after(86399, CONFLICTS) == []
    (item,) = ear.message(1, CONFLICTS)
    assert (item.news, item.fresh, item.numbers) == (News.STILL, 0, (12, 11))


def test_more_of_the_same_is_news_of_the_new_ones_alone() -> None:
    ear = Ear()
    ear.after(0, CONFLICTS)
    ear.after(60, CONFLICTS)
    more = replace(CONFLICTS, mark=20, numbers=(20, 19, 18, 17, 16, 15, 12, 11))
    assert ear.after(500, more) == []
    (item,) = ear.message(400, more)
    assert (item.news, item.fresh, item.numbers) == (News.MORE, 6, (20, 19, 18, 17, 16))


def test_what_a_person_has_decided_meanwhile_is_no_news() -> None:
    ear = Ear()
    ear.after(0, CONFLICTS)
    ear.after(60, CONFLICTS)
    assert ear.after(5000, replace(CONFLICTS, mark=11, numbers=(11,))) == []


def test_what_has_happened_is_told_for_each_time_it_happens_and_has_no_end() -> None:
    ear = Ear()
    ear.after(0, SUSPECTED)
    assert ear.after(60, SUSPECTED) == [("suspected:crm", "begun")]
    assert ear.after(200_000, SUSPECTED) == []
    ear.after(10, replace(SUSPECTED, mark=4))
    assert ear.after(60, replace(SUSPECTED, mark=4)) == [("suspected:crm", "begun")]
    assert ear.after(200_000) == []


def test_what_matters_less_than_asked_for_is_not_told_nor_is_its_end() -> None:
    ear = Ear(replace(TERMS, least=Severity.URGENT))
    ear.after(0, PAUSED, CONFLICTS)
    assert ear.after(60, PAUSED, CONFLICTS) == [("paused:crm", "begun")]
    ear.after(10)
    assert ear.after(60) == [("paused:crm", "ended")]


def test_who_wants_to_hear_less_from_now_on_is_not_told_that_the_rest_has_ended() -> None:
    ear = Ear()
    ear.after(0, CONFLICTS)
    ear.after(60, CONFLICTS)
    ear.terms = replace(TERMS, least=Severity.URGENT)
    assert ear.after(100, CONFLICTS) == []
    assert ear.after(1000) == []


def test_in_quiet_hours_only_what_is_urgent_is_told_and_the_rest_after_them() -> None:
    ear = Ear(replace(TERMS, quiet=Quiet(time(12), time(13), ZoneInfo("UTC"))))
    ear.after(0, PAUSED, CONFLICTS)
    assert ear.after(60, PAUSED, CONFLICTS) == [("paused:crm", "begun")]
    assert ear.after(600, CONFLICTS) == []
    assert ear.after(3000, CONFLICTS) == [("waiting:conflicts", "begun"), ("paused:crm", "ended")]


def test_quiet_hours_go_by_the_clock_of_their_zone_and_over_midnight() -> None:
    hours = Quiet(time(22), time(7), ZoneInfo("Europe/Berlin"))
    there = [hour for hour in range(24) if hours.holds(datetime(2030, 7, 1, hour, tzinfo=UTC).timestamp())]
    assert there == [0, 1, 2, 3, 4, 20, 21, 22, 23]


def test_a_clock_that_is_set_back_keeps_nobody_waiting() -> None:
    ear = Ear()
    ear.after(0, PAUSED)
    ear.after(60, PAUSED)
    ear.after(-90_000)
    assert ear.after(60) == [("paused:crm", "ended")]


GROUPS = ("a", "b", "c")


def moments_of(steps: Sequence[tuple[float, int]]) -> list[tuple[float, list[Trouble]]]:
    """Moments, in seconds after the one before, and what stands at each. A step's bits: which begin or end, or grow."""
    moments, stands, marks = [], 0, dict.fromkeys(GROUPS, 1)
    for wait, bits in steps:
        stands ^= bits & 7
        marks = {group: mark + (bits >> 3 + at & 1) for at, (group, mark) in enumerate(marks.items())}
        troubles = [
            Trouble(
                group=group,
                severity=Severity(1 + at),
                since=0.0,
                text=group,
                good="" if group == "b" else "good",
                mark=marks[group],
            )
            for at, group in enumerate(GROUPS)
            if stands >> at & 1
        ]
        moments.append((wait, troubles))
    return moments


WAITS = (1.0, 20.0, 60.0, 300.0, 1000.0, 5000.0)
DAYS = st.lists(st.tuples(st.sampled_from(WAITS), st.integers(0, 63)), min_size=1, max_size=40).map(moments_of)
TERMS_OF_ANY = st.builds(
    Terms,
    least=st.sampled_from(Severity),
    gather=st.sampled_from((0.0, 60.0)),
    every=st.sampled_from((60.0, 900.0)),
    repeat=st.sampled_from((3600.0, 86400.0)),
    quiet=st.sampled_from((None, Quiet(time(13), time(15), ZoneInfo("UTC")))),
)


def lived(
    moments: Sequence[tuple[float, list[Trouble]]], terms: Terms
) -> Iterator[tuple[float, list[Trouble], Message | None, Mapping[str, Heard]]]:
    now, heard = NOON, dict[str, Heard]()
    for wait, standing in moments:
        now += wait
        message, told, _ = tell(standing, heard, terms, now)
        heard = dict(told)
        yield now, standing, message, heard


@given(DAYS, TERMS_OF_ANY)
@effort(300)
def test_whatever_happens_a_group_is_told_of_once_in_every_and_ends_once_after_it(
    moments: list[tuple[float, list[Trouble]]], terms: Terms
) -> None:
    last, open = dict[str, float](), dict[str, bool]()
    for now, _, message, _ in lived(moments, terms):
        items = message.items if message else ()
        assert len({item.group for item in items}) == len(items)
        for item in items:
            assert item.severity >= terms.least
            if item.news is News.ENDED:
                assert open.pop(item.group)
            else:
                assert now - last.get(item.group, -1e9) >= terms.every
                last[item.group], open[item.group] = now, True
            quiet = terms.quiet is not None and terms.quiet.holds(now)
            assert not quiet or (item.severity is Severity.URGENT and item.news is not News.ENDED)


@given(DAYS, TERMS_OF_ANY)
@effort(300)
def test_whatever_has_happened_what_goes_on_standing_is_told(
    moments: list[tuple[float, list[Trouble]]], terms: Terms
) -> None:
    standing = moments[-1][1]
    told = {item.group for *_, message, _ in lived(moments, terms) if message for item in message.items}
    after = [(wait, standing) for wait in (terms.gather + terms.every, *[1000.0] * 8, terms.gather, 1.0)]
    for *_, message, heard in lived([*moments, *after], terms):
        told |= {item.group for item in message.items} if message else set()
        known = heard
    for trouble in standing:
        if trouble.severity >= terms.least:
            assert trouble.group in told
            assert known[trouble.group].mark == trouble.mark
            assert known[trouble.group].noticed is None


@given(DAYS, TERMS_OF_ANY)
@effort(150)
def test_a_restart_at_any_moment_tells_nothing_more_and_nothing_less(
    moments: list[tuple[float, list[Trouble]]], terms: Terms
) -> None:
    restarted = list[Message | None]()
    now, text = NOON, to_json({})
    for wait, standing in moments:
        now += wait
        message, told, _ = tell(standing, from_json(text), terms, now)
        text = to_json(told)
        restarted.append(message)
    assert restarted == [message for _, _, message, _ in lived(moments, terms)]


@given(DAYS, TERMS_OF_ANY)
@effort(150)
def test_what_could_not_be_told_is_told_the_next_time(moments: list[tuple[float, list[Trouble]]], terms: Terms) -> None:
    now, heard = NOON, dict[str, Heard]()
    for wait, standing in moments:
        now += wait
        message, told, untold = tell(standing, heard, terms, now)
        if message is not None:
            again, told_again, _ = tell(standing, untold, terms, now)
            assert (again, told_again) == (message, told)
        heard = dict(untold)


@pytest.mark.parametrize("text", ["", "[]", "nonsense", '{"a": 1}', '{"a": {"severity": 9}}'])
def test_what_was_told_and_cannot_be_read_counts_as_never_told(text: str) -> None:
    assert from_json(text) == {}
