"""Paging by offset through a list that changes: nobody who was there all the while is stepped over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import Unavailable
from syncd.testing.clock import TurnedClock
from syncd.testing.twin import Setup
from syncd_connectors.bottlecrm import listing
from syncd_connectors.bottlecrm.listing import OVERLAP, Part, Row, walk
from syncd_connectors.bottlecrm.twin import TOKEN, BottleCrmTwin
from tests.connectors.bottlecrm.ground import connector

SIZE = 12


@dataclass
class List:
    """Rows downwards by number; before each page that is asked for, some rows go and some come."""

    numbers: set[int]
    gone: Sequence[set[int]] = ()
    come: Sequence[set[int]] = ()
    asked: list[int] = field(default_factory=list)

    def fetch(self, offset: int) -> Part:
        turn = len(self.asked)
        self.asked.append(offset)
        self.numbers -= self.gone[turn] if turn < len(self.gone) else set()
        self.numbers |= self.come[turn] if turn < len(self.come) else set()
        ordered = sorted(self.numbers, reverse=True)
        return Part([row(number) for number in ordered[offset : offset + SIZE]], len(ordered))


def row(number: int) -> Row:
    return {"id": str(number), "place": number}


def numbers(parts: Sequence[Part]) -> list[int]:
    return [row["place"] for part in parts for row in part.rows]


def place(row: Row) -> int:
    number: int = row["place"]
    return number


runs = st.builds(lambda first, length: set(range(first, first + length)), st.integers(0, 80), st.integers(0, 40))


@given(
    standing=st.integers(0, 80).map(lambda count: set(range(count))),
    gone=st.lists(runs, max_size=8),
    come=st.lists(runs, max_size=8),
)
def test_whoever_stands_there_all_the_while_is_listed_and_nobody_twice(
    standing: set[int], gone: list[set[int]], come: list[set[int]]
) -> None:
    moving = List(set(standing), gone, come)
    listed = numbers(list(walk(moving.fetch, place)))
    assert len(listed) == len(set(listed))
    assert standing - set().union(*gone) - set(listed) == set()


def test_a_quiet_list_is_read_once_but_for_the_overlap() -> None:
    quiet = List(set(range(30)))
    assert numbers(list(walk(quiet.fetch, place))) == list(range(29, -1, -1))
    assert quiet.asked == [0, SIZE - OVERLAP, 2 * (SIZE - OVERLAP), 3 * (SIZE - OVERLAP)]


def test_an_empty_list_is_one_empty_part() -> None:
    assert list(walk(List(set()).fetch, place)) == [Part([], 0)]


def test_a_gap_is_noticed_and_read_again_from_further_up() -> None:
    # Ten of the twelve rows of the first page go before the second is asked for.
    moving = List(set(range(40)), gone=[set(), set(range(30, 40))])
    assert set(range(30)) <= set(numbers(list(walk(moving.fetch, place))))
    assert moving.asked[1:3] == [SIZE - OVERLAP, SIZE - 2 * OVERLAP]


def test_a_list_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_PAGES", 20)

    def fetch(offset: int) -> Part:
        return Part([row(-number) for number in range(offset, offset + SIZE)], offset + 2 * SIZE)

    with pytest.raises(Unavailable, match="does not end"):
        list(walk(fetch, place))


URL = "https://crm.test"


def test_an_account_that_passes_between_shelves_behind_our_back_is_listed_all_the_same() -> None:
    twin = BottleCrmTwin(Setup(clock=TurnedClock()))
    twin.person_create("accounts", {"name": "Active"})
    passing = twin.person_create("accounts", {"name": "Passing", "is_active": False})
    with connector(URL, TOKEN, twin.transport()) as crm:
        pages = crm.changes("accounts", None)
        first = next(pages)  # the active ones
        twin.person_edit("accounts", passing, {"is_active": True})
        rest = list(pages)
    assert passing not in {row.ref.id for row in first.rows}
    assert passing in {row.ref.id for page in rest for row in page.rows}
    assert [page.complete for page in rest] == [False] * (len(rest) - 1) + [True]


def test_a_listing_that_never_agrees_with_the_count_does_not_call_itself_complete() -> None:
    twin = BottleCrmTwin(Setup(clock=TurnedClock(), records=3))
    listed = []
    with connector(URL, TOKEN, twin.transport()) as crm:
        for page in crm.changes("contacts", None):
            listed.append(page)
            twin.person_create("contacts", {"first_name": "New", "last_name": f"Comer {len(listed)}"})
    assert not any(page.complete for page in listed)
    assert len(listed) == 3  # it was begun anew twice
