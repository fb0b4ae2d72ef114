"""Webhooks through the daemon's door: a byte off is refused, and what is signed and makes no sense does no harm."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.types import Message

from syncd.core.record import Ref
from syncd.daemon.door import application
from syncd.daemon.footing import Footing
from syncd.daemon.health import Health
from syncd.daemon.intake import Intake, Limit, Limits
from syncd.daemon.meter import Meter
from syncd.engine.world import App, World
from syncd.settings import Daemon
from syncd.store.store import Store
from syncd.testing.twin import Hook
from tests.effort import effort
from tests.engine.world import people
from tests.fuzz.mangle import Mangle, mangles
from tests.fuzz.stands import HOOK_SECRET, LONG_SECRET, Stand, stand

NAMES = ["ghost", "hubspot", "mailchimp"]
PUBLIC = "https://sync.example.com"
LONGEST_ID = 200


@dataclass
class House:
    """A connector behind the daemon's door, and what the door has written down."""

    name: str
    on: Stand
    store: Store
    app: Any

    def ask(self, hook: Hook, extra: Sequence[tuple[bytes, bytes]] = ()) -> int:
        """The status that a call is answered with."""
        return asyncio.run(self._ask(hook, extra))

    async def _ask(self, hook: Hook, extra: Sequence[tuple[bytes, bytes]]) -> int:
        path, _, query = hook.url.removeprefix(PUBLIC).partition("?")
        named = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in hook.headers.items()]
        scope = {
            "type": "http", "method": hook.method, "path": path, "raw_path": path.encode("latin-1"), "scheme": "https",
            "query_string": query.encode("latin-1"), "headers": [(b"host", b"sync.example.com"), *named, *extra],
            "client": ("192.0.2.1", 1), "server": ("127.0.0.1", 8420), "http_version": "1.1", "root_path": "",
        }  # fmt: skip
        said: list[Message] = []
        body = iter([{"type": "http.request", "body": hook.body, "more_body": False}])

        async def receive() -> Message:
            return next(body)

        async def send(message: Message) -> None:
            said.append(message)

        await self.app(scope, receive, send)
        return int(said[0]["status"])

    def hints(self) -> Sequence[Ref]:
        """Whom to read, all that was noted."""
        with self.store.read() as tx:
            return tx.hints.due("app", self.on.bench.subject, tx.now, 100_000)

    def forgets(self) -> None:
        """Nothing is noted any more."""
        noted = self.hints()
        with self.store.begin() as tx:
            tx.hints.drop(noted, tx.now)

    def genuine(self) -> Hook:
        """What the app calls with when a person edits a record."""
        (id_,) = self.on.bench.some()
        self.on.bench.twin.outbox.clear()
        self.on.bench.person_edits(id_, self.on.ground.texts(self.on.bench)[0], "Changed")
        return self.on.bench.twin.outbox.popleft()

    def signed(self, hook: Hook, body: bytes) -> Hook:
        """The call with another body, signed as the app would."""
        now = self.on.bench.clock.now()

        def digest(message: bytes, secret: str = HOOK_SECRET) -> bytes:
            return hmac.new(secret.encode(), message, hashlib.sha256).digest()

        match self.name:
            case "hubspot":
                sent = str(int(now * 1000))
                right = digest(f"{hook.method}{hook.url}".encode() + body + sent.encode())
                signature = base64.b64encode(right).decode()
                headers = {"X-HubSpot-Request-Timestamp": sent, "X-HubSpot-Signature-v3": signature}
            case "ghost":
                sent = str(int(now * 1000))
                headers = {"X-Ghost-Signature": f"sha256={digest(body + sent.encode(), LONG_SECRET).hex()}, t={sent}"}
            case _:
                sent, secret = str(int(now)), str(self.on.bench.vault.get("webhook_signing_secret"))
                right = digest(f"{sent}.".encode() + body, secret)
                headers = {"X-Mailchimp-Signature": f"t={sent},v1={right.hex()}"}
        return replace(hook, headers={**_lower(hook.headers), **_lower(headers)}, body=body)


@contextmanager
def house(name: str) -> Iterator[House]:
    with stand(name) as on:
        on.ground.hook_url = f"{PUBLIC}/hooks/app"
        on.ground.listen(on.bench)
        bench = on.bench
        store = Store.open("sqlite://", bench.clock.now)
        sync = replace(people(["app"]), apps={"app": bench.subject})
        apps = {"app": App("app", bench.connector, {bench.subject: bench.object})}
        silent = structlog.wrap_logger(None, processors=[_drop])
        world = World(store, apps, {sync.name: sync}, bench.clock, random.Random(1), silent)
        intake = Intake(
            world,
            {"app": bench.connector},
            Footing(lambda: None),
            Meter(),
            lambda _: None,
            public_url=PUBLIC,
            limits=Limits(source=Limit(1e9), app=Limit(1e9), hints=Limit(1e9)),
        )
        well = Health("quiet", {}, {}, (), (), "up")
        door = application(Daemon(public_url=PUBLIC), intake, lambda: well, lambda: b"")
        try:
            yield House(name, on, store, door)
        finally:
            store.close()


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {header.lower(): value for header, value in headers.items()}


def _drop(_logger: Any, _method: str, _event: Any) -> Any:
    raise structlog.DropEvent


SIGNED: Mapping[str, Sequence[str]] = {
    "ghost": ["x-ghost-signature"],
    "hubspot": ["x-hubspot-signature-v3", "x-hubspot-request-timestamp"],
    "mailchimp": ["x-mailchimp-signature"],
}


@pytest.mark.parametrize("name", NAMES)
def test_a_call_with_one_byte_off_is_refused_wherever_it_is(name: str) -> None:
    with house(name) as home:
        hook = home.genuine()
        assert home.ask(hook) == 200
        assert home.hints()
        home.forgets()
        url = hook.url if "?" in hook.url else f"{hook.url}?q=1"
        genuine = home.signed(replace(hook, url=url), hook.body) if name == "hubspot" else hook
        said = {"body": hook.body.decode("latin-1"), "query": url.partition("?")[2]}
        said |= {part: value for part, value in _lower(genuine.headers).items() if part in SIGNED[name]}
        parts = sorted(said.keys() - ({"query"} if name == "ghost" else set()))  # it signs no address

        @given(part=st.sampled_from(parts), at=st.integers(0), byte=st.integers(33, 126).map(chr))
        @effort(80)
        def holds(part: str, at: int, byte: str) -> None:
            before, at = said[part], at % len(said[part])
            spoilt = before[:at] + byte + before[at + 1 :]
            if spoilt == before or (name != "hubspot" and spoilt.lower() == before.lower() and part in SIGNED[name]):
                return  # hexadecimal digits say the same in either case
            match part:
                case "body":
                    forged = replace(genuine, body=spoilt.encode("latin-1"))
                case "query":
                    forged = replace(genuine, url=f"{url.partition('?')[0]}?{spoilt}")
                case _:
                    forged = replace(genuine, headers={**_lower(genuine.headers), part: spoilt})
            assert home.ask(forged) == 401
            assert not home.hints()

        holds()


def bodies() -> st.SearchStrategy[bytes | Mangle]:
    """Bodies of every kind, and ways to spoil a genuine one."""
    event = st.fixed_dictionaries(
        {"subscriptionType": st.sampled_from(["contact.creation", "object.merge", 1, None])},
        optional=dict.fromkeys(("objectId", "primaryObjectId", "mergedObjectIds"), ODD_IDS),
    )
    member = st.fixed_dictionaries({"member": st.dictionaries(st.sampled_from(["current", "previous"]), IDENTIFIED)})
    whole = st.lists(event, max_size=3) | member
    written = whole.map(lambda said: json.dumps(said).encode())
    form = st.dictionaries(
        st.sampled_from(["type", "data[email]", "data[new_email]", "data[list_id]", "data[x]"]), st.text(max_size=20)
    ).map(lambda said: "&".join(f"{name}={value}" for name, value in said.items()).encode("utf-8", "surrogatepass"))
    return mangles() | written | form | st.binary(max_size=60)


ODD_IDS = st.sampled_from(
    [1, "1", -1, True, None, 1.5, 10**40, "\ud83d", "\x00", "../x", "é", "x" * 5000, ["1"], {"id": 1}, [["1"]]]
)
IDENTIFIED = st.dictionaries(st.sampled_from(["id", "email"]), ODD_IDS) | ODD_IDS


@pytest.mark.parametrize("name", NAMES)
def test_a_signed_call_that_makes_no_sense_is_answered_and_does_no_harm(name: str) -> None:
    with house(name) as home:
        hook = home.genuine()

        @given(said=bodies())
        @example(json.dumps([{"subscriptionType": "contact.creation", "objectId": "\ud83d"}]).encode())
        @example(json.dumps({"member": {"current": {"id": "\ud83d"}}}).encode())
        @example(json.dumps([{"subscriptionType": "contact.creation", "objectId": n} for n in range(5000)]).encode())
        @example(b"[" * 100_000 + b"]" * 100_000)
        @example(b"9" * 100_000)
        @effort(60)
        def holds(said: bytes | Mangle) -> None:
            body = said.body(hook.body) if isinstance(said, Mangle) else said
            assert home.ask(home.signed(hook, body)) in (200, 400, 503)
            noted = home.hints()
            assert len(noted) <= 1000
            assert all(ref.id.isprintable() and len(ref.id) <= LONGEST_ID for ref in noted)
            home.forgets()

        holds()


@pytest.mark.parametrize("name", NAMES)
def test_a_stranger_s_call_is_refused_whatever_its_headers_say(name: str) -> None:
    with house(name) as home:
        hook = home.genuine()
        known = [header.lower().encode() for header in hook.headers]
        names = st.sampled_from([*known, b"content-length", b"content-type", b"webhook-id", b"x-forwarded-for"])
        headers = st.lists(st.tuples(names, st.binary(max_size=80) | st.sampled_from([b"sha256=", b"t=,v1=", b"t=1"])))

        @given(body=st.binary(max_size=40), extra=headers)
        @effort(80)
        def holds(body: bytes, extra: list[tuple[bytes, bytes]]) -> None:
            bare = Hook(hook.url.partition("?")[0], {}, body)
            assert home.ask(bare, extra) == 401
            assert not home.hints()

        holds()
