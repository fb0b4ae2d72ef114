"""Paging comes to an end, whatever the app does."""

from __future__ import annotations

import itertools

import pytest

from syncd.errors import BrokenProtocol
from syncd.sdk import by_offset, by_token, same_origin


def test_tokens_are_followed_to_the_last_page() -> None:
    following = {None: "a", "a": "b", "b": ""}
    pages = by_token(lambda token: token, lambda token: following[token])
    assert list(pages) == [None, "a", "b"]


def test_paging_may_begin_in_the_middle() -> None:
    assert list(by_token(lambda token: token, lambda _: None, start="m")) == ["m"]


@pytest.mark.parametrize("circle", [{None: "a", "a": "a"}, {None: "a", "a": "b", "b": "a"}])
def test_an_app_that_leads_in_circles_is_found_out(circle: dict[str | None, str]) -> None:
    pages = by_token(lambda token: token, lambda token: circle[token])
    with pytest.raises(BrokenProtocol, match="no progress"):
        list(itertools.islice(pages, 10))


def test_a_resumed_listing_that_leads_back_to_its_start_is_found_out() -> None:
    with pytest.raises(BrokenProtocol):
        list(by_token(lambda token: token, lambda _: "m", start="m"))


def test_a_listing_without_end_is_cut_off() -> None:
    with pytest.raises(BrokenProtocol, match="does not end"):
        list(by_token(lambda token: int(token or 0), lambda page: str(page + 1), most=50))
    with pytest.raises(BrokenProtocol, match="does not end"):
        list(by_offset(lambda _: [1], len, most=50))


def test_a_page_is_fetched_only_when_it_is_asked_for() -> None:
    fetched: list[str | None] = []

    def fetch(token: str | None) -> str:
        fetched.append(token)
        return f"{token}x"

    pages = by_token(fetch, lambda page: page)
    next(pages)
    assert fetched == [None]


ROWS = list(range(25))


@pytest.mark.parametrize("cap", [1, 7, 10, 25, 100])
def test_offsets_reach_every_row_whatever_the_app_makes_of_the_page_size(cap: int) -> None:
    pages = by_offset(lambda start: ROWS[start : start + cap], len)
    assert list(itertools.chain.from_iterable(pages)) == ROWS


def test_a_known_total_saves_the_call_for_an_empty_page() -> None:
    asked: list[int] = []

    def fetch(start: int) -> list[int]:
        asked.append(start)
        return ROWS[start : start + 10]

    assert sum(map(len, by_offset(fetch, len, total=lambda _: 25))) == 25
    assert asked == [0, 10, 20]


def test_offsets_may_begin_in_the_middle() -> None:
    assert list(by_offset(lambda start: ROWS[start : start + 10], len, start=20)) == [[20, 21, 22, 23, 24], []]


@pytest.mark.parametrize(
    "url", ["https://api.test/x?after=1", "https://API.test/x", "https://api.test:443/x", "https://api.test"]
)
def test_a_link_within_the_app_is_followed(url: str) -> None:
    assert same_origin(url, "https://api.test/v3") == url


@pytest.mark.parametrize(
    "url",
    [
        "http://api.test/x",
        "https://api.test:444/x",
        "https://api.test.evil.test/x",
        "https://api.test@evil.test/x",
        "//evil.test/x",
        "file:///etc/hosts",
        "https://[broken",
        "https://api.test:port/x",
    ],
)
def test_a_link_out_of_the_app_is_not(url: str) -> None:
    with pytest.raises(BrokenProtocol):
        same_origin(url, "https://api.test/v3")
