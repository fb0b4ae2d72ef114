"""Whom a client may speak to, judged by the address at which it has arrived, before it says anything there.

A name may lead anywhere, and elsewhere the next moment. So what is judged is the other end of a connection that stands:
between the judgement and the first byte there is nothing that could still be turned.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import httpx

__all__ = ["OutOfReach", "Reach", "abroad", "beyond", "judged"]

Reach: TypeAlias = Callable[[str], str]
"""Why nothing may be said to an address in numbers; "" if it may."""

_EMBEDDING: Final = ipaddress.ip_network("64:ff9b::/96")
"""Addresses that a gateway takes for the IPv4 address in their last 32 bits (RFC 6052)."""
_METADATA: Final = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "fd00:ec2::254", "168.63.129.16")))
"""Where clouds hand out credentials, beside the link-local ones."""

_ALLOW: Final = "say allow_host = true if the app is in a network of yours"


class OutOfReach(httpx.ConnectError):
    """Nothing was said, for it would have been said to a machine that is not meant."""


def beyond(address: str) -> str:
    """Where the operator says so: any machine but those that no app can be on."""
    ip = _ip(address)
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip in _METADATA:
        return f"its name leads to {ip}, where no app is"
    return ""


def abroad(address: str) -> str:
    """Else: public machines only."""
    ip = _ip(address)
    return beyond(address) or ("" if ip.is_global else f"its name leads to {ip}, which is not public: {_ALLOW}")


def judged(url: httpx.URL, reach: Reach) -> Callable[[str, Mapping[str, Any]], None]:
    """For the extension `trace` of a request to this URL: raises OutOfReach where a connection leads astray.

    Behind a proxy that the operator has set (HTTPS_PROXY) nobody here sees the other end. What the name leads to as far
    as this machine knows is judged instead; one that only the proxy knows is the proxy's to judge.
    """
    host = url.raw_host.decode("ascii").strip("[]")
    direct = True

    def trace(event: str, about: Mapping[str, Any]) -> None:
        nonlocal direct
        if event == "connection.connect_tcp.started":
            direct = str(about["host"]).strip("[]") == host
            if not direct and (why := next(filter(None, map(reach, _known(host))), "")):
                raise OutOfReach(why)
        elif event == "connection.connect_tcp.complete" and direct:
            stream = about["return_value"]
            if why := reach(stream.get_extra_info("server_addr")[0]):
                stream.close()
                raise OutOfReach(why)

    return trace


def _known(host: str) -> Sequence[str]:
    """What a name leads to, as far as this machine knows."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except OSError:
        return ()


def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address that is really meant, of those that another is wrapped in."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _EMBEDDING:
            return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        return ip.ipv4_mapped or ip.sixtofour or ip
    return ip
