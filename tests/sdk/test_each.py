"""One record per call: what is known of earlier writes survives the failure of a later one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.core.record import Create, Outcome, Ref, Refused, Stored, Unknown, Unsent, Write
from syncd.errors import (
    BrokenProtocol,
    ConnectorError,
    InDoubt,
    Rejected,
    Throttled,
    Transient,
    Unauthorised,
    Unavailable,
)
from syncd.sdk import each

WRITES = [Create("crm", "contacts", {"email": f"ada.{n}@example.com"}, f"w{n}") for n in range(5)]
DONE = [Stored(write.key, Ref("crm", "contacts", write.key)) for write in WRITES]


def failing(troubles: dict[str, ConnectorError]) -> tuple[Callable[[Write], Outcome], list[str]]:
    tried: list[str] = []

    def act(write: Write) -> Outcome:
        tried.append(write.key)
        if write.key in troubles:
            raise troubles[write.key]
        return Stored(write.key, Ref("crm", "contacts", write.key))

    return act, tried


def test_every_write_has_its_outcome_in_order() -> None:
    act, _ = failing({})
    assert each(WRITES, act) == DONE
    assert each([], act) == []


def test_a_refused_record_does_not_hold_the_others_up() -> None:
    act, _ = failing({"w1": Rejected("bad phone", field="phone", code="422")})
    assert each(WRITES, act) == [DONE[0], Refused("w1", "bad phone", "phone", "422"), *DONE[2:]]


def test_a_doubtful_write_is_unknown_and_the_rest_go_on() -> None:
    act, _ = failing({"w0": InDoubt("lost"), "w2": InDoubt("lost")})
    assert each(WRITES, act) == [Unknown("w0", "lost"), DONE[1], Unknown("w2", "lost"), *DONE[3:]]


def test_a_second_doubt_in_a_row_ends_the_work() -> None:
    act, tried = failing({"w1": InDoubt("lost"), "w2": InDoubt("lost again")})
    assert each(WRITES, act) == [
        DONE[0],
        Unknown("w1", "lost"),
        Unknown("w2", "lost again"),
        Unsent("w3", "lost again"),
        Unsent("w4", "lost again"),
    ]
    assert tried == ["w0", "w1", "w2"]


STOPS = [
    (Transient("no route"), None),
    (Throttled("later", retry_after=12.0), 12.0),
    (Unavailable("down"), None),
    (Unauthorised("revoked"), None),
    (BrokenProtocol("odd"), None),
]


@pytest.mark.parametrize(("stop", "wait"), STOPS)
def test_trouble_with_the_app_leaves_the_rest_unsent(stop: ConnectorError, wait: float | None) -> None:
    act, tried = failing({"w2": stop})
    unsent = [Unsent(write.key, stop.message, wait) for write in WRITES[2:]]
    assert each(WRITES, act) == [*DONE[:2], *unsent]
    assert tried == ["w0", "w1", "w2"]


@pytest.mark.parametrize(("stop", "wait"), STOPS)
def test_trouble_at_the_very_first_write_is_raised(stop: ConnectorError, wait: float | None) -> None:
    act, _ = failing({"w0": stop})
    with pytest.raises(type(stop)) as caught:
        each(WRITES, act)
    assert caught.value is stop


def test_a_bug_in_the_connector_is_not_hidden() -> None:
    def act(write: Write) -> Outcome:
        raise KeyError(write.key)

    with pytest.raises(KeyError):
        each(WRITES, act)
