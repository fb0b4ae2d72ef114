"""A real Ghost (newsletters and memberships; Node, SQLite) on loopback: install, start, stop, start afresh.

    python -m tests.live.servers.ghost install      once; takes 3 to 15 minutes
    python -m tests.live.servers.ghost start        prints the address and the Admin API key
    python -m tests.live.servers.ghost stop

In tests: `with running_ghost() as ghost:` gives `ghost.url` and `ghost.admin_key`.

Ghost migrates an empty database at its first start, which takes some seconds; `install` does that once,
makes the owner and an integration with an Admin API key, and keeps the file. `reset` puts a copy in place.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.live.servers.process import Server, ServerError, await_http, free_port, home, run, tool

__all__ = ["Ghost", "install", "reset", "running_ghost", "start", "stop"]

_GHOST = "6.65.0"
_PNPM = "12.4.2"
_NODE = "24.21.0"
_HEADERS = "24.11.1"
"""better-sqlite3, when compiled against the headers of a later 24.x, aborts at garbage collection. The binary
interface is the same throughout 24.x, so it is compiled against these."""

_EMAIL, _PASSWORD = "owner@example.com", "only-on-loopback-9x!"
_OWNER = {"name": "Owner", "email": _EMAIL, "password": _PASSWORD, "blogTitle": "Test"}
_ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Ghost:
    """A Ghost that answers: its address, and an Admin API key as `id:hexsecret`."""

    url: str
    admin_key: str


def install() -> None:
    """Fetch, compile and prepare Ghost. Nothing happens where this very version is there already."""
    folder, mark = home("ghost"), home("ghost") / "installed"
    if mark.exists() and mark.read_text() == _GHOST:
        return
    log = folder / "install.log"
    _npm_install(folder / "node", f"{_node_package()}@{_NODE}", log)
    _npm_install(folder / "headers", f"{_node_package()}@{_HEADERS}", log)
    _npm_install(folder / "pnpm", f"pnpm@{_PNPM}", log)
    if not (folder / "package").exists():
        run([tool("npm"), "pack", f"ghost@{_GHOST}", "--loglevel=error"], cwd=folder, log=log)
        with tarfile.open(folder / f"ghost-{_GHOST}.tgz") as archive:
            archive.extractall(folder, filter="data")
    pnpm = folder / "pnpm" / "node_modules" / ".bin" / "pnpm"
    options = ["--prod", "--frozen-lockfile", "--ignore-scripts", f"--store-dir={folder / 'pnpm-store'}"]
    run([pnpm, "install", *options], cwd=folder / "package", env=_environment(folder), log=log)
    _compile_sqlite(folder, log)
    _prepare_database(folder)
    mark.write_text(_GHOST)


def reset() -> None:
    """Put a fresh, migrated database in place. Raises ServerError while Ghost runs."""
    folder = home("ghost")
    if Server(folder).alive():
        raise ServerError("stop Ghost before its database is replaced")
    _drop_database(folder)
    shutil.copyfile(folder / "fresh.db", folder / "ghost.db")


def start() -> Ghost:
    """Start Ghost on its database as it stands, unless it runs already, and wait until it answers."""
    folder = home("ghost")
    server = Server(folder)
    if not server.alive():
        url = _launch(folder, server)
        (folder / "url").write_text(url)
    return Ghost((folder / "url").read_text(), (folder / "admin.key").read_text())


def stop() -> None:
    """Stop Ghost, if it runs."""
    Server(home("ghost")).stop()


@contextmanager
def running_ghost() -> Iterator[Ghost]:
    """A Ghost with an empty database for this block, or the one that somebody has running already."""
    install()
    if Server(home("ghost")).alive():
        yield start()
        return
    reset()
    try:
        yield start()
    finally:
        stop()


def _launch(folder: Path, server: Server) -> str:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    package = folder / "package"
    (package / "config.development.json").write_text(json.dumps(_config(folder, url, port)))
    server.start([_node(folder), "index.js"], cwd=package, env={**_environment(folder), "NODE_ENV": "development"})
    await_http(f"{url}/ghost/api/admin/site/", server, seconds=240)  # 503 or an HTML page until it is ready
    return url


def _config(folder: Path, url: str, port: int) -> Mapping[str, object]:
    connection = {"filename": str(folder / "ghost.db")}
    return {
        "url": url,
        "server": {"host": "127.0.0.1", "port": port},
        "database": {"client": "better-sqlite3", "connection": connection, "useNullAsDefault": True},
        "mail": {"transport": "Direct"},
        "logging": {"transports": ["stdout"], "level": "info"},
        "process": "local",
        "paths": {"contentPath": str(folder / "package" / "content")},
        # Without these, webhooks to loopback are refused and the first sign-in asks for a code by e-mail.
        "security": {"allowWebhookInternalIPs": True, "staffDeviceVerification": False},
        "privacy": dict.fromkeys(("useUpdateCheck", "useGravatar", "useRpcPing", "useStructuredData"), False),
    }


def _prepare_database(folder: Path) -> None:
    # Stopped in the middle of its migrations, Ghost leaves them locked for good: always begin with no file.
    server = Server(folder)
    server.stop()
    _drop_database(folder)
    try:
        key = _admin_key(_launch(folder, server))
    finally:
        server.stop()
    (folder / "admin.key").write_text(key)
    shutil.copyfile(folder / "ghost.db", folder / "fresh.db")


def _admin_key(url: str) -> str:
    """Make the owner and an integration of a Ghost that has neither; the integration's Admin API key."""
    with httpx.Client(base_url=f"{url}/ghost/api/admin/", headers={"Origin": url}, timeout=60) as browser:
        browser.post("authentication/setup/", json={"setup": [_OWNER]}).raise_for_status()
        session = browser.post("session/", json={"username": _EMAIL, "password": _PASSWORD})
        session.raise_for_status()
        # The cookie is marked for https only where Ghost thinks so; hand it over by hand on loopback.
        cookie = session.headers["set-cookie"].partition(";")[0]
        wanted = {"integrations": [{"name": "syncd"}]}
        made = browser.post("integrations/?include=api_keys", json=wanted, headers={"Cookie": cookie})
        made.raise_for_status()
    keys = made.json()["integrations"][0]["api_keys"]
    return str(next(key["secret"] for key in keys if key["type"] == "admin"))


def _drop_database(folder: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        (folder / f"ghost.db{suffix}").unlink(missing_ok=True)


def _compile_sqlite(folder: Path, log: Path) -> None:
    gyp = Path(tool("npm")).resolve().parents[1] / "node_modules" / "node-gyp" / "bin" / "node-gyp.js"
    headers = folder / "headers" / "node_modules" / _node_package()
    environment = {**_environment(folder), "npm_config_nodedir": str(headers)}
    rebuild: list[str | Path] = [_node(folder), gyp, "rebuild", "--release", f"--nodedir={headers}"]
    packages = folder / "package" / "node_modules" / ".pnpm"
    for module in packages.glob("better-sqlite3@*/node_modules/better-sqlite3"):
        run(rebuild, cwd=module, env=environment, log=log)


def _node_package() -> str:
    """Node as the npm package that ships the binary and its headers."""
    architecture = _ARCHITECTURES.get(platform.machine())
    if sys.platform != "linux" or architecture is None:
        raise ServerError(f"no recipe for Ghost on {sys.platform} {platform.machine()}")
    return f"node-linux-{architecture}"


def _npm_install(prefix: Path, package: str, log: Path) -> None:
    prefix.mkdir(exist_ok=True)
    quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
    run([tool("npm"), "install", "--prefix", prefix, *quiet, package], log=log)


def _environment(folder: Path) -> Mapping[str, str]:
    return {"PATH": f"{_node(folder).parent}{os.pathsep}{os.environ['PATH']}"}


def _node(folder: Path) -> Path:
    return folder / "node" / "node_modules" / _node_package() / "bin" / "node"


def _main(action: str) -> None:
    began = time.monotonic()
    match action:
        case "install":
            install()
        case "start":
            install()
            ghost = start()
            print(ghost.url, ghost.admin_key)
        case "reset":
            reset()
        case "stop":
            stop()
        case _:
            sys.exit(f"{action}: one of install, start, reset, stop")
    print(f"{action}: {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    _main(sys.argv[1] if sys.argv[1:] else "start")
