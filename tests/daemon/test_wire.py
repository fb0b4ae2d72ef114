"""Who comes to the door and says nothing, or says it very slowly, does not keep others out."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest

from syncd.daemon import wire
from tests.daemon.company import Company, Service

SOON = 0.3
ASK = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(wire, "ASKING", SOON)
    with ExitStack() as stack, Company(tmp_path, stack).running() as running:
        yield running


def caller(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.daemon.port), timeout=5)


def left(line: socket.socket) -> float:
    """Seconds until the door has hung up; everything that it says until then is read."""
    began = time.monotonic()
    while line.recv(65536):
        pass
    return time.monotonic() - began


def test_who_says_nothing_is_let_go(service: Service) -> None:
    with closing(caller(service)) as line:
        assert left(line) < SOON + 2


def test_who_never_comes_to_the_end_of_a_head_is_let_go(service: Service) -> None:
    with closing(caller(service)) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        for _ in range(3):
            time.sleep(SOON / 4)
            line.sendall(b"X-More: 1\r\n")
        assert left(line) < SOON + 2


def test_a_head_without_end_is_refused(service: Service) -> None:
    with closing(caller(service)) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 17 * 1024)
        assert line.recv(65536).startswith(b"HTTP/1.1 400")


def test_a_second_request_of_a_connection_has_no_more_time(service: Service) -> None:
    with closing(caller(service)) as line:
        line.sendall(ASK)
        assert line.recv(65536).startswith(b"HTTP/1.1 200")
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: loc")
        assert left(line) < SOON + 2


def test_two_requests_in_one_breath_are_both_answered(service: Service) -> None:
    with closing(caller(service)) as line:
        line.sendall(ASK + ASK)
        said = b""
        while said.count(b"HTTP/1.1 200") < 2:
            said += line.recv(65536)


def test_those_who_say_nothing_do_not_keep_the_door_shut(service: Service) -> None:
    with ExitStack() as lines:
        for _ in range(300):
            lines.enter_context(closing(caller(service)))
        time.sleep(SOON + 0.5)
        assert httpx.get(f"{service.url}/healthz").status_code == 200


def test_an_answer_may_take_longer_than_the_question(service: Service) -> None:
    with closing(caller(service)) as line:
        line.sendall(b"POST /hooks/crm HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n1")
        time.sleep(SOON + 0.3)
        line.sendall(b"2")
        assert line.recv(65536).startswith(b"HTTP/1.1 401")
