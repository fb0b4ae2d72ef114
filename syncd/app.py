"""The composition root: the one module that knows everything, and puts it together."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

import httpx
import structlog
from pydantic import SecretStr, TypeAdapter

from syncd.core.guard import Limits
from syncd.engine.remedies import pause
from syncd.engine.world import App, Safety, World
from syncd.errors import ConfigError, ConnectorError, Problem, Transient, Unauthorised, Unavailable
from syncd.mapping.load import check_shapes, load_syncs
from syncd.sdk.clock import WallClock
from syncd.sdk.contract import Clock, Connector, Object, Tools
from syncd.sdk.http import Http, open_client
from syncd.sdk.pace import Gate
from syncd.sdk.redact import conceal
from syncd.sdk.ties import objects_of
from syncd.settings import AppConfig, Config
from syncd.store.store import Store

__all__ = ["Assembly", "assemble", "explained", "known_app", "open_connector", "open_store", "recall"]

_OBJECTS: TypeAdapter[list[Object]] = TypeAdapter(list[Object])


@dataclass(frozen=True, slots=True)
class Assembly:
    """A configuration come to life. Close it when done."""

    config: Config
    world: World
    unreachable: Mapping[str, ConnectorError]
    """Apps that did not answer; their schema is the one remembered from the last time they did."""
    closing: ExitStack

    def close(self) -> None:
        """Let go of connections and of the store."""
        self.closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class StoreVault:
    """Changing secrets, kept in the store: durable before they are used."""

    def __init__(self, store: Store, app: str) -> None:
        self._store = store
        self._app = app

    def get(self, name: str) -> str | None:
        """The secret, or None."""
        with self._store.read() as tx:
            return tx.apps.secret(self._app, name)

    def put(self, name: str, value: str) -> None:
        """Make the secret durable before returning."""
        with self._store.begin() as tx:
            tx.apps.keep_secret(self._app, name, value)


def open_store(config: Config, clock: Clock | None = None) -> Store:
    """The store that the configuration names. Raises StoreError."""
    return Store.open(config.store.url, (clock or WallClock()).now)


def open_connector(
    app: AppConfig, store: Store, clock: Clock, closing: ExitStack, transport: httpx.BaseTransport | None = None
) -> Connector:
    """One app's connector with its tools, both let go of by `closing`. No network yet.

    `transport` is a twin's, instead of the network.
    """
    plugin = app.plugin
    for value in dict(app.settings).values():
        if isinstance(value, SecretStr):
            conceal(value)
    log = structlog.get_logger().bind(app=app.name)
    gate = Gate(plugin.quotas, clock=clock, concurrency=plugin.concurrency)
    client = open_client(connections=plugin.concurrency, transport=transport)
    closing.callback(client.close)
    http = Http(
        client, app=app.name, clock=clock, gate=gate, log=log, base_url=app.settings.base_url or plugin.base_url
    )
    connector = plugin.open(app.settings, Tools(app.name, http, clock, log, StoreVault(store, app.name)))
    closing.callback(connector.close)
    return connector


def assemble(
    config: Config,
    *,
    clock: Clock | None = None,
    transports: Mapping[str, httpx.BaseTransport] | None = None,
    chance: random.Random | None = None,
    lenient: bool = False,
) -> Assembly:
    """Open the store, connect the apps, discover their schemas, and fit the mapping to them.

    Raises ConfigError with every problem of the mapping, StoreError, and ConnectorError where an app cannot be
    reached, unless `lenient`: then an app that was reached before is taken as it was, and left alone until it answers.
    """
    check_shapes(config)
    clock = clock or WallClock()
    with ExitStack() as closing:
        store, connectors = _opened(config, clock, transports or {}, closing)
        schemas, unreachable = _discover(connectors, store, lenient=lenient)
        world = _world(config, store, connectors, schemas, clock, chance or random.SystemRandom())
        for name, error in unreachable.items():
            if isinstance(error, Unauthorised):
                pause(world, name, str(error))
        return Assembly(config, world, unreachable, closing.pop_all())


def recall(config: Config, *, clock: Clock | None = None) -> Assembly:
    """The same without asking any app: schemas as they were when last discovered. For what needs no network.

    Raises ConfigError where an app was never reached.
    """
    check_shapes(config)
    clock = clock or WallClock()
    with ExitStack() as closing:
        store, connectors = _opened(config, clock, {}, closing)
        schemas: dict[str, Sequence[Object]] = {}
        for name in connectors:
            known = _remembered(store, name)
            if known is None:
                raise ConfigError(f"nothing is known of {name} yet", hint="run syncd check, then syncd plan")
            schemas[name] = known
        world = _world(config, store, connectors, schemas, clock, random.SystemRandom())
        return Assembly(config, world, {}, closing.pop_all())


def _opened(
    config: Config, clock: Clock, transports: Mapping[str, httpx.BaseTransport], closing: ExitStack
) -> tuple[Store, dict[str, Connector]]:
    store = open_store(config, clock)
    closing.callback(store.close)
    connectors = {
        name: open_connector(app, store, clock, closing, transports.get(name)) for name, app in config.apps.items()
    }
    return store, connectors


def _world(
    config: Config,
    store: Store,
    connectors: Mapping[str, Connector],
    schemas: Mapping[str, Sequence[Object]],
    clock: Clock,
    chance: random.Random,
) -> World:
    return World(
        store=store,
        apps={
            name: App(name, connector, {o.name: o for o in schemas[name]}, config.apps[name].read_only)
            for name, connector in connectors.items()
        },
        syncs=load_syncs(config, schemas),
        clock=clock,
        chance=chance,
        log=structlog.get_logger(),
        safety=_safety(config),
    )


def _discover(
    connectors: Mapping[str, Connector], store: Store, *, lenient: bool
) -> tuple[dict[str, Sequence[Object]], dict[str, ConnectorError]]:
    schemas: dict[str, Sequence[Object]] = {}
    unreachable: dict[str, ConnectorError] = {}
    for name, connector in connectors.items():
        try:
            schemas[name] = objects_of(connector)
        except ConnectorError as error:
            known = _remembered(store, name) if lenient and _passing(error) else None
            if known is None:
                raise explained(name, error) from error
            schemas[name], unreachable[name] = known, error
            continue
        with store.begin() as tx:
            tx.meta.put(f"schema:{name}", _OBJECTS.dump_json(list(schemas[name])).decode())
    return schemas, unreachable


def _passing(error: ConnectorError) -> bool:
    return isinstance(error, Unauthorised | Unavailable | Transient)


def explained(app: str, error: ConnectorError) -> ConnectorError:
    """The same error as told to somebody who has just named the app: nothing is tried again by itself."""
    message = error.message if error.message.startswith(f"{app}: ") else f"{app}: {error.message}"
    if type(error) in (Unavailable, Transient):
        return type(error)(message, hint="see that the app's address is right and that it is up")
    hint = error.hint or "see that the credentials are right and have the scopes the connector needs"
    return type(error)(message, hint=hint)


def _remembered(store: Store, app: str) -> Sequence[Object] | None:
    with store.read() as tx:
        text = tx.meta.get(f"schema:{app}")
    return _OBJECTS.validate_json(text) if text else None


def _safety(config: Config) -> Safety:
    given = config.safety
    limits = Limits(
        deletes=given.max_deletes,
        delete_share=given.max_delete_share,
        changes=given.mass_changes,
        change_share=given.mass_change_share,
    )
    return Safety(skew=given.skew, second_look=given.second_look, late_write=given.late_write, limits=limits)


def known_app(config: Config, name: str) -> AppConfig:
    """The app of this name; raises ConfigError naming those there are."""
    if name not in config.apps:
        there = ", ".join(config.apps) or "none"
        raise ConfigError([Problem(str(config.path), f'there is no app "{name}"', f"there are: {there}")])
    return config.apps[name]
