"""Whom a client speaks to: a name that leads astray is not followed, and nothing is said there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from syncd.errors import Transient, Unavailable
from syncd.sdk.auth import Bearer
from syncd.sdk.clock import WallClock
from syncd.sdk.http import Http, Limits, open_client
from syncd.sdk.pace import Gate
from syncd.sdk.reach import Reach, abroad, beyond
from tests.sdk.ground import Notebook


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.7", "172.16.1.1", "192.168.1.1", "100.64.0.1", "0.0.0.0",  # noqa: S104
        "169.254.169.254", "::1", "fe80::1",
        "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.7", "::ffff:127.0.0.1", "64:ff9b::a00:7", "2002:a00:7::1",
        "224.0.0.1",
        "168.63.129.16", "100.100.100.200",
    ],
)  # fmt: skip
def test_an_app_of_a_vendor_is_on_no_machine_that_is_not_public(address: str) -> None:
    assert "its name leads to" in abroad(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07::1", "::ffff:93.184.215.14"])
def test_an_app_may_be_on_any_public_machine(address: str) -> None:
    assert abroad(address) == beyond(address) == ""


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "192.168.1.1", "::1", "fd00::1"])
def test_an_app_of_one_s_own_may_be_near(address: str) -> None:
    assert beyond(address) == ""


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254", "168.63.129.16", "::"]
)
def test_no_app_is_where_clouds_hand_out_credentials(address: str) -> None:
    assert "where no app is" in beyond(address)


@contextmanager
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A server that answers `{}`, and everything that was said to it."""
    said: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    line, _ = listening.accept()
                except OSError:
                    return
                with closing(line):
                    if heard := line.recv(65536):
                        said.append(heard)
                        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(listening.getsockname()[1]), said
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def client(base_url: str, reach: Reach) -> Http:
    clock = WallClock()
    http = Http(
        open_client(),
        app="crm",
        clock=clock,
        gate=Gate(clock=clock),
        log=Notebook().logger,
        reach=reach,
        limits=Limits(timeout=5.0, tries=1),
    )
    return http.at(base_url, auth=Bearer(SecretStr("canary-token-of-a-client")))


@pytest.fixture
def turned(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the vendor leads to this machine."""
    right = socket.getaddrinfo

    def wrong(host: Any, *rest: Any, **more: Any) -> Any:
        return right("127.0.0.1" if host == "api.crm.test" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", wrong)


@pytest.mark.usefixtures("turned")
def test_where_a_name_was_turned_to_a_machine_within_nothing_is_said_not_even_a_greeting() -> None:
    with listener() as (port, said):
        for scheme in ("http", "https"):
            http = client(f"{scheme}://api.crm.test:{port}", abroad)
            with pytest.raises(Transient, match=r"crm\.test.* \(its name leads to 127\.0\.0\.1, which is not public"):
                http.call("POST", "/contacts", json={"a": 1})
            http.close()
        assert said == []


@pytest.mark.usefixtures("turned")
def test_where_an_app_of_one_s_own_may_be_near_it_is_spoken_to() -> None:
    with listener() as (port, said):
        http = client(f"http://api.crm.test:{port}", beyond)
        assert http.call("GET", "/contacts").json == {}
        http.close()
        assert len(said) == 1


def test_a_proxy_that_the_operator_has_set_finds_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    with listener() as (port, said):
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        http = client("http://api.crm.test", abroad)
        assert http.call("GET", "/contacts").json == {}
        http.close()
        assert said[0].startswith(b"GET http://api.crm.test/contacts ")


@pytest.mark.usefixtures("turned")
def test_behind_a_proxy_what_a_name_is_known_to_lead_to_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    with listener() as (port, said):
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        for host in ("api.crm.test", "10.0.0.7"):
            http = client(f"http://{host}", abroad)
            with pytest.raises(Transient, match=r"not public: say allow_host = true if the app is in a network of"):
                http.call("GET", "/contacts")
            http.close()
        assert said == []


def test_an_address_in_brackets_is_judged_too() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        listening = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    with listening:
        http = client(f"http://[::1]:{listening.getsockname()[1]}", abroad)
        with pytest.raises((Transient, Unavailable), match="not public"):
            http.call("GET", "/contacts")
        http.close()
