"""Whatever a vendor answers, a connector comes to an end, says what is the matter, and claims nothing untrue."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.core.record import Create, Delete, Outcome, Stored, Unknown, Update, Write
from syncd.errors import ConfigError, ConnectorError, InDoubt
from syncd.sdk.contract import Associates, Finds, Remembers
from tests.effort import effort
from tests.fuzz.mangle import Mangle, mangles
from tests.fuzz.stands import NAMES, Stand, stand


def questions(on: Stand) -> Sequence[Callable[[], Any]]:
    """Every question that a connector can be asked."""
    bench = on.bench
    refs = [bench.ref(id_) for id_ in (*bench.some(3), "424242", "no-such-id")]
    cursor, connector = bench.cursor(), bench.connector
    asked: list[Callable[[], Any]] = [
        connector.objects,
        connector.check,
        lambda: list(connector.changes(bench.subject, None)),
        lambda: list(connector.changes(bench.subject, cursor)),
        lambda: connector.read(refs),
        lambda: bench.open(bench.settings).read(refs),
    ]
    if isinstance(connector, Finds):
        fields = connector.findable(bench.subject)
        asked += [functools.partial(connector.find, bench.subject, name, ["ada@example.com"]) for name in fields]
    if isinstance(connector, Associates):
        asked.append(lambda: connector.associated(refs, "companies"))
    if isinstance(connector, Remembers):
        asked.append(lambda: connector.history(refs[0], list(on.ground.texts(bench)[:1])))
    return asked


def error_of(call: Callable[[], Any]) -> ConnectorError | ConfigError | None:
    """What a call raises, if that is one of the errors that it may raise."""
    try:
        call()
    except (ConnectorError, ConfigError) as told:
        return told
    return None


def writes_of(on: Stand) -> list[Write]:
    """A few of each kind."""
    bench = on.bench
    one, two, three = bench.some(3)
    name = on.ground.texts(bench)[0]
    consent = next((f.name for f in bench.object.fields.values() if f.consent and f.writable), None)
    out: dict[str, Any] = {consent: "true" if bench.plugin.name == "hubspot" else False} if consent else {}
    return [
        *(Create("app", bench.subject, on.ground.fields(bench, number), bench.key()) for number in (1, 2)),
        Update(bench.ref(one), {name: "Changed"}, bench.key()),
        Update(bench.ref(two), {name: "Changed", **out}, bench.key()),
        Delete(bench.ref(three), bench.key()),
    ]


def applied(on: Stand, write: Write, before: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a write stands in the app now."""
    after = on.bench.people()
    match write:
        case Create():
            new = [row for id_, row in after.items() if id_ not in before]
            return any(all(row.get(name) == raw for name, raw in write.fields.items() if raw) for row in new)
        case Update():
            return after.get(write.ref.id) != before.get(write.ref.id)
        case Delete():
            return write.ref.id not in after


@pytest.mark.parametrize("name", NAMES)
def test_a_spoilt_answer_to_a_question_is_an_error_in_words_or_no_harm(name: str) -> None:
    @given(place=st.integers(0, 12), mangle=mangles(), start=st.integers(0, 3), count=st.sampled_from([1, 1000]))
    @example(place=0, mangle=Mangle("put", 148, True), start=1, count=1000)  # Ghost: there is always a next page
    @effort(40)
    def holds(place: int, mangle: Mangle, start: int, count: int) -> None:
        with stand(name) as on:
            asked = questions(on)
            before = on.bench.people()
            on.way.spoils(mangle, start, count)
            told = error_of(asked[place % len(asked)])
            assert not isinstance(told, InDoubt), "a question changes nothing that could be in doubt"
            assert told is None or (told.message and "\n" not in told.message)
            assert on.bench.people() == before

    holds()


@pytest.mark.parametrize("name", NAMES)
def test_what_a_spoilt_answer_says_of_a_write_is_never_that_it_was_not_made(name: str) -> None:
    @given(
        mangle=mangles(), start=st.integers(0, 4), count=st.sampled_from([1, 1000]), chosen=st.sets(st.integers(0, 4))
    )
    @effort(40)
    def holds(mangle: Mangle, start: int, count: int, chosen: set[int]) -> None:
        with stand(name) as on:
            on.bench.pages()
            writes = [write for number, write in enumerate(writes_of(on)) if number in (chosen or range(5))]
            before = on.bench.people()
            on.way.spoils(mangle, start, count)
            outcomes: list[Outcome] = []
            told = error_of(lambda: outcomes.extend(on.bench.connector.write(writes)))
            if told is not None:
                made = [write for write in writes if applied(on, write, before)]
                assert isinstance(told, InDoubt) or not made, f"{told.message}, though it was applied: {made}"
                return
            told_of = {outcome.key: outcome for outcome in outcomes}
            assert sorted(told_of) == sorted(write.key for write in writes)
            for write in writes:
                outcome = told_of[write.key]
                assert isinstance(outcome, Stored | Unknown) or not applied(on, write, before), f"{write}: {outcome}"

    holds()
