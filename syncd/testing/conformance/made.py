"""The suite for a connector without a test class of its own: on its twin, or on an account of a configuration.

On an account, people are played by a second connector of the same kind. That shows less than a twin does, for both may
share a mistake, and it makes, changes and deletes records.
"""

from __future__ import annotations

import atexit
import functools
import time
from collections.abc import Mapping
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Final

import structlog
from pydantic import ValidationError

from syncd.app import Shelf, StoreVault
from syncd.core.record import Create, Delete, Raws, Record, Ref, Stored, Update, Write
from syncd.sdk.clock import WallClock
from syncd.sdk.contract import Connector, Plugin, Settings, Tools, Vault
from syncd.sdk.http import Http, open_client
from syncd.sdk.pace import Gate
from syncd.settings import AppConfig, load
from syncd.testing.conformance import Account, Bench, ConnectorContract, WallTurned
from syncd.testing.conformance.bench import APP
from syncd.testing.twin import Setup, Twin

__all__ = ["on_account", "on_twin"]

_ANYWHERE: Final = "https://app.example.com"
_STEP: Final = 2.0
_AT_THE_END: Final = ExitStack()
"""Closes the stores of accounts when the tests are over."""
atexit.register(_AT_THE_END.close)
_REAL: Final = {
    "an_old_webhook_is_refused_where_its_time_is_signed": "the clock of a real account cannot be turned",
    "an_empty_account_is_a_complete_listing_of_nobody": "an account is not emptied for a check",
    "a_lost_permission_never_looks_like_a_tombstone": "what this app shows somebody without permission is not known",
}


def on_twin(plugin: Plugin) -> type[ConnectorContract]:
    """The suite for a plugin and the twin that it names."""
    module, _, attribute = plugin.twin.partition(":")
    twin: type[Twin] = getattr(import_module(module), attribute)
    given: dict[str, Any] = {"base_url": plugin.base_url or _ANYWHERE, **twin.credentials, **twin.also}
    settings, strangers = plugin.settings.model_validate(given), _stranger(plugin, given, twin.credentials)
    return type("Contract", (ConnectorContract,), {"plugin": plugin, "settings": settings, "strangers": strangers})


def on_account(file: Path, app: str) -> type[ConnectorContract]:
    """The suite for an app of a configuration."""
    config = load(file)
    account, kept = config.apps[app], StoreVault(Shelf(config, WallClock(), _AT_THE_END), app)
    facts = {"plugin": account.plugin, "settings": account.settings, "account": account, "kept": kept}
    return type("Contract", (_OnAccount,), facts)


class _OnAccount(ConnectorContract):
    account: ClassVar[AppConfig]
    kept: ClassVar[Vault]
    impossible = _REAL
    skew = 5.0

    def clock(self) -> WallTurned:
        return WallTurned(_STEP)

    def vault(self) -> Vault:
        return self.kept

    def twin(self, setup: Setup) -> Twin:
        return _Peer(setup, self.account, self.kept)

    def subjects(self) -> tuple[str, ...]:
        peer = _Peer(Setup(clock=self.clock()), self.account, self.kept)
        try:
            return tuple(found.name for found in peer.connector.objects())
        finally:
            peer.close()

    def fields(self, bench: Bench, number: int) -> Raws:
        return super().fields(bench, self.first + number)

    @functools.cached_property
    def first(self) -> int:
        """Where the numbers of this check begin: no record of one is taken for that of another."""
        return int(time.time() * 1000) % 10_000_000_000 * 100_000


class _Peer(Account):
    """A real account whose people are a second connector."""

    def __init__(self, setup: Setup, account: AppConfig, vault: Vault) -> None:
        super().__init__(setup)
        plugin, log = account.plugin, structlog.get_logger()
        self._http = Http(
            open_client(connections=plugin.concurrency),
            app=APP,
            clock=setup.clock,
            gate=Gate(plugin.quotas, clock=setup.clock, concurrency=plugin.concurrency),
            log=log,
            base_url=account.settings.base_url or plugin.base_url,
        )
        self.connector: Connector = plugin.open(account.settings, Tools(APP, self._http, setup.clock, log, vault))

    def records(self, object: str) -> Mapping[str, Mapping[str, Any]]:
        """What a full listing shows; where its rows are no facts, what reads of them show."""
        shown: dict[str, Mapping[str, Any]] = {}
        for page in self.connector.changes(object, None):
            rows = page.rows if page.facts else self.connector.read([row.ref for row in page.rows]).values()
            shown |= {row.ref.id: row.fields for row in rows if isinstance(row, Record)}
        return shown

    def person_edit(self, object: str, id: str, fields: Mapping[str, Any]) -> None:
        """The other connector edits."""
        self._do(Update(Ref(APP, object, id), fields, "edit"))

    def person_create(self, object: str, fields: Mapping[str, Any]) -> str:
        """The other connector makes one."""
        return self._do(Create(APP, object, fields, f"{object} {time.time_ns()}")).ref.id

    def person_delete(self, object: str, id: str) -> None:
        """The other connector deletes."""
        self._do(Delete(Ref(APP, object, id), "delete"))

    def close(self) -> None:
        """Hang up."""
        super().close()
        self.connector.close()
        self._http.close()

    def _do(self, write: Write) -> Stored:
        (outcome,) = self.connector.write([write])
        if not isinstance(outcome, Stored):
            raise ValueError(str(outcome))  # noqa: TRY004 - what the app said, not what a caller passed
        return outcome


def _stranger(plugin: Plugin, given: Mapping[str, Any], credentials: Mapping[str, str]) -> Settings | None:
    """The same with credentials that look alike and open nothing; None where no such can be made up."""
    wrong = {name: ("1" if value[:1] == "0" else "0") + value[1:] for name, value in credentials.items()}
    try:
        return plugin.settings.model_validate({**given, **wrong})
    except ValidationError:
        return None
