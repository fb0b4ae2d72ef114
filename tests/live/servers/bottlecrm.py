"""A real BottleCRM (PyPI `django-crm`, MIT) with one organisation, one administrator and one access token.

    with running_bottlecrm() as crm:
        httpx.get(f"{crm.url}/api/contacts/", headers={"Authorization": f"Bearer {crm.token}"})

It needs Python 3.12 or later and PostgreSQL. Its migrations take minutes, so they are run once, into a
database that every run then starts from as its template: each run has an empty CRM within seconds. Jobs
(notification mails) go to a queue in memory that nobody reads.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.live.servers.postgres import Postgres, running_postgres
from tests.live.servers.process import (
    Server,
    ServerError,
    await_http,
    free_port,
    home,
    run,
    stopped_afterwards,
)

__all__ = ["BottleCrm", "running_bottlecrm"]

_VERSION: Final = "1.35.0"
_TEMPLATE: Final = f"bottlecrm_{_VERSION.replace('.', '_')}"
_PYTHONS: Final = ("3.13", "3.12")

_SEED: Final = """
import django, pathlib, sys
django.setup()
from django.contrib.auth import get_user_model
from common.models import Org, PersonalAccessToken, Profile
user = get_user_model().objects.create(email="admin@example.com")
org = Org.objects.create(name="Example")
profile = Profile.objects.create(user=user, org=org, role="ADMIN", is_active=True, is_organization_admin=True)
token, _ = PersonalAccessToken.generate(profile, "syncd")
pathlib.Path(sys.argv[1]).write_text(token)
"""


@dataclass(frozen=True, slots=True)
class BottleCrm:
    """Where the CRM listens, without a trailing slash, and the personal access token of its administrator."""

    url: str
    token: str


@contextmanager
def running_bottlecrm() -> Iterator[BottleCrm]:
    """An empty CRM, installed where it is missing, stopped afterwards. One run at a time per state folder."""
    folder = home("bottlecrm")
    server = Server(folder)
    server.stop()  # a run that was killed may have left it
    with running_postgres("bottlecrm-postgres") as postgres:
        python = _install(folder, server.log)
        if not (postgres.has(_TEMPLATE) and (folder / "token").exists()):
            _migrate(folder, python, postgres, server.log)
        postgres.execute("drop database if exists bottlecrm")
        postgres.execute(f"create database bottlecrm template {_TEMPLATE}")
        port = free_port()
        serve = (folder / "venv/bin/gunicorn", "-w", "1", "--threads", "4", "-b", f"127.0.0.1:{port}")
        env = {**_settings(postgres, "bottlecrm"), "HOME": str(folder)}  # gunicorn puts a socket there
        with stopped_afterwards(server):
            server.start([*serve, "crm.wsgi"], cwd=folder, env=env)
            url = f"http://127.0.0.1:{port}"
            await_http(f"{url}/healthz/", server)
            yield BottleCrm(url, (folder / "token").read_text())


def _install(folder: Path, log: Path) -> Path:
    python = folder / "venv/bin/python"
    mark = folder / f"installed-{_VERSION}"
    if not mark.exists():
        run([_python(), "-m", "venv", "--clear", folder / "venv"], log=log)
        run([python, "-m", "pip", "install", "-q", f"django-crm=={_VERSION}"], log=log)
        mark.touch()
    return python


def _python() -> Path:
    """An interpreter that is new enough: on the PATH, or among those of pyenv."""
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in _PYTHONS:
        # pyenv's own first: its stand-in on the PATH fails for a version that is not switched on.
        kept = sorted(versions.glob(f"{version}*/bin/python"))
        if kept:
            return kept[-1]
        on_path = shutil.which(f"python{version}")
        if on_path is not None:
            return Path(on_path)
    raise ServerError(f"BottleCRM needs Python {' or '.join(_PYTHONS)}: neither is on the PATH or in pyenv")


def _migrate(folder: Path, python: Path, postgres: Postgres, log: Path) -> None:
    """Make the template. It gets its name when it is complete, so that half of one never counts."""
    for name in (_TEMPLATE, "bottlecrm_making"):
        postgres.execute(f"drop database if exists {name}")
    postgres.execute("create database bottlecrm_making")
    settings = _settings(postgres, "bottlecrm_making")
    run([python, "-m", "django", "migrate", "-v0"], log=log, cwd=folder, env=settings)
    run([python, "-c", _SEED, folder / "token"], log=log, cwd=folder, env=settings)
    postgres.execute(f"alter database bottlecrm_making rename to {_TEMPLATE}")


def _settings(postgres: Postgres, database: str) -> Mapping[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "crm.settings",
        "SECRET_KEY": secrets.token_hex(32),
        "ENV_TYPE": "dev",
        "DEBUG": "True",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "DBNAME": database,
        "DBUSER": postgres.user,
        "DBPASSWORD": "none",
        "DBHOST": postgres.host,
        "DBPORT": str(postgres.port),
        "CELERY_BROKER_URL": "memory://",
        "CELERY_RESULT_BACKEND": "cache+memory://",
        "FRONTEND_URL": "http://localhost",
        "DOMAIN_NAME": "http://localhost",
    }
