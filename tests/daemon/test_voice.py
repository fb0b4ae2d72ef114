"""What the daemon tells the world: logs without secrets, and a word to systemd."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
import structlog

from syncd.daemon.logs import configure
from syncd.daemon.notify import notify
from syncd.sdk.redact import conceal
from syncd.settings import Log

SECRET = "hunter2-hunter2-hunter2"


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root, hook = logging.getLogger(), threading.excepthook
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], threading.excepthook = handlers, hook
    root.setLevel(level)
    structlog.reset_defaults()


def test_machines_get_one_json_object_a_line_from_every_logger(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Log(format="json"))
    structlog.get_logger().info("delivered", app="crm", entity="e1")
    logging.getLogger("somebody.else").warning("odd: %s", "thing")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [("delivered", "info"), ("odd: thing", "warning")]
    assert lines[0]["entity"] == "e1"
    assert lines[0]["timestamp"].endswith("Z")


def test_people_get_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Log())
    structlog.get_logger().info("delivered", app="crm")
    said = capsys.readouterr().err
    assert "delivered" in said
    assert "app=crm" in said
    assert "{" not in said


def test_less_than_the_level_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Log(level="warning"))
    structlog.get_logger().info("delivered")
    assert capsys.readouterr().err == ""


def test_no_secret_is_said_not_even_in_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    conceal(SECRET)
    configure(Log(level="debug", format="json"))
    log = structlog.get_logger()
    log.info("calling", header=f"Bearer {SECRET}")
    logging.getLogger("lib").error("sent %s", SECRET)
    try:
        int(SECRET)
    except ValueError:
        log.exception("failed")
        logging.getLogger("lib").exception("failed")
    said = capsys.readouterr().err
    assert said.count("***") >= 4
    assert SECRET not in said


def test_a_thread_that_dies_is_logged_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    def dies() -> None:
        raise ValueError(SECRET)

    conceal(SECRET)
    configure(Log(format="json"))
    thread = threading.Thread(target=dies, name="crm: list")
    thread.start()
    thread.join()
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["thread"] == "crm: list"
    assert "ValueError" in line
    assert SECRET not in line


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, abstract: bool) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(f"\0{path}" if abstract else path)
        ear.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{path}" if abstract else path)
        notify("READY=1")
        assert ear.recv(100) == b"READY=1"


def test_without_systemd_nothing_is_told_and_nothing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify("READY=1")


@pytest.mark.parametrize("form", ["console", "json"])
def test_what_an_app_says_begins_no_line_of_its_own_and_obeys_no_terminal(
    capsys: pytest.CaptureFixture[str], form: Literal["console", "json"]
) -> None:
    configure(Log(format=form))
    hostile = "x\n2030-01-01T00:00:00Z [info ] forged\r\x1b[2J\u2028\u061c\ufeffy"
    structlog.get_logger().warning("refused", reason=hostile, about={hostile: [hostile]})
    logging.getLogger("other").warning("said %s", hostile)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert not any(character in "".join(lines) for character in "\r\x1b\u2028\u061c\ufeff")
