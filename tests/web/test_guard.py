"""Who is let in, from where, and what every answer carries."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlencode

import pytest
from starlette.types import Message

from syncd.access import Console
from syncd.web import guard
from syncd.web.guard import MOST_BYTES
from syncd.web.visit import local
from tests.web.office import PEOPLE, Browser, Office

FORM = "application/x-www-form-urlencoded"
BEHIND = Console.model_construct(enabled=None, url="https://sync.example.com", people=PEOPLE)


def test_every_answer_forbids_what_no_page_of_ours_needs(place: Office) -> None:
    browser = place.browser()
    for path in ("/", "/inbox", "/nothing", "/static/console.css"):
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert all(
            part in policy
            for part in ("default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'")
        )
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert browser.get("/").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["[::1", "]", "[::g]"])
def test_a_host_that_is_no_name_is_refused_in_words(place: Office, host: str) -> None:
    browser = place.browser()
    assert browser.get("/", host=host).status_code == 403
    assert browser.send("/login", {}, host=host).status_code == 403


def test_a_file_of_ours_is_kept_for_good_under_the_address_of_its_content_and_under_no_other(place: Office) -> None:
    browser = place.browser()
    found = re.findall(r'"(/static/[^"]+)"', browser.get("/").text)
    assert {path.partition("?")[0] for path in found} == {f"/static/console.{kind}" for kind in ("css", "js")} | {
        "/static/icon.svg"
    }
    for path in found:
        assert browser.get(path).headers["cache-control"] == "public, max-age=31536000, immutable"
        for other in (path.partition("?")[0], f"{path}0"):
            assert browser.get(other).headers["cache-control"] == "no-store"
    assert browser.get("/static/nothing.css").status_code == 404


def test_no_page_has_a_script_or_a_style_within_it(place: Office) -> None:
    place.conflict()
    browser = place.browser()
    entity = place.who("ada@example.com")
    for path in ("/", "/inbox", "/changes", f"/record/{entity}", "/health", "/mappings"):
        text = browser.get(path).text
        assert " style=" not in text
        assert "<style" not in text
        assert " onclick" not in text
        assert "<script src=" in text
        assert text.count("<script") == 1


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8420", "127.0.0.1.evil.example", "192.168.1.7:8420", ""]
)
def test_a_forged_host_sees_nothing(place: Office, host: str) -> None:
    answer = place.browser().raw("GET", "/", host=host)
    assert answer.status_code == 403
    assert "Not from here" in answer.text
    assert "Inbox" not in answer.text


@pytest.mark.parametrize("host", ["localhost:8420", "127.0.0.1:9000", "[::1]:8420", "LOCALHOST"])
def test_this_machine_is_known_by_all_its_names(place: Office, host: str) -> None:
    assert place.browser().raw("GET", "/", host=host).status_code == 200


def test_a_proxy_that_nobody_declared_is_not_answered(place: Office) -> None:
    answer = place.browser().raw("GET", "/", x_forwarded_for="203.0.113.9")
    assert answer.status_code == 403
    assert "a proxy that nobody declared" in answer.text


def ready(place: Office) -> tuple[Browser, bytes]:
    """A browser with a form that would be taken from our own page."""
    id = place.conflict()
    browser = place.browser()
    browser.get("/inbox")
    form = {"token": browser.field("token"), "id": id, "digest": browser.field("digest"), "way": "app:news"}
    return browser, urlencode(form).encode()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec_fetch_site": "cross-site", "origin": "http://127.0.0.1:8420"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
    ],
)
def test_a_form_from_elsewhere_does_nothing(place: Office, headers: dict[str, str]) -> None:
    browser, form = ready(place)
    answer = browser.raw("POST", "/inbox/answer", form, content_type=FORM, **headers)
    assert answer.status_code == 403
    assert "came from elsewhere" in answer.text
    assert place.decided() == []


@pytest.mark.parametrize("headers", [{"origin": "http://127.0.0.1:8420"}, {"sec_fetch_site": "same-origin"}])
def test_a_form_from_our_own_page_is_taken(place: Office, headers: dict[str, str]) -> None:
    browser, form = ready(place)
    assert browser.raw("POST", "/inbox/answer", form, content_type=FORM, **headers).status_code == 303
    assert len(place.decided()) == 1


@pytest.mark.parametrize("token", ["", "wrong", "wr\u00f6ng"])
def test_a_form_without_the_token_of_the_session_is_shown_again_and_does_nothing(place: Office, token: str) -> None:
    browser, _ = ready(place)
    browser.send("/inbox/answer", {"token": token, "id": "1", "way": "value", "value": "what I typed"})
    assert browser.last.status_code == 409
    assert "This form is from before" in browser.text()
    assert "what I typed" in browser.text()
    assert place.decided() == []


def test_what_was_filled_in_before_a_restart_can_be_sent_again(place: Office) -> None:
    id = place.conflict()
    browser = place.browser()
    browser.get("/inbox")
    form = {"id": str(id), "digest": browser.field("digest"), "way": "value", "value": "333", "back": "/inbox"}
    browser.app = place.open(place.console)
    browser.send("/inbox/answer", form)
    assert "Send it again" in browser.text()
    browser.send("/inbox/answer", form)
    assert place.agreed() == "333"


@pytest.mark.parametrize(
    "path", ["/inbox/answer", "/inbox/answers", "/inbox/preview", "/apps/pause", "/apps/resume", "/logout"]
)
def test_looking_changes_nothing_and_what_changes_something_cannot_be_looked_at(place: Office, path: str) -> None:
    place.conflict()
    assert place.browser().get(f"{path}?id=1&way=agreed&app=crm").status_code in (404, 405)
    assert place.decided() == []


def test_what_is_no_form_or_too_long_or_no_text_is_refused(place: Office) -> None:
    browser, _ = ready(place)
    own = {"origin": browser.base}
    assert browser.raw("POST", "/inbox/answer", b"{}", content_type="application/json", **own).status_code == 415
    long = b"a=" + b"x" * MOST_BYTES
    assert browser.raw("POST", "/inbox/answer", long, content_type=FORM, **own).status_code == 413
    assert browser.raw("POST", "/inbox/answer", b"a=%ff\xff", content_type=FORM, **own).status_code == 400
    assert browser.raw("POST", "/inbox/answer", b"a=1&" * 6000, content_type=FORM, **own).status_code == 400
    assert place.decided() == []


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/\\evil.example", "inbox", "/a b", ""])
def test_a_form_leads_back_to_a_page_of_ours_alone(back: str) -> None:
    assert local(back) == "/"


@pytest.mark.parametrize("back", ["/", "/inbox?kind=deletes&from=25", "/record/e1#e7"])
def test_a_form_leads_back_to_where_it_stood(back: str) -> None:
    assert local(back) == back


def test_where_webhooks_come_in_from_outside_and_nobody_is_named_the_console_is_closed(place: Office) -> None:
    place.open(Console(), public_url="https://sync.example.com")
    answer = Browser(place.app).get("/")
    assert answer.status_code == 403
    assert "sync.example.com leads to this daemon: name who may sign in" in answer.text


def test_on_an_address_that_others_reach_it_is_closed_until_a_proxy_and_people_are_named(place: Office) -> None:
    place.open(Console(), listen="0.0.0.0:8420")
    assert "say console.url, the address of a proxy with TLS" in Browser(place.app).get("/").text
    place.open(BEHIND, listen="0.0.0.0:8420")
    assert Browser(place.app, base="https://sync.example.com").get("/").status_code == 200


def test_behind_its_proxy_it_answers_to_that_name_and_keeps_cookies_to_tls(place: Office) -> None:
    place.open(BEHIND)
    browser = place.browser(name="ada", base="https://sync.example.com")
    assert "Overview" in browser.text()
    assert place.browser().raw("GET", "/", host="other.example.com").status_code == 403
    browser = Browser(place.app, base="https://sync.example.com")
    browser.get("/")
    cookies = browser.raw(
        "POST",
        "/login",
        urlencode({"name": "ada", "password": "correct horse battery"}).encode(),
        content_type=FORM,
        origin="https://sync.example.com",
    ).headers.get_list("set-cookie")
    (session,) = [cookie for cookie in cookies if cookie.startswith("__Host-syncd=")]
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=strict"} <= set(session.split("; "))


def test_a_link_in_a_mail_leads_to_its_page_though_it_brings_no_session(place: Office) -> None:
    place.open(Console.model_construct(enabled=None, url="", people=PEOPLE))
    browser = place.browser(name="ada")
    cookies, browser.cookies = browser.cookies, type(browser.cookies)()
    answer = browser.raw("GET", "/inbox?kind=deletes", sec_fetch_site="cross-site")
    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text
    browser.cookies = cookies
    assert "Held deletes" in browser.get("/inbox?kind=deletes").text


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/login"), ("POST", "/login"), ("GET", "/live"), ("POST", "/undo/do")]
)
def test_no_way_in_is_open_to_a_forged_host(place: Office, method: str, path: str) -> None:
    answer = place.browser().raw(method, path, host="evil.example", origin="http://evil.example", content_type=FORM)
    assert answer.status_code == 403
    assert "Not from here" in answer.text


def test_where_nobody_need_sign_in_there_is_no_page_to(place: Office) -> None:
    assert place.browser().get("/login").url.path == "/"


def test_a_form_that_comes_too_slowly_or_not_whole_does_nothing(place: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_SENDING", 0.05)
    headers = [(b"host", b"127.0.0.1:8420"), (b"content-type", FORM.encode()), (b"sec-fetch-site", b"same-origin")]
    scope = {
        "type": "http", "method": "POST", "path": "/inbox/answer", "raw_path": b"/inbox/answer", "query_string": b"",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8420), "scheme": "http",
        "http_version": "1.1", "root_path": "",
    }  # fmt: skip

    async def status(*parts: Message) -> int:
        said: list[Message] = []
        coming = iter(parts)

        async def receive() -> Message:
            for part in coming:
                return part
            await asyncio.sleep(5)
            raise AssertionError

        async def send(message: Message) -> None:
            said.append(message)

        await place.app(dict(scope), receive, send)
        return int(said[0]["status"])

    begun: Message = {"type": "http.request", "body": b"id=1&", "more_body": True}
    assert asyncio.run(status(begun)) == 408
    assert asyncio.run(status(begun, {"type": "http.disconnect"})) == 400
    assert place.decided() == []
