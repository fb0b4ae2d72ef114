"""A message arrives, signed or encrypted, or the reason is told."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from syncd.alerts.news import Item, Message, News
from syncd.alerts.senders import NotTold, Sender, opened
from syncd.alerts.words import TEST, body, message_id, subject
from syncd.destinations import Email, LogLines, Severity, To, Webhook
from syncd.sdk.clock import WallClock
from syncd.sdk.contract import Request
from syncd.sdk.signatures import standard_webhooks
from tests.alerts.servers import PASSWORD, USER, post, receiver
from tests.daemon.house import free_port

SECRET = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
MESSAGE = Message(
    (
        Item(
            group="paused:crm",
            news=News.BEGUN,
            severity=Severity.URGENT,
            since=1_900_000_000.0,
            text="crm is paused: it refuses the credentials",
            hint="syncd resume crm",
        ),
        Item(
            group="waiting:holds",
            news=News.MORE,
            severity=Severity.NOTICE,
            since=1_900_000_000.0,
            text="deletes that wait for a yes: 9",
            fresh=7,
            numbers=(9, 8, 7, 6, 5),
        ),
        Item(group="failing:news", news=News.ENDED, severity=Severity.WARNING, since=1.0, text="news answers again"),
    )
)


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def sender(to: To, closing: ExitStack) -> Sender:
    return opened({"ops": to}, WallClock(), closing)["ops"]


def webhook(url: str) -> Webhook:
    return Webhook(kind="webhook", url=url, secret=SecretStr(SECRET))


def trusting(folder: Path, port: int, **more: Any) -> Email:
    return email(port, authorities=folder / "ca.pem", **more)


def email(port: int, **more: Any) -> Email:
    more = {"security": "starttls", "to": ["ops@example.com"], **more}
    return Email.model_validate({"kind": "email", "host": "127.0.0.1", "port": port, "from": USER, **more})


def test_a_call_bears_a_signature_that_its_receiver_can_check(closing: ExitStack) -> None:
    with receiver() as there:
        told = sender(webhook(f"{there.url}/syncd?team=ops"), closing)(MESSAGE, "msg_1", 1_900_000_060.0)
        ((path, headers, content),) = there.calls
    assert told.endswith("answered 204")
    assert path == "/syncd?team=ops"
    request = Request(method="POST", url=path, headers=headers, body=content)
    standard_webhooks(request, [SecretStr(SECRET)], WallClock().now())
    assert headers["webhook-id"] == "msg_1"
    said = json.loads(content)
    assert (said["type"], said["timestamp"]) == ("syncd.alert", "2030-03-17T17:47:40Z")
    assert said["data"]["severity"] == "urgent"
    assert said["data"]["items"][1] == {
        "group": "waiting:holds",
        "news": "more",
        "severity": "notice",
        "since": "2030-03-17T17:46:40Z",
        "text": "deletes that wait for a yes: 9",
        "hint": "",
        "fresh": 7,
        "numbers": [9, 8, 7, 6, 5],
    }


@pytest.mark.parametrize("status", [401, 404, 500, 302])
def test_a_call_that_is_not_taken_says_so_without_the_secret_in_its_address(status: int, closing: ExitStack) -> None:
    with receiver() as there:
        there.status = status
        tell = sender(webhook(f"{there.url}/services/T0CANARY/B0CANARY/canary"), closing)
        with pytest.raises(NotTold, match=str(status)) as caught:
            tell(MESSAGE, "msg_1", 0.0)
    assert "canary" not in str(caught.value).lower()


def test_nobody_listens_is_told_too(closing: ExitStack) -> None:
    with pytest.raises(NotTold, match="failed to reach 127"):
        sender(webhook(f"http://127.0.0.1:{free_port()}/"), closing)(MESSAGE, "msg_1", 0.0)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_goes_encrypted_and_by_login(security: str, tmp_path: Path, closing: ExitStack) -> None:
    with post(tmp_path, security=security, login=security == "starttls") as box:
        password = {"password": PASSWORD} if security == "starttls" else {}
        tell = sender(trusting(tmp_path, box.port, security=security, **password), closing)
        assert tell(MESSAGE, "msg_1", 1_900_000_060.0) == f"127.0.0.1:{box.port} took it"
    (mail,) = box.mails
    assert box.encrypted == [True]
    assert mail["Subject"] == "[syncd] urgent: crm is paused: it refuses the credentials (and 2 more)"
    assert (mail["From"], mail["To"], mail["Message-ID"]) == (USER, "ops@example.com", "<msg_1@example.com>")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"] == "Sun, 17 Mar 2030 17:47:40 -0000"
    text = mail.get_content().replace("\r\n", "\n")
    assert "urgent: crm is paused: it refuses the credentials (since 2030-03-17T17:46:40Z)\n  syncd resume crm" in text
    assert "notice: deletes that wait for a yes: 9; 7 new: #9, #8, #7, #6, #5, ... (since" in text
    assert "warning: over: news answers again\n" in text


@pytest.mark.parametrize("end", ["\r\n", "\x0b", "\x85", "\u2028"])
def test_what_a_server_says_in_several_lines_is_one_in_the_subject(
    end: str, tmp_path: Path, closing: ExitStack
) -> None:
    text = f"it fails{end}Bcc: a stranger"
    said = Item(group="store", news=News.BEGUN, severity=Severity.URGENT, since=0.0, text=text)
    with post(tmp_path, security="none", login=False) as box:
        sender(email(box.port, security="none"), closing)(Message((said,)), "msg_1", 1_900_000_000.0)
    (mail,) = box.mails
    assert mail["Subject"] == "[syncd] urgent: it fails Bcc: a stranger"
    assert mail["Bcc"] is None


def test_a_server_on_this_machine_may_take_mail_in_the_open(tmp_path: Path, closing: ExitStack) -> None:
    with post(tmp_path, security="none", login=False) as box:
        sender(email(box.port, security="none"), closing)(MESSAGE, "msg_1", 0.0)
    assert box.encrypted == [False]


def test_who_is_refused_is_counted_and_the_others_get_the_mail(tmp_path: Path, closing: ExitStack) -> None:
    with post(tmp_path, security="none", login=False) as box:
        box.refuses = {"gone@example.com"}
        tell = sender(email(box.port, security="none", to=["ops@example.com", "gone@example.com"]), closing)
        assert tell(MESSAGE, "msg_1", 0.0).endswith("took it, but refused it for 1 of 2")
    assert len(box.mails) == 1


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"password": "not the right one"}, "answered 535"),
        ({"password": "päßwort"}, "letters that SMTP does not know"),
        ({"to": ["gone@example.com"], "password": PASSWORD}, "refused every address \\(550\\)"),
        ({"security": "none"}, "530"),
    ],
)
def test_a_mail_that_is_not_taken_says_why(more: dict[str, Any], told: str, tmp_path: Path, closing: ExitStack) -> None:
    with post(tmp_path) as box:
        box.refuses = {"gone@example.com"}
        with pytest.raises(NotTold, match=told) as caught:
            sender(trusting(tmp_path, box.port, **more), closing)(MESSAGE, "msg_1", 0.0)
    assert "gone@example.com" not in str(caught.value)
    assert box.mails == []


def test_a_mail_server_that_is_not_there_is_told_in_words(closing: ExitStack) -> None:
    with pytest.raises(NotTold, match=r"^127\.0\.0\.1:1: Connection refused\n"):
        sender(email(1, security="none"), closing)(MESSAGE, "msg_1", 0.0)


def test_a_mail_server_that_nobody_vouches_for_gets_nothing(
    tmp_path: Path, closing: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))  # it is believed where it is named, and nowhere else
    with post(tmp_path) as box, pytest.raises(NotTold, match="certificate"):
        sender(email(box.port, password=PASSWORD), closing)(MESSAGE, "msg_1", 0.0)
    assert box.mails == []


def test_the_log_has_a_line_for_each_thing_as_loud_as_it_matters(closing: ExitStack) -> None:
    with capture_logs() as lines:
        sender(LogLines(kind="log"), closing)(MESSAGE, "msg_1", 0.0)
    assert [(line["log_level"], line["about"], line["news"]) for line in lines] == [
        ("error", "paused:crm", "begun"),
        ("info", "waiting:holds", "more"),
        ("warning", "failing:news", "ended"),
    ]


def test_a_test_is_called_a_test(closing: ExitStack) -> None:
    with receiver() as there:
        sender(webhook(there.url), closing)(TEST, "msg_1", 0.0)
        ((path, _, content),) = there.calls
    assert path == "/"
    assert json.loads(content)["type"] == "syncd.test"
    assert "nothing is wrong" in subject(TEST)
    assert "since" not in body(TEST, "here")


def test_the_same_news_have_the_same_id_and_other_news_another() -> None:
    assert message_id("ops", {}, MESSAGE) == message_id("ops", {}, MESSAGE)
    assert message_id("ops", {}, MESSAGE) != message_id("team", {}, MESSAGE)
    assert message_id("ops", {}, MESSAGE) != message_id("ops", {}, TEST)


def test_many_new_pieces_are_not_counted_to_the_last() -> None:
    item = Item(
        group="waiting:quarantine",
        news=News.BEGUN,
        severity=Severity.NOTICE,
        since=1.0,
        text="records in quarantine: 12345",
        fresh=100,
        numbers=(3, 2, 1),
    )
    assert "at least 100 new: #3, #2, #1, ..." in body(Message((item,)), "here")
