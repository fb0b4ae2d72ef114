"""Whom a client believes: an authority of one's own is believed by the app that names it, and by no other."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from syncd.errors import Transient
from syncd.sdk.clock import WallClock
from syncd.sdk.http import Http, Limits, open_client
from syncd.sdk.pace import Gate
from syncd.sdk.trust import doubtful
from tests.alerts.servers import certified
from tests.sdk.ground import Notebook


@contextmanager
def encrypted(folder: Path) -> Iterator[int]:
    """A server that answers `{}` by TLS, with a certificate of its own."""
    context = certified(folder)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):  # the test is over
                while True:
                    line, _ = listening.accept()
                    with closing(line), suppress(OSError), context.wrap_socket(line, server_side=True) as safe:
                        safe.recv(65536)
                        safe.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def client(port: int, authorities: Path | None) -> Http:
    clock = WallClock()
    return Http(
        open_client(authorities=authorities),
        app="crm",
        clock=clock,
        gate=Gate(clock=clock),
        log=Notebook().logger,
        base_url=f"https://127.0.0.1:{port}",
        limits=Limits(tries=1),
    )


def test_an_authority_of_one_s_own_is_believed_by_the_app_that_names_it_and_by_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with encrypted(tmp_path) as port:
        own = tmp_path / "ca.pem"
        monkeypatch.setenv("SSL_CERT_FILE", str(own))
        with closing(client(port, own)) as http:
            assert http.call("GET", "/").json == {}
        with closing(client(port, None)) as http, pytest.raises(Transient, match="failed to reach"):
            http.call("GET", "/")


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [
        (None, 0o600, "the file own.pem cannot be read: No such file or directory"),
        (b"", 0o600, "the file own.pem has no certificate in it"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0o600, "has no certificate in it"),
        (b"", 0o646, "the file own.pem may be written by anybody: chmod o-w own.pem"),
    ],
)
def test_a_file_that_is_of_no_use_is_told(tmp_path: Path, content: bytes | None, mode: int, told: str) -> None:
    own = tmp_path / "own.pem"
    if content is not None:
        own.write_bytes(content)
        own.chmod(mode)
    assert told in doubtful(own)


def test_a_file_of_certificates_is_of_use(tmp_path: Path) -> None:
    certified(tmp_path)
    assert doubtful(tmp_path / "ca.pem") == ""
