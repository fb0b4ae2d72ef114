"""The composition root: the one module that knows everything, and puts it together."""

from __future__ import annotations

import random
from collections.abc import Container, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx
import structlog
from pydantic import SecretStr, TypeAdapter

from syncd.core.fieldmap import Sync
from syncd.core.guard import Limits
from syncd.engine.remedies import Stopped, pause
from syncd.engine.setback import notice
from syncd.engine.world import App, Safety, World
from syncd.errors import ConfigError, ConnectorError, Problem, Transient, Unauthorised, Unavailable
from syncd.mapping.load import check_shapes, load_syncs
from syncd.sdk.clock import WallClock
from syncd.sdk.contract import Clock, Connector, Object, Tools, Vault
from syncd.sdk.http import Http, open_client
from syncd.sdk.pace import Gate
from syncd.sdk.reach import Reach, abroad, beyond
from syncd.sdk.redact import conceal
from syncd.sdk.spans import SILENT, Spans
from syncd.sdk.ties import objects_of
from syncd.secrets import near
from syncd.settings import AppConfig, Config, Guards
from syncd.spelling import suggest
from syncd.store.generation import generation_file
from syncd.store.sealing import Seal, key_file, seal_all
from syncd.store.store import Store
from syncd.tracing import traced

__all__ = [
    "Assembly",
    "Shelf",
    "StoreVault",
    "assemble",
    "explained",
    "known_app",
    "open_connector",
    "placed",
    "recall",
    "seal_of",
]

_OBJECTS: TypeAdapter[list[Object]] = TypeAdapter(list[Object])


@dataclass(frozen=True, slots=True)
class Assembly:
    """A configuration come to life. Close it when done."""

    config: Config
    world: World
    unreachable: Mapping[str, ConnectorError]
    """Apps that did not answer; their schema is the one remembered from the last time they did."""
    closing: ExitStack
    gates: Mapping[str, Gate] = field(default_factory=dict)
    """The limiter before each app."""

    def close(self) -> None:
        """Let go of connections and of the store."""
        self.closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Shelf:
    """The store that a configuration names, opened when it is first needed and closed by `closing`.

    Whoever only looks, or finds a mistake, leaves no file behind. Opening raises StoreError.
    """

    def __init__(self, config: Config, clock: Clock, closing: ExitStack) -> None:
        self._url = config.store.url
        self.seal = seal_of(config)
        self._clock = clock
        self._closing = closing
        self._store: Store | None = None

    def there(self) -> Store | None:
        """The store, unless its file is still to be made."""
        file = self._url.removeprefix("sqlite:///")
        to_be_made = file not in {self._url, "", ":memory:"} and not Path(file).exists()
        return self._store if self._store is not None or to_be_made else self.store()

    def store(self) -> Store:
        """The store, made where it is missing."""
        if self._store is None:
            self._store = Store.open(self._url, self._clock.now)
            self._closing.callback(self._store.close)
        return self._store


class StoreVault:
    """Changing secrets, kept in the store and sealed there: durable before they are used."""

    def __init__(self, shelf: Shelf, app: str) -> None:
        self._shelf = shelf
        self._app = app

    def get(self, name: str) -> str | None:
        """The secret, or None."""
        store = self._shelf.there()
        if store is None:
            return None
        with store.read() as tx:
            kept = tx.apps.secret(self._app, name)
        return None if kept is None else self._shelf.seal.open(self._app, name, kept)

    def put(self, name: str, value: str) -> None:
        """Make the secret durable before returning."""
        sealed = self._shelf.seal.close(self._app, name, value)
        with self._shelf.store().begin() as tx:
            tx.apps.keep_secret(self._app, name, sealed)


def seal_of(config: Config) -> Seal:
    """What secrets that change while running are sealed with in the store of a configuration."""
    key = config.store.key
    return Seal(key.get_secret_value() if key else "", key_file(config.store.url))


def gate_of(app: AppConfig, clock: Clock) -> Gate:
    """The limiter before an app, by what its connector knows of the vendor's quotas."""
    return Gate(app.plugin.quotas, clock=clock, concurrency=app.plugin.concurrency)


def open_connector(
    app: AppConfig,
    vault: Vault,
    clock: Clock,
    closing: ExitStack,
    transport: httpx.BaseTransport | None = None,
    gate: Gate | None = None,
    spans: Spans = SILENT,
) -> Connector:
    """One app's connector with its tools, both let go of by `closing`. No network yet.

    `transport` is a twin's, instead of the network. `gate`: the limiter that it shares with others, if it does.
    `spans`: who is told of its calls.
    """
    plugin = app.plugin
    for value in (app.hook, *dict(app.settings).values()):
        if isinstance(value, SecretStr):
            conceal(value)
    log = structlog.get_logger().bind(app=app.name)
    gate = gate or gate_of(app, clock)
    client = open_client(connections=plugin.concurrency, transport=transport, authorities=app.authorities)
    closing.callback(client.close)
    http = Http(
        client,
        app=app.name,
        clock=clock,
        gate=gate,
        log=log,
        base_url=app.settings.base_url or plugin.base_url,
        reach=_reach(app),
        spans=spans,
    )
    connector = plugin.open(app.settings, Tools(app.name, http, clock, log, vault))
    closing.callback(connector.close)
    return connector


def _reach(app: AppConfig) -> Reach:
    """Where the app may be: on a public machine, or on this one, unless the operator says otherwise."""
    return beyond if app.allow_host or near(app.settings.base_url) else abroad


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
        shelf = Shelf(config, clock, closing)
        gates = {name: gate_of(app, clock) for name, app in config.apps.items()}
        spans = traced(closing)
        connectors = _opened(config, shelf, clock, transports or {}, closing, gates, spans)
        schemas, unreachable = _discover(config, connectors, shelf, lenient=lenient)
        syncs = load_syncs(config, schemas)
        _remember(shelf.store(), schemas, unreachable)
        notice(shelf.store(), generation_file(config.store.url))
        chance = chance or random.SystemRandom()
        world = _world(config, shelf.store(), connectors, gates, schemas, syncs, clock, chance, spans)
        for name, error in unreachable.items():
            if isinstance(error, Unauthorised):
                pause(world, name, str(error), kind=Stopped.LOGIN)
        return Assembly(config, world, unreachable, closing.pop_all(), gates)


def recall(config: Config, *, clock: Clock | None = None) -> Assembly:
    """The same without asking any app: schemas as they were when last discovered. For what needs no network.

    Raises ConfigError where an app was never reached.
    """
    check_shapes(config)
    clock = clock or WallClock()
    with ExitStack() as closing:
        shelf = Shelf(config, clock, closing)
        connectors = _opened(config, shelf, clock, {}, closing, {})
        store, schemas = shelf.store(), dict[str, Sequence[Object]]()
        for name in connectors:
            known = _remembered(store, name)
            if known is None:
                raise ConfigError(f"nothing is known of {name} yet", hint="run syncd check, then syncd plan")
            schemas[name] = known
        syncs = load_syncs(config, schemas)
        world = _world(config, store, connectors, {}, schemas, syncs, clock, random.SystemRandom())
        return Assembly(config, world, {}, closing.pop_all())


def _opened(
    config: Config,
    shelf: Shelf,
    clock: Clock,
    transports: Mapping[str, httpx.BaseTransport],
    closing: ExitStack,
    gates: Mapping[str, Gate],
    spans: Spans = SILENT,
) -> dict[str, Connector]:
    store = shelf.there()  # one that cannot be used, or opened, is told before any app is asked
    if store is not None:
        seal_all(store, shelf.seal)
    return {
        name: open_connector(app, StoreVault(shelf, name), clock, closing, transports.get(name), gates.get(name), spans)
        for name, app in config.apps.items()
    }


def _world(
    config: Config,
    store: Store,
    connectors: Mapping[str, Connector],
    gates: Mapping[str, Gate],
    schemas: Mapping[str, Sequence[Object]],
    syncs: Mapping[str, Sync],
    clock: Clock,
    chance: random.Random,
    spans: Spans = SILENT,
) -> World:
    return World(
        store=store,
        apps={
            name: App(
                name,
                connector,
                {o.name: o for o in schemas[name]},
                config.apps[name].read_only,
                gate=gates.get(name),
            )
            for name, connector in connectors.items()
        },
        syncs=syncs,
        clock=clock,
        chance=chance,
        log=structlog.get_logger(),
        safety=_safety(config, schemas),
        spans=spans,
    )


def _discover(
    config: Config, connectors: Mapping[str, Connector], shelf: Shelf, *, lenient: bool
) -> tuple[dict[str, Sequence[Object]], dict[str, ConnectorError]]:
    schemas: dict[str, Sequence[Object]] = {}
    unreachable: dict[str, ConnectorError] = {}
    for name, connector in connectors.items():
        try:
            schemas[name] = objects_of(connector)
        except ConfigError as error:
            raise placed(config.apps[name], error) from error
        except ConnectorError as error:
            store = shelf.there() if lenient and _passing(error) else None
            known = None if store is None else _remembered(store, name)
            if known is None:
                raise explained(name, error) from error
            schemas[name], unreachable[name] = known, error
    return schemas, unreachable


def _remember(store: Store, schemas: Mapping[str, Sequence[Object]], unreachable: Container[str]) -> None:
    """Keep what the apps that answered have told, for when they do not answer."""
    with store.begin() as tx:
        for name, objects in schemas.items():
            if name not in unreachable:
                tx.meta.put(f"schema:{name}", _OBJECTS.dump_json(list(objects)).decode())


def _passing(error: ConnectorError) -> bool:
    return isinstance(error, Unauthorised | Unavailable | Transient)


def placed(app: AppConfig, error: ConfigError) -> ConfigError:
    """The same mistake at its place in the file, of which a connector that names a setting knows nothing."""
    settings = type(app.settings).model_fields
    told = [
        app.places.problem(("apps", app.name, *((p.where,) if p.where in settings else ())), p.message, p.hint)
        for p in error.problems
    ]
    return ConfigError(told, hint=error.hint)


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


def _safety(config: Config, schemas: Mapping[str, Sequence[Object]]) -> Safety:
    """The brakes. Raises ConfigError for bounds of an object that there is not."""
    given, own, problems = config.safety, dict[tuple[str, str], Limits](), list[Problem]()
    for name, app in config.apps.items():
        there = [object.name for object in schemas[name]]
        for object, guards in app.guards.items():
            if object not in there:
                place = ("apps", name, "guards", object)
                problems.append(app.places.problem(place, "there is no such object", suggest(object, there)))
            own[name, object] = _limits(given.model_copy(update=guards.model_dump(exclude_unset=True)))
    if problems:
        raise ConfigError(problems)
    return Safety(
        skew=given.skew,
        second_look=given.second_look,
        late_write=given.late_write,
        limits=_limits(given),
        own_limits=own,
    )


def _limits(given: Guards) -> Limits:
    return Limits(
        deletes=given.max_deletes,
        delete_share=given.max_delete_share,
        changes=given.mass_changes,
        change_share=given.mass_change_share,
        blanks=given.mass_blanks,
        blank_share=given.mass_blank_share,
        creates=given.mass_creates,
        create_share=given.mass_create_share,
        shrink=given.mass_gone,
        shrink_share=given.mass_gone_share,
    )


def known_app(config: Config, name: str) -> AppConfig:
    """The app of this name; raises ConfigError naming those there are."""
    if name not in config.apps:
        there = ", ".join(config.apps) or "none"
        raise ConfigError([Problem(str(config.path), f'there is no app "{name}"', f"there are: {there}")])
    return config.apps[name]
