"""What an app is like: whether it lets us in, which objects and fields it has, and what some of its records show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from syncd.app import Shelf, StoreVault, explained, open_connector, placed
from syncd.console.console import speak_to_stderr
from syncd.core.record import Raws, Record
from syncd.errors import ConfigError, ConnectorError
from syncd.sdk.clock import WallClock
from syncd.sdk.contract import Connector, Object
from syncd.sdk.ties import objects_of
from syncd.settings import AppConfig, Config

__all__ = ["Reached", "SchemaField", "SchemaObject", "connected", "reach", "sample", "schema"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """An app that was asked for its schema. `error`: why it did not tell."""

    objects: Sequence[Object] = ()
    error: ConnectorError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaField:
    """One field of an object, as a mapping needs to know it."""

    name: str
    label: str
    type: str
    writable: bool
    creatable: bool
    required: bool
    unique: bool
    personal: bool
    consent: bool
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaObject:
    """One kind of record."""

    name: str
    label: str
    creates: bool
    updates: bool
    removes: bool
    incremental: bool
    fields: tuple[SchemaField, ...]


@contextmanager
def connected(config: Config, apps: Sequence[AppConfig]) -> Iterator[Mapping[str, Connector]]:
    """Connectors by app name. The store serves for the secrets that change; where there is none, none is made."""
    speak_to_stderr()
    clock = WallClock()
    with ExitStack() as closing:
        shelf = Shelf(config, clock, closing)
        yield {app.name: open_connector(app, StoreVault(shelf, app.name), clock, closing) for app in apps}


def reach(app: AppConfig, connector: Connector) -> Reached:
    """Check the way in and discover the schema; a failure is an answer too.

    Raises ConfigError for a setting of which only the account shows that it is wrong.
    """
    try:
        connector.check()
        return Reached(objects=objects_of(connector))
    except ConfigError as error:
        raise placed(app, error) from error
    except ConnectorError as error:
        return Reached(error=explained(app.name, error))


def sample(connector: Connector, object: str, count: int) -> list[Raws]:
    """What the first `count` records show. Raises ConnectorError."""
    found: list[Raws] = []
    for page in connector.changes(object, None):
        rows = [row for row in page.rows if isinstance(row, Record)][: count - len(found)]
        if not page.facts:
            read = connector.read([row.ref for row in rows])
            rows = [fact for fact in read.values() if isinstance(fact, Record)]
        found += [row.fields for row in rows]
        if len(found) >= count:
            break
    return found


def schema(objects: Sequence[Object]) -> tuple[SchemaObject, ...]:
    """A discovered schema for a person."""
    return tuple(
        SchemaObject(
            name=object.name,
            label=object.label,
            creates=object.capabilities.creates,
            updates=object.capabilities.updates,
            removes=object.capabilities.removes,
            incremental=object.capabilities.incremental,
            fields=tuple(
                SchemaField(
                    name=field.name,
                    label=field.label,
                    type=field.type.value,
                    writable=field.writable,
                    creatable=field.creatable,
                    required=field.required,
                    unique=field.unique,
                    personal=field.personal,
                    consent=field.consent,
                    options=tuple(option.value for option in field.options),
                )
                for field in object.fields.values()
            ),
        )
        for object in objects
    )
