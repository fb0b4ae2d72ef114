"""A connector that meets an answer it was not made for: an error with a remedy, and never a fall."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from syncd.core.record import Cursor, Outcome, Record, Ref, Write
from syncd.errors import BrokenProtocol, InDoubt, Throttled
from syncd.sdk import sturdy
from syncd.sdk.contract import Page
from syncd.sdk.sturdy import MOST_REPEATS

NOBODY: dict[str, str] = {}
FALLS: Mapping[str, Callable[[], Any]] = {
    "KeyError": lambda: NOBODY["id"],
    "IndexError": lambda: "".split(maxsplit=1)[0],
    "TypeError": lambda: None + 1,  # type: ignore[operator]
    "AttributeError": lambda: [].get("id"),  # type: ignore[attr-defined]
    "ValueError": lambda: int("x"),
    "OverflowError": lambda: int(float("inf")),
    "RecursionError": lambda: deeper(0),
}


def deeper(level: int) -> int:
    return deeper(level + 1) + 1


@sturdy
class Frail:
    """Falls over whatever it is told to."""

    def __init__(self, fall: Callable[[], Any] = lambda: None, pages: Sequence[Page] = ()) -> None:
        self.fall = fall
        self.pages = pages

    def read(self, refs: Sequence[Ref]) -> Mapping[Ref, Record]:
        """What it is told."""
        self.fall()
        return {}

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """What it is told."""
        self.fall()
        return ()

    def changes(self, object: str, since: Cursor | None) -> Iterator[Page]:
        """What it is told."""
        yield from self.pages
        self.fall()


@pytest.mark.parametrize("fall", FALLS)
def test_what_a_reader_falls_over_is_a_broken_protocol_that_names_the_place_and_no_value(fall: str) -> None:
    frail = Frail(FALLS[fall])
    with pytest.raises(BrokenProtocol, match=rf"Frail.read met .* \({fall} at test_sturdy.py:\d+\)") as caught:
        frail.read([])
    assert "id" not in caught.value.message.split("(")[1]
    with pytest.raises(BrokenProtocol, match=r"Frail\.changes"):
        list(frail.changes("people", None))


@pytest.mark.parametrize("fall", FALLS)
def test_what_a_writer_falls_over_leaves_a_doubt(fall: str) -> None:
    with pytest.raises(InDoubt, match=r"Frail.write met an answer"):
        Frail(FALLS[fall]).write([])


def test_an_error_with_a_remedy_is_left_as_it_is() -> None:
    def busy() -> None:
        raise Throttled("come again", retry_after=5)

    with pytest.raises(Throttled):
        Frail(busy).write([])


def test_a_fall_of_whoever_reads_the_pages_is_their_own() -> None:
    pages = Frail(pages=[Page((), Cursor("1"))]).changes("people", None)
    with pytest.raises(KeyError):
        any(NOBODY[page.cursor] for page in pages)


def shows(id: str, cursor: int) -> Page:
    return Page((Record(Ref("app", "people", id), {}),), Cursor(str(cursor)))


@pytest.mark.parametrize("ids", [["1"], ["1", "2", "3"]])
def test_a_listing_that_goes_in_circles_is_left(ids: list[str]) -> None:
    circle = [shows(ids[number % len(ids)], number) for number in range(1000)]
    seen: list[Page] = []
    with pytest.raises(BrokenProtocol, match="makes no progress"):
        seen.extend(Frail(pages=circle).changes("people", None))
    empty = [Page((), Cursor("1"))] * 1000
    with pytest.raises(BrokenProtocol, match="makes no progress"):
        list(Frail(pages=empty).changes("people", None))


def test_a_listing_that_goes_on_may_be_long_and_may_repeat_itself_now_and_then() -> None:
    long = [shows(str(number // 2), number) for number in range(MOST_REPEATS * 3)]
    assert list(Frail(pages=long).changes("people", None)) == long
    empty = [Page((), Cursor(str(number))) for number in range(MOST_REPEATS * 3)]
    assert list(Frail(pages=empty).changes("people", None)) == empty
