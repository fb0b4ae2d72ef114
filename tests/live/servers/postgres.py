"""A PostgreSQL cluster of one's own, on a free loopback port; from Debian's `postgresql` package.

    with running_postgres() as postgres:
        postgres.execute("create database shop")
        connect(postgres.url("shop"))

The server refuses to run as root, so for root it runs as the account that Debian's package makes.
Durability is off: what is tested against it can be made again.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.live.servers.process import Server, ServerError, free_port, home, run, tool

__all__ = ["Postgres", "running_postgres"]

_ACCOUNT: Final = "postgres"
_ENCODING: Final = ("--encoding=UTF8", "--locale=C.UTF-8")


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running cluster. Everybody on this machine may log in as `postgres`, without a password."""

    port: int
    log: Path
    host: str = "127.0.0.1"
    user: str = "postgres"

    def url(self, database: str) -> str:
        """The address of a database, as libpq and SQLAlchemy's `postgresql://` take it."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        """Run one statement as a superuser; raises ServerError if the cluster refuses it."""
        command = [tool("psql"), self.url("postgres"), "-v", "ON_ERROR_STOP=1", "-qc", statement]
        run(command, log=self.log, seconds=120)

    def has(self, database: str) -> bool:
        """Whether there is such a database."""
        try:
            run([tool("psql"), self.url(database), "-qc", "select"], log=self.log, seconds=60)
        except ServerError:
            return False
        return True


@contextmanager
def running_postgres(name: str = "postgres") -> Iterator[Postgres]:
    """The cluster of this name, made where it is missing, stopped afterwards. One run at a time per name."""
    programs = _programs()
    folder = home(name)
    data = folder / "data"
    if os.geteuid() == 0:
        _open_to_account(folder)
    server = Server(folder)
    server.stop()  # a run that was killed may have left it
    if not (data / "PG_VERSION").exists():
        shutil.rmtree(data, ignore_errors=True)  # half made
        _run(server, programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust", *_ENCODING)
    port = free_port()
    settings = ("listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", "fsync=off")
    options = [part for setting in settings for part in ("-c", setting)]
    server.start(_as_account(programs / "postgres", "-D", data, *options), cwd=folder)
    try:
        _await(server, programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port))
        yield Postgres(port=port, log=server.log)
    finally:
        # Its own fast shutdown: the polite signal of `stop` would wait for clients.
        if server.alive():
            _run(server, programs / "pg_ctl", "-D", data, "-m", "fast", "-w", "stop")
        server.stop()


def _programs() -> Path:
    """The folder of the server's programs, which Debian keeps off the PATH; installs them where it may."""
    found = _installed()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        log = home("postgres") / "log"
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "install", "-y", "--no-install-recommends", "postgresql"], log=log, env=quiet)
        found = _installed()
    if found is None:
        raise ServerError("PostgreSQL is needed: install Debian's package postgresql")
    return found


def _installed() -> Path | None:
    on_path = shutil.which("pg_ctl")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in candidates if (folder / "postgres").exists()), None)


def _open_to_account(folder: Path) -> None:
    """Give the account the folder; raises ServerError where a parent keeps it out."""
    shutil.chown(folder, _ACCOUNT, pwd.getpwnam(_ACCOUNT).pw_gid)
    folder.parent.chmod(folder.parent.stat().st_mode | stat.S_IXOTH)  # ours, made for our eyes only
    for parent in folder.parents:
        if not parent.stat().st_mode & stat.S_IXOTH:
            raise ServerError(f"{_ACCOUNT} cannot enter {parent}: set SYNCD_LIVE_DIR to a folder open to it")


def _as_account(*command: str | Path) -> list[str | Path]:
    if os.geteuid() != 0:
        return [*command]
    return ["setpriv", f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}", "--init-groups", *command]


def _run(server: Server, *command: str | Path) -> None:
    run(_as_account(*command), log=server.log, cwd=server.folder)


def _await(server: Server, *ready: str | Path) -> None:
    deadline = time.monotonic() + 60
    while server.alive() and time.monotonic() < deadline:
        try:
            run(ready, log=server.log, seconds=30)
        except ServerError:
            time.sleep(0.1)
        else:
            return
    raise server.died()
