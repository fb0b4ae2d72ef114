"""What servers do: tokens they forget, answers they cut, conditions they refuse, addresses they send one to."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace

import httpx
import pytest

from syncd.core.record import (
    Create,
    Delete,
    Exists,
    Gone,
    Record,
    Ref,
    Refused,
    Stale,
    Stored,
    Unknown,
    Update,
    Version,
    Write,
)
from syncd.errors import BrokenProtocol, Rejected, Unauthorised
from syncd.sdk.http import Answer
from syncd_connectors.carddav.dav import condition, multistatus
from syncd_connectors.carddav.twin import BOOK
from tests.connectors.carddav.ground import SERVER, bench_on, change, make, settings

CARD = """BEGIN:VCARD
VERSION:3.0
UID:u-1
N:Example;Ann;;;
FN:Ann Example
item1.EMAIL;TYPE=INTERNET,pref:ann@example.com
item1.X-ABLabel:_$!<Work>!$_
X-LIKES:tea
PHOTO;ENCODING=b;TYPE=PNG:AAAA
END:VCARD
"""


def _answered(body: str, status: int = 207) -> Answer:
    return Answer(status, {}, None, body)


def _multi(*rows: str, token: str = "") -> str:
    end = f"<sync-token>{token}</sync-token>" if token else ""
    return f'<multistatus xmlns="DAV:">{"".join(rows)}{end}</multistatus>'


# --- XML from outside ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE multistatus [<!ENTITY a "x">]><multistatus xmlns="DAV:">&a;</multistatus>',
        '<!DOCTYPE multistatus SYSTEM "http://127.0.0.1:1/x.dtd"><multistatus xmlns="DAV:"/>',
        "<html/>",
        "no xml",
        "",
        '<multistatus xmlns="DAV:"><response/></multistatus>',
        '<multistatus xmlns="DAV:"><response><href>/x</href><status>fine</status></response></multistatus>',
    ],
)
def test_what_is_no_multistatus_is_a_broken_protocol(body: str) -> None:
    with pytest.raises(BrokenProtocol):
        multistatus(_answered(body))


def test_a_multistatus_with_status_200_is_none() -> None:
    with pytest.raises(BrokenProtocol):
        multistatus(_answered(_multi(), 200))


def test_a_property_that_is_missing_is_something_else_than_a_resource_that_is_gone() -> None:
    lacking = "<propstat><prop><getetag/></prop><status>HTTP/1.1 404 Not Found</status></propstat>"
    row = f"<response><href>/a%20b.vcf</href>{lacking}</response>"
    (one,) = multistatus(_answered(_multi(row))).responses
    assert (one.path, one.status, dict(one.props)) == ("/a b.vcf", 200, {})


def test_a_precondition_is_named_without_its_namespace() -> None:
    held = '<C:no-uid-conflict xmlns:C="urn:ietf:params:xml:ns:carddav"><href>/a.vcf</href></C:no-uid-conflict>'
    assert condition(_answered(f'<error xmlns="DAV:">{held}</error>', 409)) == ("no-uid-conflict", "/a.vcf")
    assert condition(_answered("Forbidden", 403)) == ("", None)
    assert condition(_answered("<html/>", 403)) == ("", None)


SABRE = (
    '<d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns"><s:sabredav-version>4.6.0</s:sabredav-version>'
    "<s:exception>Sabre\\DAV\\Exception\\Forbidden</s:exception><s:message>no</s:message>{}</d:error>"
)
"""A refusal by sabre/dav (Nextcloud, ownCloud, Baïkal): what it says of itself stands before the precondition."""


def test_what_a_server_says_of_itself_is_no_precondition() -> None:
    assert condition(_answered(SABRE.format("<d:valid-sync-token/>"), 403)) == ("valid-sync-token", None)
    assert condition(_answered(SABRE.format(""), 403)) == ("", None)


# --- listings --------------------------------------------------------------------------------------------------------


def test_a_quiet_book_is_one_call_and_fetches_no_card() -> None:
    with bench_on(records=5) as (bench, twin):
        cursor = bench.cursor()
        before = sum(twin.calls.values())
        pages = bench.pages(cursor)
        assert [page.rows for page in pages] == [()]
        assert sum(twin.calls.values()) == before + 1


def test_a_listing_names_versions_and_is_no_fact() -> None:
    with bench_on(records=2) as (bench, twin):
        (page,) = bench.pages()
        assert not page.facts
        rows = {row.ref.id: row.version.token for row in page.rows if isinstance(row, Record)}
        assert rows == twin.etags


def test_a_token_that_the_server_forgot_is_a_full_listing() -> None:
    with bench_on(records=3) as (bench, twin):
        cursor = bench.cursor()
        twin.person_delete("contacts", min(twin.cards))
        twin.oldest = len(twin.history)
        pages = bench.pages(cursor)
        assert {row.ref.id for page in pages for row in page.rows} == set(twin.cards)
        assert [page.complete for page in pages] == [True]


def test_a_token_that_sabre_forgot_is_a_full_listing_too() -> None:
    with bench_on(records=3) as (bench, twin):
        cursor = bench.cursor()
        twin.oldest = len(twin.history) + 1

        def sabre(_request: httpx.Request, answer: httpx.Response) -> httpx.Response:
            return httpx.Response(403, text=SABRE.format("<d:valid-sync-token/>")) if answer.is_error else answer

        with bench._through(sabre):
            pages = bench.pages(cursor)
        assert {row.ref.id for page in pages for row in page.rows} == set(twin.cards)
        assert [page.complete for page in pages] == [True]


def test_a_refusal_to_list_is_not_taken_for_a_forgotten_token() -> None:
    with bench_on(records=3) as (bench, _):
        cursor = bench.cursor()
        with (
            bench._through(lambda _request, _answer: httpx.Response(403, text="Forbidden")),
            pytest.raises(Unauthorised),
        ):
            bench.pages(cursor)


def test_an_answer_that_the_server_cut_is_asked_on_for() -> None:
    with bench_on(records=250) as (bench, twin):
        pages = bench.pages()
        assert [len(page.rows) for page in pages] == [100, 100, 50]
        assert [page.complete for page in pages] == [False, False, True]
        assert [json.loads(page.cursor)["whole"] for page in pages] == [True, True, False]
        assert twin.calls[f"REPORT {BOOK}"] == 3


def test_the_book_itself_and_what_lies_deeper_are_no_cards() -> None:
    etag = '<propstat><prop><getetag>"1"</getetag></prop><status>HTTP/1.1 200 OK</status></propstat>'
    hrefs = (BOOK, f"{SERVER}{BOOK}a%40b.vcf", f"{BOOK}inner/c.vcf", "/dav/other/d.vcf")
    body = _multi(*(f"<response><href>{href}</href>{etag}</response>" for href in hrefs), token="t")
    with bench_on() as (bench, _), bench._through(lambda _request, _answer: httpx.Response(207, text=body)):
        assert [row.ref.id for page in bench.pages() for row in page.rows] == ["a@b.vcf"]


def test_a_listing_without_a_new_token_is_a_broken_protocol() -> None:
    with (
        bench_on() as (bench, _),
        bench._through(lambda _request, _answer: httpx.Response(207, text=_multi())),
        pytest.raises(BrokenProtocol),
    ):
        bench.pages()


def test_without_sync_collection_only_cards_with_another_etag_need_reading() -> None:
    with bench_on(records=3, syncs=False) as (bench, twin):
        can = bench.can
        assert (can.incremental, can.deletes.value) == (False, "absent")
        before = {row.ref.id: row.version for page in bench.pages() for row in page.rows if isinstance(row, Record)}
        one = min(twin.cards)
        twin.person_edit("contacts", one, {"title": "Boss"})
        after = {row.ref.id: row.version for page in bench.pages() for row in page.rows if isinstance(row, Record)}
        assert {id for id in after if after[id] != before[id]} == {one}


def test_a_card_that_an_answer_leaves_out_is_asked_for_by_itself() -> None:
    with bench_on({"u-1.vcf": CARD}) as (bench, _twin):

        def forgetful(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
            return httpx.Response(207, text=_multi()) if request.method == "REPORT" else answer

        with bench._through(forgetful):
            found = bench.connector.read([bench.ref("u-1.vcf"), bench.ref("nobody.vcf")])
        assert isinstance(found[bench.ref("u-1.vcf")], Record)
        assert found[bench.ref("nobody.vcf")] == Gone(bench.ref("nobody.vcf"))


# --- writes ----------------------------------------------------------------------------------------------------------


def test_what_no_mapping_knows_survives_a_write() -> None:
    with bench_on({"u-1.vcf": CARD}) as (bench, twin):
        change(bench, "u-1.vcf", email="other@example.com", n_family="Other")
        expected = CARD.replace("ann@", "other@").replace("Example", "Other").replace("other@Other", "other@example")
        assert twin.cards["u-1.vcf"] == expected.replace("\n", "\r\n")


def test_a_card_that_was_just_read_is_written_in_one_call() -> None:
    with bench_on({"u-1.vcf": CARD}) as (bench, twin):
        seen = bench.seen("u-1.vcf")
        before = dict(twin.calls)
        bench.store(Update(bench.ref("u-1.vcf"), {"title": "Boss"}, bench.key(), seen.version))
        told = {call: count - before.get(call, 0) for call, count in twin.calls.items() if count != before.get(call, 0)}
        assert told == {f"PUT {BOOK}{{id}}": 1}


def test_a_server_that_names_no_etag_is_asked_what_it_kept() -> None:
    with bench_on({"u-1.vcf": CARD}, rewrites=True) as (bench, twin):
        record = change(bench, "u-1.vcf", title="Boss")
        assert record.version.token == twin.etags["u-1.vcf"]
        assert record.fields["title"] == "Boss"
        assert "REV:" in twin.cards["u-1.vcf"]
        change(bench, "u-1.vcf", title="Chief")
        assert twin.cards["u-1.vcf"].count("REV:") == 1


def test_a_proxy_that_compresses_does_not_come_between_a_card_and_its_etag() -> None:
    with bench_on({"u-1.vcf": CARD}) as (bench, twin):

        def nginx(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
            if request.method == "GET" and "gzip" in request.headers["accept-encoding"]:
                answer.headers["etag"] = f"W/{answer.headers['etag']}"
            return answer

        write = Update(bench.ref("u-1.vcf"), {"title": "Boss"}, bench.key(), Version(twin.etags["u-1.vcf"]))
        with bench._through(nginx):
            bench.store(write)


def test_a_write_without_a_condition_meets_a_faster_one_and_is_made_again() -> None:
    with bench_on({"u-1.vcf": CARD}) as (bench, twin):
        bench.seen("u-1.vcf")
        twin.person_edit("contacts", "u-1.vcf", {"note": "A person was faster"})
        bench.store(Update(bench.ref("u-1.vcf"), {"title": "Boss"}, bench.key()))
        assert (bench.people()["u-1.vcf"]["note"], bench.people()["u-1.vcf"]["title"]) == (
            "A person was faster",
            "Boss",
        )


def test_a_version_that_was_read_by_another_process_is_written_on_top_of() -> None:
    with bench_on({"u-1.vcf": CARD}) as (bench, twin):
        version = Version(twin.etags["u-1.vcf"])
        bench.store(Update(bench.ref("u-1.vcf"), {"title": "Boss"}, bench.key(), version))
        write = Update(bench.ref("u-1.vcf"), {"title": "Late"}, bench.key(), version)
        assert bench.write(write)[write.key] == Stale(write.key)


def test_the_same_create_is_the_same_card_in_another_process_too() -> None:
    with bench_on() as (bench, twin):
        write = Create("app", "contacts", {"fn": "Ann"}, "a-key")
        made = bench.store(write)
        again = bench.open(settings()).write([write])
        assert again == [Exists("a-key", made.ref)]
        assert len(twin.cards) == 1


def test_a_uid_that_another_card_has_is_met_by_that_card() -> None:
    with bench_on({"elsewhere.vcf": CARD}) as (bench, _):
        write = Create("app", "contacts", {"fn": "Ann", "uid": "u-1"}, bench.key())
        assert bench.write(write)[write.key] == Exists(write.key, bench.ref("elsewhere.vcf"))


def test_a_card_with_a_uid_of_its_own_bears_it() -> None:
    with bench_on() as (bench, _twin):
        id = make(bench, {"fn": "Ann", "uid": "urn:uuid:1"})
        assert bench.people()[id]["uid"] == "urn:uuid:1"


def test_a_card_that_the_server_does_not_take_is_refused_with_its_reason() -> None:
    held = '<error xmlns="DAV:"><C:max-resource-size xmlns:C="urn:ietf:params:xml:ns:carddav"/></error>'
    with bench_on({"u-1.vcf": CARD}) as (bench, _):
        seen = bench.seen("u-1.vcf")
        writes: list[Write] = [
            Update(bench.ref("u-1.vcf"), {"note": "long"}, "one", seen.version),
            Create("app", "contacts", {"fn": "Ann"}, "two"),
        ]
        with bench._through(lambda _request, _answer: httpx.Response(403, text=held)):
            outcomes = bench.write(*writes)
        assert all(isinstance(one, Refused) and one.code == "max-resource-size" for one in outcomes.values())


def test_a_user_who_may_not_write_is_told_as_such() -> None:
    with (
        bench_on() as (bench, _),
        bench._through(lambda _request, _answer: httpx.Response(403, text="Forbidden")),
        pytest.raises(Unauthorised),
    ):
        bench.write(Create("app", "contacts", {"fn": "Ann"}, "key"))


def test_a_user_who_may_not_write_is_told_as_such_by_sabre_too() -> None:
    with (
        bench_on() as (bench, _),
        bench._through(lambda _request, _answer: httpx.Response(403, text=SABRE.format("<d:need-privileges/>"))),
        pytest.raises(Unauthorised),
    ):
        bench.write(Create("app", "contacts", {"fn": "Ann"}, "key"))


def test_a_book_that_is_gone_refuses_new_cards() -> None:
    with bench_on() as (bench, _), bench._through(lambda _request, _answer: httpx.Response(404, text="nothing")):
        (outcome,) = bench.write(Create("app", "contacts", {"fn": "Ann"}, "key")).values()
    assert isinstance(outcome, Refused)


@pytest.mark.parametrize("status", [404, 403, 503])
def test_a_write_that_cannot_be_read_again_is_in_doubt(status: int) -> None:
    with bench_on({"u-1.vcf": CARD}, rewrites=True) as (bench, _twin):
        seen = bench.seen("u-1.vcf")

        def vanished(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
            return httpx.Response(status) if request.method == "GET" else answer

        with bench._through(vanished):
            (outcome,) = bench.write(Update(bench.ref("u-1.vcf"), {"title": "Boss"}, "key", seen.version)).values()
        assert isinstance(outcome, Unknown)


def test_a_delete_is_of_the_version_that_was_meant() -> None:
    with bench_on({"u-1.vcf": CARD}) as (bench, twin):
        seen = bench.seen("u-1.vcf")
        twin.person_edit("contacts", "u-1.vcf", {"note": "kept"})
        late = Delete(bench.ref("u-1.vcf"), "late", seen.version)
        assert bench.write(late)["late"] == Stale("late")
        assert bench.write(replace(late, key="now", expect=None))["now"] == Stored("now", bench.ref("u-1.vcf"))
        assert not twin.cards


def test_an_object_that_an_address_book_does_not_have_is_refused() -> None:
    with bench_on() as (bench, _), pytest.raises(Rejected):
        list(bench.connector.changes("companies", None))


# --- where the book is -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "book"),
    [
        (SERVER + BOOK, ""),
        (SERVER + BOOK.rstrip("/"), ""),
        (SERVER, ""),
        (f"{SERVER}/", "Contacts"),
        (f"{SERVER}/dav/", "contacts"),
        (f"{SERVER}/dav/ada/", ""),
        (f"{SERVER}/dav/principals/ada/", ""),
    ],
)
def test_the_book_is_found_from_wherever_one_begins(base_url: str, book: str) -> None:
    with bench_on({"u-1.vcf": CARD}, given=settings(base_url, book=book)) as (bench, _):
        assert bench.seen("u-1.vcf").ref == Ref("app", "contacts", "u-1.vcf")


@pytest.mark.parametrize(("base_url", "book"), [(SERVER, "Enemies"), (f"{SERVER}/nowhere/", "")])
def test_a_book_that_is_not_there_is_told_with_what_to_do(base_url: str, book: str) -> None:
    with bench_on() as (bench, _), pytest.raises(Rejected) as refused:
        bench.open(settings(base_url, book=book)).check()
    assert "base_url" in f"{refused.value.hint}"


def test_credentials_do_not_follow_to_another_server() -> None:
    elsewhere = httpx.Response(301, headers={"Location": "https://other.example/dav/"})
    with (
        bench_on() as (bench, _),
        bench._through(lambda _request, _answer: elsewhere),
        pytest.raises(BrokenProtocol, match=r"other\.example"),
    ):
        bench.open(settings(SERVER)).check()


@pytest.mark.parametrize("named", ["addressbook-home-set", "current-user-principal"])
def test_a_home_on_another_server_is_named_and_the_password_does_not_go_there(named: str) -> None:
    asked: list[str] = []

    def as_icloud_does(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        asked.append(request.url.host)
        told = re.sub(rf"({named}><[^>]*>)/", r"\1https://p42.example/", answer.text)
        return answer if told == answer.text else httpx.Response(answer.status_code, text=told)

    with bench_on() as (bench, _), bench._through(as_icloud_does), pytest.raises(Rejected) as refused:
        bench.open(settings(SERVER)).check()
    assert "https://p42.example/" in refused.value.message
    assert 'base_url = "https://p42.example/' in f"{refused.value.hint}"
    assert set(asked) == {"dav.example.com"}


def test_being_sent_around_comes_to_an_end() -> None:
    with (
        bench_on() as (bench, _),
        bench._through(lambda _r, _a: httpx.Response(301, headers={"Location": "/x/"})),
        pytest.raises(BrokenProtocol, match="from one place to the next"),
    ):
        bench.open(settings(SERVER)).check()


def test_an_address_must_be_whole() -> None:
    with pytest.raises(ValueError, match="full address"):
        settings("dav.example.com")


def test_the_twin_refuses_a_card_that_lacks_what_every_card_has() -> None:
    with bench_on() as (_, twin):
        sent = httpx.Request("PUT", f"{SERVER}{BOOK}x.vcf", content=b"BEGIN:VCARD\r\nEND:VCARD\r\n", headers=_login())
        assert twin.handle(sent).status_code == 403


def _login() -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(b'ada:twin-password').decode()}"}
