"""Whatever is asked of the console, and whatever is typed into it, is answered with a page."""

from __future__ import annotations

import re
from urllib.parse import quote_from_bytes, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.access import Console
from tests.effort import effort
from tests.web.office import PEOPLE, Browser, Office

FORM = "application/x-www-form-urlencoded"
ODD = st.sampled_from(
    [
        *("", "0", "-1", "1", "9" * 5000, "1e9", "0x1", "١", "nan", "../x", "//evil.example", "\x00", "\ud83d", "on"),
        *("' or 1=1 --", "%", "{{7*7}}", "<script>alert(1)</script>", "2030-01-31", "7d", "9" * 20 + "d", "é" * 400),
    ]
)
VALUES = ODD | st.text(max_size=20)
NAMES = st.sampled_from(
    "q kind sync from before app record field event rule text since until change run undo limit try next id ids way "
    "value token once all name password group".split()
)
PAGES = "/ /find /record/x /changes /changes.csv /changes.jsonl /inbox /undo /mappings /mappings/edit /health".split()
ORDERS = "/inbox/answer /inbox/preview /inbox/answers /undo/do /mappings/try /apps/pause /apps/resume /login".split()
SPOKEN = re.compile(r"Traceback|<script>alert|49</|Error\b.*line \d+")


def encoded(pairs: list[tuple[str, str]]) -> str:
    return urlencode([(name, value.encode("utf-8", "surrogatepass")) for name, value in pairs])


@pytest.fixture(autouse=True)
def _configured(place: Office) -> None:
    place.desk.config.path.write_text("# nothing yet\n")


def well(status: int, text: str) -> None:
    assert status < 500, text
    assert not SPOKEN.search(text), text


@given(
    path=st.sampled_from(PAGES)
    | VALUES.map(lambda text: "/record/" + quote_from_bytes(text.encode("utf-8", "replace"))),
    query=st.lists(st.tuples(NAMES, VALUES), max_size=5).map(encoded) | st.binary(max_size=30).map(quote_from_bytes),
)
@example(path="/inbox", query="from=" + "9" * 5000)
@example(path="/record/x", query="before=" + "9" * 30)
@example(path="/changes", query="since=99999999999999999999d")
@example(path="/mappings/trial/" + "9" * 5000, query="")
@effort(120)
def test_any_question_is_answered(place: Office, path: str, query: str) -> None:
    browser = place.browser()
    answer = browser.raw("GET", f"{path}?{query}")
    well(answer.status_code, answer.text)


@given(
    path=st.sampled_from(ORDERS),
    pairs=st.lists(st.tuples(NAMES, VALUES), max_size=6),
    raw=st.none() | st.binary(max_size=40),
)
@effort(120)
def test_any_form_is_answered(place: Office, path: str, pairs: list[tuple[str, str]], raw: bytes | None) -> None:
    browser = place.browser()
    browser.get("/mappings/edit")
    proved = [("token", browser.field("token"))]
    content = encoded([*proved, *pairs]).encode() if raw is None else raw
    answer = browser.raw("POST", path, content, origin=browser.base, content_type=FORM)
    well(answer.status_code, answer.text)


@given(pairs=st.lists(st.tuples(NAMES, VALUES), max_size=6), cookie=st.text("abc.=;_-", max_size=30))
@example(pairs=[("name", "ada"), ("password", "x" * 100_000)], cookie="syncd-mark=ada.x")
@example(pairs=[("name", "ada"), ("password", "\ud83d")], cookie="")
@effort(60)
def test_nobody_gets_in_by_typing_anything(place: Office, pairs: list[tuple[str, str]], cookie: str) -> None:
    place.open(Console.model_construct(enabled=None, url="", people=PEOPLE))
    browser = Browser(place.app)
    answer = browser.raw(
        "POST", "/login", encoded(pairs).encode(), origin=browser.base, content_type=FORM, cookie=cookie
    )
    assert answer.status_code in {400, 401, 429}
    assert browser.raw("GET", "/changes", cookie=cookie).status_code in {303, 401}
