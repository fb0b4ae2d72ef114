"""A real Radicale (PyPI `radicale`, GPL-3.0+): a CardDAV server with as many empty address books as are asked for.

    with running_radicale(books=("left", "right")) as server:
        httpx.request("PROPFIND", server.book("left"), auth=server.auth)

Each run begins with empty books. Whoever names themselves is let in; the books are those of one user.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from tests.live.servers.process import Server, await_http, free_port, home, run, stopped_afterwards

__all__ = ["Radicale", "installed", "running_radicale"]

_VERSION: Final = "3.9.0"
_USER: Final = "ada"
_PASSWORD: Final = "on-loopback-only"
_MAKE: Final = (
    '<?xml version="1.0"?><mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype>'
    "<collection/><C:addressbook/></resourcetype><displayname>{name}</displayname></prop></set></mkcol>"
)
_CONFIG: Final = """
[server]
hosts = 127.0.0.1:{port}
max_connections = 50
[auth]
type = none
[rights]
type = owner_only
[storage]
filesystem_folder = {data}
[logging]
level = info
"""


@dataclass(frozen=True, slots=True)
class Radicale:
    """Where the server listens, without a trailing slash, and who is let in."""

    url: str
    auth: tuple[str, str] = (_USER, _PASSWORD)

    def book(self, name: str) -> str:
        """The address of a book."""
        return f"{self.url}/{_USER}/{name}/"


def installed(name: str, *packages: str) -> Path:
    """The programs of a virtual environment of its own, in which these packages of PyPI are."""
    folder = home(name)
    mark = folder / "installed"
    if not mark.exists() or mark.read_text() != " ".join(packages):
        log = folder / "install.log"
        run([sys.executable, "-m", "venv", "--clear", folder / "venv"], log=log)
        run([folder / "venv/bin/python", "-m", "pip", "install", "-q", *packages], log=log)
        mark.write_text(" ".join(packages))
    return folder / "venv" / "bin"


@contextmanager
def running_radicale(*, books: Sequence[str], name: str = "radicale") -> Iterator[Radicale]:
    """A server with empty books, installed where it is missing, stopped afterwards. One at a time of each name."""
    python = installed("radicale", f"radicale=={_VERSION}") / "python"
    folder = home(name)
    server = Server(folder)
    server.stop()  # a run that was killed may have left it
    shutil.rmtree(folder / "data", ignore_errors=True)
    port = free_port()
    (folder / "config").write_text(_CONFIG.format(port=port, data=folder / "data"))
    with stopped_afterwards(server):
        server.start([python, "-m", "radicale", "--config", folder / "config"], cwd=folder)
        radicale = Radicale(f"http://127.0.0.1:{port}")
        await_http(f"{radicale.url}/.web/", server)
        for book in books:
            made = httpx.request(
                "MKCOL",
                radicale.book(book),
                content=_MAKE.format(name=book),
                headers={"Content-Type": "application/xml"},
                auth=radicale.auth,
            )
            made.raise_for_status()
        yield radicale
