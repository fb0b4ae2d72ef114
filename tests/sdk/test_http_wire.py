"""The remedies once more, over a real socket: what the HTTP library makes of a broken connection must have its row."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import httpx
import pytest

from syncd.errors import BrokenProtocol, ConnectorError, InDoubt, Transient, Unavailable
from syncd.sdk.clock import WallClock
from syncd.sdk.http import Http, Limits, open_client
from syncd.sdk.pace import Gate
from tests.sdk.ground import Notebook

Manner = Callable[[socket.socket], None]


@contextmanager
def server(manner: Manner) -> Iterator[int]:
    """A server on a loopback port that treats every connection in the same manner."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):  # the test is over
                while True:
                    connection, _ = listening.accept()
                    with closing(connection), suppress(OSError):
                        connection.recv(65_536)
                        manner(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def client(port: int, timeout: float = 5.0) -> Http:
    clock = WallClock()
    return Http(
        open_client(),
        app="crm",
        clock=clock,
        gate=Gate(clock=clock),
        log=Notebook().logger,
        base_url=f"http://127.0.0.1:{port}",
        limits=Limits(timeout=timeout, tries=1),
    )


def hang_up(_connection: socket.socket) -> None:
    pass


def cut_the_body(connection: socket.socket) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id"')


def talk_nonsense(connection: socket.socket) -> None:
    connection.sendall(b"220 mail.example.com ESMTP\r\n\r\n")


def say_nothing(connection: socket.socket) -> None:
    time.sleep(0.4)


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    for _ in range(100):
        connection.sendall(b" ")
        time.sleep(0.02)


def send_broken_gzip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nzzzz")


@pytest.mark.parametrize(
    ("manner", "reading", "writing"),
    [
        (hang_up, Unavailable, InDoubt),
        (cut_the_body, Unavailable, InDoubt),
        (talk_nonsense, Unavailable, InDoubt),
        (say_nothing, Unavailable, InDoubt),
        (drip, Unavailable, InDoubt),
        (send_broken_gzip, BrokenProtocol, InDoubt),
    ],
)
def test_a_connection_that_breaks_after_sending(
    manner: Manner, reading: type[ConnectorError], writing: type[ConnectorError]
) -> None:
    with server(manner) as port, closing(client(port, timeout=0.2)) as http:
        with pytest.raises(reading):
            http.call("GET", "/")
        with pytest.raises(writing):
            http.call("POST", "/", json={})


def test_a_connection_that_is_refused_was_never_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with closing(client(port)) as http, pytest.raises(Transient):
        http.call("POST", "/", json={})


def test_tls_that_cannot_be_verified_is_not_spoken() -> None:
    with (
        server(talk_nonsense) as port,
        closing(client(0).at(f"https://127.0.0.1:{port}")) as http,
        pytest.raises(Transient),
    ):
        http.call("POST", "/", json={})


def test_older_tls_is_not_spoken() -> None:
    assert httpx.create_ssl_context().minimum_version >= ssl.TLSVersion.TLSv1_2
    greetings: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hear() -> None:
            line, _ = listening.accept()
            with closing(line):
                greetings.append(line.recv(65_536))

        thread = threading.Thread(target=hear)
        thread.start()
        http = client(listening.getsockname()[1]).at(f"https://127.0.0.1:{listening.getsockname()[1]}")
        with pytest.raises(ConnectorError):
            http.call("GET", "/contacts")
        thread.join(5)
        http.close()
    (greeting,) = greetings
    offered = greeting.partition(b"\x00\x2b")[2]  # the extension supported_versions (RFC 8446, section 4.2.1)
    versions = offered[3 : 3 + offered[2]]
    assert {versions[at : at + 2] for at in range(0, len(versions), 2)} == {b"\x03\x04", b"\x03\x03"}
