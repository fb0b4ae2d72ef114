"""Being let in by OAuth: what comes back is tied to what was asked, and the grant is on the disk before it is used."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import socket
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from syncd import toml
from syncd.console import authorise as authorising
from syncd.console.authorise import Granted, asked, authorise
from syncd.console.cli import main
from syncd.errors import BrokenProtocol, ConfigError, Halted, SyncdError, Unauthorised
from syncd.sdk.http import open_client
from tests.daemon.house import free_port

TEXT = """[apps.crm]
connector = "hubspot"
client_id = "app-1"
client_secret = { env = "CRM_CLIENT_SECRET" }
refresh_token = { file = "crm.grant" }
hook = { env = "CRM_HOOK" }

[syncs.people.apps]
crm = "contacts"
"""
Answer = Mapping[str, str]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRM_CLIENT_SECRET", "canary-client-secret")
    path = tmp_path / "config.toml"
    path.write_text(TEXT)
    return path


class Vendor:
    """HubSpot's token endpoint, which changes one code, once, for whoever knows what its challenge was made from."""

    def __init__(self) -> None:
        self.challenge = ""
        self.redirect = ""
        self.calls = 0
        self.grant: dict[str, object] = {"access_token": "short", "refresh_token": "canary-grant", "expires_in": 1800}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        made = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        right = {
            "grant_type": "authorization_code",
            "code": "code-1",
            "redirect_uri": self.redirect,
            "client_id": "app-1",
            "client_secret": "canary-client-secret",
        }
        known = {name: form.get(name) for name in right} == right and made == self.challenge
        return httpx.Response(200, json=self.grant) if known else httpx.Response(400, json={"message": "no"})


def owner(vendor: Vendor, *visits: Callable[[dict[str, str]], tuple[str, Answer, Answer]]) -> Callable[[str], None]:
    """An owner whose browser makes these visits, each by what the page was asked: address, query, headers."""

    def tell(page: str) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(page).query).items()}
        vendor.challenge, vendor.redirect = query["code_challenge"], query["redirect_uri"]

        def browse() -> None:
            for visit in visits:
                address, params, headers = visit(query)
                httpx.get(address.replace("localhost", "127.0.0.1"), params=params, headers=headers)

        threading.Thread(target=browse).start()

    return tell


def visit(path: str = "", *, host: str = "", **answer: str) -> Callable[[dict[str, str]], tuple[str, Answer, Answer]]:
    def made(query: dict[str, str]) -> tuple[str, Answer, Answer]:
        parts = urlsplit(query["redirect_uri"])
        address = f"{parts.scheme}://{parts.netloc}{path or parts.path}"
        return address, {"state": query["state"], **answer}, {"host": host or parts.netloc}

    return made


def granted(path: Path, vendor: Vendor, *visits: Callable[[dict[str, str]], tuple[str, Answer, Answer]]) -> Granted:
    transport = httpx.MockTransport(vendor)
    request = asked(toml.read(path), "crm")
    return authorise(request, owner(vendor, *visits), port=0, patience=5.0, transport=transport)


def test_a_grant_is_kept_in_the_private_file_that_the_configuration_names(path: Path) -> None:
    made = granted(path, Vendor(), visit(code="code-1"))
    file = path.parent / "crm.grant"
    assert made.file == str(file)
    assert file.read_text() == "canary-grant\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir() if one.name.startswith(".")] == []


def test_an_answer_to_what_was_not_asked_does_nothing(path: Path) -> None:
    vendor = Vendor()
    granted(
        path,
        vendor,
        visit(code="stolen", state="guessed"),
        visit(code="stolen", state=""),
        visit("/elsewhere", code="stolen"),
        visit(code="stolen", host="evil.example.com"),
        visit(),
        visit(code="code-1"),
    )
    assert vendor.calls == 1


def test_a_code_that_somebody_else_asked_for_is_of_no_use(path: Path) -> None:
    vendor = Vendor()
    tell = owner(vendor, visit(code="code-1"))

    def other(page: str) -> None:
        tell(page)
        vendor.challenge = "of somebody else"

    with pytest.raises(SyncdError, match="answered 400"):
        authorise(asked(toml.read(path), "crm"), other, port=0, transport=httpx.MockTransport(vendor))
    assert not (path.parent / "crm.grant").exists()


def test_no_more_is_asked_for_than_what_is_kept_the_same_takes(path: Path) -> None:
    wanted = asked(toml.read(path), "crm").scopes
    assert "crm.objects.contacts.write" in wanted
    assert not [scope for scope in wanted if "companies" in scope or "deals" in scope]
    path.write_text(TEXT.replace("[syncs", "read_only = true\n[syncs"))
    assert not [scope for scope in asked(toml.read(path), "crm").scopes if "write" in scope]
    path.write_text(TEXT.partition("[syncs")[0])
    assert "crm.objects.deals.read" in asked(toml.read(path), "crm").scopes


def test_an_owner_who_says_no_or_nothing_grants_nothing(path: Path) -> None:
    with pytest.raises(Unauthorised, match="access was not granted: access_denied"):
        granted(path, Vendor(), visit(error="access_denied"))
    with pytest.raises(Halted, match="nobody granted access within 0 s"):
        authorise(asked(toml.read(path), "crm"), lambda _: None, port=0, patience=0.1)
    assert not (path.parent / "crm.grant").exists()


def test_a_vendor_that_gives_no_refresh_token_is_told(path: Path) -> None:
    vendor = Vendor()
    vendor.grant = {"access_token": "short"}
    with pytest.raises(BrokenProtocol, match="without a refresh token"):
        granted(path, vendor, visit(code="code-1"))


def test_a_port_that_is_taken_and_a_file_that_cannot_be_written_are_told(path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError, match="cannot be listened on"):
        authorise(asked(toml.read(path), "crm"), lambda _: None, port=taken.getsockname()[1])
    path.write_text(TEXT.replace("crm.grant", "nowhere/crm.grant"))
    with pytest.raises(ConfigError, match="cannot be written"):
        granted(path, Vendor(), visit(code="code-1"))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[apps.crm]", "[apps.other]", 'config.toml:1:apps: there is no app "crm"'),
        ('"hubspot"', '"ghost"', "config.toml:1:apps.crm: Ghost is reached by a key, not by OAuth"),
        ('"hubspot"', "7", "config.toml:2:apps.crm.connector: is 7, expected a text"),
        ('"hubspot"', '"hubspot"\npackage = "a==1"', 'config.toml:3:apps.crm.package: is "a==1", and the connector'),
        ('{ file = "crm.grant" }', '{ env = "X" }', "config.toml:5:apps.crm.refresh_token: names no file (say refresh"),
        ('client_id = "app-1"\n', "", "config.toml:1:apps.crm.client_id: is missing, or no reference (say client_id"),
        ('{ env = "CRM_CLIENT_SECRET" }', '"inline"', "config.toml:4:apps.crm.client_secret: is missing, or no refer"),
        ("CRM_CLIENT_SECRET", "UNSET", "config.toml:4:apps.crm.client_secret: the environment variable UNSET is not"),
        ("hook =", 'base_url = "https://evil.example.com"\nhook =', 'apps.crm.base_url: "evil.example.com" is no addr'),
    ],
)
def test_what_stands_in_the_way_is_told_with_its_place(path: Path, old: str, new: str, told: str) -> None:
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        asked(toml.read(path), "crm")
    assert told in str(caught.value)


def test_the_command_says_where_to_go_and_shows_no_secret(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vendor, port = Vendor(), free_port()
    transport = httpx.MockTransport(vendor)
    monkeypatch.setattr(authorising, "open_client", lambda **more: open_client(**{**more, "transport": transport}))
    monkeypatch.setattr(secrets, "token_urlsafe", lambda size: f"known-{size}-" + "x" * 40)
    vendor.redirect = f"http://localhost:{port}/granted"
    verifier = f"known-64-{'x' * 40}"
    vendor.challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")

    def browse() -> None:
        query = {"state": f"known-32-{'x' * 40}", "code": "code-1"}
        where = httpx.HTTPTransport(retries=5)
        with httpx.Client(transport=where) as client:
            client.get(f"http://127.0.0.1:{port}/granted", params=query, headers={"host": f"localhost:{port}"})

    browser = threading.Timer(0.5, browse)
    browser.start()
    assert main(["authorise", "crm", "--port", str(port), "--config", str(path), "--json"]) == 0
    browser.join()
    said = capsys.readouterr()
    assert json.loads(said.out) == {
        "app": "crm",
        "file": str(path.parent / "crm.grant"),
        "scopes": list(asked(toml.read(path), "crm").scopes),
    }
    (page,) = [line for line in said.err.splitlines() if line.startswith("https://")]
    assert page.startswith("https://app.hubspot.com/oauth/authorize?response_type=code&client_id=app-1&redirect_uri=")
    assert "canary" not in said.err + said.out
    assert "code-1" not in said.err
