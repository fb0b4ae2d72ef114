"""Webhooks: limits before work, the signature before belief, the hint on disk before the answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from syncd.core.record import Ref
from syncd.daemon import intake as intakes
from syncd.daemon import memory, space
from syncd.daemon.door import application
from syncd.daemon.footing import Footing
from syncd.daemon.health import Health
from syncd.daemon.intake import BODY, DEEPEST, Intake, Limit, Limits
from syncd.daemon.meter import Meter
from syncd.daemon.space import Space
from syncd.errors import BrokenProtocol, StoreError, Unavailable
from syncd.sdk.contract import Request
from syncd.sdk.spans import SILENT, Spans
from syncd.settings import Daemon
from tests.daemon.company import Caller, Company

SIGNED = {"x-signature": "ours"}


@dataclass
class Door:
    """The door of a company, and who was poked."""

    company: Company
    limits: Limits = field(default_factory=Limits)
    footing: Footing = field(default_factory=lambda: Footing(lambda: None))
    poked: list[str] = field(default_factory=list)
    space: Space = field(default_factory=Space)
    listen: str = "127.0.0.1:8420"
    ends: Mapping[str, str] = field(default_factory=dict)
    spans: Spans = SILENT

    def __post_init__(self) -> None:
        settings = Daemon(listen=self.listen, public_url="https://sync.example.com")
        world = replace(self.company.world(), spans=self.spans)
        intake = Intake(
            world,
            self.company.apps,
            self.footing,
            Meter(),
            self.poked.append,
            public_url=settings.public_url,
            limits=self.limits,
            space=self.space,
            ends=self.ends,
        )
        well = Health("quiet", {}, {}, (), (), "up")
        self.app = application(settings, intake, lambda: well, lambda: b"")

    @property
    def crm(self) -> Caller:
        return self.company.apps["crm"]

    def post(self, body: bytes | str, path: str = "/hooks/crm", **headers: str) -> httpx.Response:
        return self.ask("POST", path, {name.replace("_", "-"): value for name, value in headers.items()}, body)

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | str = b"") -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420") as client:
                return await client.request(method, path, headers=headers, content=body)

        return asyncio.run(asked())

    def hints(self, app: str = "crm") -> Sequence[Ref]:
        with self.company.store.read() as tx:
            return tx.hints.due(app, "people", tx.now, 100)


@pytest.fixture
def door(company: Company) -> Door:
    return Door(company)


def test_a_believed_call_leaves_its_hints_in_the_store_and_wakes_the_app(door: Door) -> None:
    assert door.post("1 2", **SIGNED).status_code == 200
    assert [ref.id for ref in door.hints()] == ["1", "2"]
    assert door.poked == ["crm"]


def test_a_call_that_is_not_signed_by_the_app_is_turned_away(door: Door) -> None:
    assert door.post("1").status_code == 401
    assert not door.hints()
    assert door.poked == []


def test_a_signed_call_that_comes_again_is_answered_alike_and_adds_nothing(door: Door) -> None:
    door.post("1", **SIGNED)
    with door.company.store.begin() as tx:
        tx.hints.drop(door.hints(), tx.now)
    assert door.post("1", **SIGNED).status_code == 200
    assert not door.hints()
    assert door.post("1", **SIGNED, x_timestamp="2").status_code == 200
    assert door.hints()


def test_calls_without_any_signature_may_be_alike_and_yet_tell_of_two_edits(door: Door) -> None:
    door.crm.understands = lambda request: [Ref("crm", "people", request.body.decode())]
    door.post("1")
    with door.company.store.begin() as tx:
        tx.hints.drop(door.hints(), tx.now)
    door.post("1")
    assert door.hints()


def test_the_connector_gets_the_bytes_and_the_address_as_they_were_sent(door: Door) -> None:
    door.post(b"\xff 1", "/hooks/crm/a%2Fb?q=%20c", **SIGNED, X_Odd="Yes")
    (heard,) = door.crm.heard
    assert heard.body == b"\xff 1"
    assert heard.url == "https://sync.example.com/hooks/crm/a%2Fb?q=%20c"
    assert heard.method == "POST"
    assert heard.headers["x-odd"] == "Yes"


def test_an_app_may_try_the_address_with_a_get(door: Door) -> None:
    assert door.ask("GET", "/hooks/crm", SIGNED).status_code == 200
    assert door.crm.heard[0].method == "GET"


def test_hints_at_what_no_sync_keeps_are_let_go(door: Door) -> None:
    others = [Ref("crm", "deals", "1"), Ref("news", "people", "1")]
    door.crm.understands = lambda _: others
    assert door.post("1").status_code == 200
    assert not door.hints()
    assert not door.hints("news")


def test_nobody_listens_for_an_app_that_is_not_there(door: Door) -> None:
    assert door.post("1", "/hooks/nobody").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/hooks/crm/0123456789abcdef0123456789abcdef", 200),
        ("/hooks/crm/0123456789abcdef0123456789abcdef/more", 200),
        ("/hooks/crm", 404),
        ("/hooks/crm/", 404),
        ("/hooks/crm/0123456789abcdef0123456789abcdeg", 404),
        ("/hooks/crm/0123456789abcdef0123456789abcdefg", 404),
        ("/hooks/crm/%C3%A9", 404),
        ("/hooks/news", 200),
        ("/hooks/news/anything", 200),
    ],
)
def test_where_an_address_has_a_secret_end_nobody_is_heard_without_it(company: Company, path: str, status: int) -> None:
    door = Door(company, ends={"crm": "0123456789abcdef0123456789abcdef"})
    assert door.post("1", path, **SIGNED).status_code == status
    assert bool(door.crm.heard) == (status == 200 and "crm" in path)


def test_a_long_body_is_not_read_to_its_end(door: Door) -> None:
    answer = door.post(b"1" * (BODY + 1), **SIGNED)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert door.crm.heard == []


def test_a_packed_body_is_not_unpacked(door: Door) -> None:
    assert door.post(b"1", **SIGNED, content_encoding="gzip").status_code == 415
    assert door.crm.heard == []


def test_too_many_calls_are_asked_to_come_again_before_any_work_is_done(company: Company) -> None:
    door = Door(company, Limits(source=Limit(1.0, lambda: 0.0)))
    statuses = [door.post(str(number), **SIGNED).status_code for number in range(3)]
    assert statuses == [200, 200, 503]
    assert len(door.crm.heard) == 2


def test_one_app_is_called_so_often_and_no_more_from_wherever_the_calls_come(company: Company) -> None:
    door = Door(company, Limits(app=Limit(1.0, lambda: 0.0)))
    assert [door.post(str(number), **SIGNED).status_code for number in range(3)] == [200, 200, 503]
    assert door.post("1", "/hooks/news", **SIGNED).status_code == 200


def test_more_records_than_an_app_could_be_asked_for_wait_for_another_call(company: Company) -> None:
    door = Door(company, Limits(hints=Limit(1.0, lambda: 0.0, burst=3.0)))
    answers = [door.post(body, **SIGNED) for body in ("1 2", "3 4", "5")]
    assert [answer.status_code for answer in answers] == [200, 503, 200]
    assert answers[1].headers["retry-after"] == "10"
    assert [ref.id for ref in door.hints()] == ["1", "2", "5"]


def test_a_call_that_names_more_records_than_any_vendor_packs_is_asked_to_come_again(door: Door) -> None:
    answer = door.post(" ".join(map(str, range(1001))), **SIGNED)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert not door.hints()
    assert door.post(" ".join(map(str, range(1000))), **SIGNED).status_code == 200


def test_while_the_disk_is_nearly_full_nothing_is_taken_in(
    company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "LOOKED", 0.0)
    door = Door(company, space=Space(tmp_path))
    assert door.post("1", **SIGNED).status_code == 200
    monkeypatch.setattr(space, "SCARCE", 1 << 62)
    answer = door.post("2", **SIGNED)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert [ref.id for ref in door.hints()] == ["1"]


def test_while_memory_is_nearly_used_up_nothing_is_taken_in(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "LOOKED", 0.0)
    door = Door(company, space=Space(most=1000))
    monkeypatch.setattr(memory, "used", lambda: 800)
    assert door.post("1", **SIGNED).status_code == 503
    monkeypatch.setattr(memory, "used", lambda: 700)
    assert door.post("1", **SIGNED).status_code == 200


def test_so_many_bytes_are_held_at_once_and_are_let_go_of_again(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intakes, "HELD", 10)
    statuses = [door.post(body, **SIGNED).status_code for body in ("1 " * 5, "1" * 11, "2 " * 5)]
    assert statuses == [200, 503, 200]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" * DEEPEST + b"]" * DEEPEST, 200),
        (b"[" * (DEEPEST + 1), 503),
        (b' {"a":' * (DEEPEST + 1), 503),
        (b'["' + b"[" * 1000 + b'"]', 200),
        (b"[" + b"[]," * 1000 + b"[]]", 200),
        (b'["' + b'\\"[' * 1000, 200),
        (b"a=" + b"[" * 1000, 200),
    ],
    ids=["just as deep", "deeper", "objects", "in a text", "side by side", "a text without end", "no JSON"],
)
def test_a_body_that_nests_deeper_than_anybody_needs_is_refused_before_any_work(
    door: Door, body: bytes, status: int
) -> None:
    door.crm.understands = lambda _: []
    assert door.post(body, **SIGNED).status_code == status
    assert len(door.crm.heard) == (status == 200)


def test_a_body_that_is_all_quotes_is_measured_in_a_moment(door: Door) -> None:
    door.crm.understands = lambda _: []
    began = time.monotonic()
    assert door.post(b"[" + b'"' * (BODY - 1), **SIGNED).status_code == 200
    assert door.post(b'["' + b"\\" * (BODY - 2), **SIGNED).status_code == 200
    assert time.monotonic() - began < 5


def test_a_source_that_waits_may_call_again_and_others_never_wait_for_it() -> None:
    now = [0.0]
    limit = Limit(1.0, lambda: now[0])
    assert [limit.allows("a") for _ in range(3)] == [True, True, False]
    assert limit.allows("b")
    now[0] = 1.0
    assert [limit.allows("a") for _ in range(2)] == [True, False]


def test_while_the_store_fails_a_caller_is_asked_to_come_again(door: Door) -> None:
    door.footing.fails("disk full")
    answer = door.post("1", **SIGNED)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")


def test_a_hint_that_cannot_be_stored_is_not_acknowledged(door: Door) -> None:
    def full() -> None:
        raise StoreError("disk full")

    door.company.store.on_commit = full
    assert door.post("1", **SIGNED).status_code == 503
    assert door.footing.trouble == "disk full"
    assert door.poked == []


@pytest.mark.parametrize(
    ("error", "status"),
    [(Unavailable("down"), 503), (BrokenProtocol("odd"), 400), (RecursionError("deep"), 400)],
)
def test_a_call_that_cannot_be_heard_is_answered_by_what_is_wrong(door: Door, error: Exception, status: int) -> None:
    def odd(_: Request) -> Sequence[Ref]:
        raise error

    door.crm.understands = odd
    assert door.post("1", **SIGNED).status_code == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8420", 200),
        ("localhost", 200),
        ("[::1]:8420", 200),
        ("10.0.0.7", 200),
        ("sync.example.com", 200),
        ("rebound.example.net", 400),
        ("localhost.example.net", 400),
        ("", 400),
    ],
)
def test_only_calls_for_a_host_we_know_are_let_in(door: Door, host: str, status: int) -> None:
    assert door.ask("GET", "/healthz", {"host": host}).status_code == status
