"""What stands in the dicts, as rows of the tables of a database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from syncd.store.chain import ChainEnd
from syncd.store.codec import dump
from syncd.store.copying import Part
from syncd.store.forgotten import order_row
from syncd.store.memory._tables import Tables
from syncd.store.records import entity_row, link_row
from syncd.store.tables import (
    AppRow,
    ChangeRow,
    CursorRow,
    DeliveryRow,
    EntityRow,
    ForgettingRow,
    ForgottenRow,
    HeardRow,
    HintRow,
    IntentRow,
    KeyRow,
    LinkRow,
    MetaRow,
    OptOutRow,
    ParkedRow,
    SecretRow,
    table,
)
from syncd.store.values import Parked
from syncd.store.work import intent_row


def rows(tables: Tables) -> Iterator[Part]:
    """Everything that is kept, table by table; tables without a row are left out."""
    meta = {**tables.meta, "log_end": tables.end.get(None, ChainEnd()).note}
    kept: dict[Any, list[dict[str, Any]]] = {
        EntityRow: [entity_row(entity) for entity in tables.entities.values()],
        KeyRow: [
            {"sync": tables.entities[id].sync, "name": name, "value": value, "entity": id}
            for id, keys in tables.keys.items()
            for name, value in keys
        ],
        LinkRow: [link_row(name[0], link, tables.swept[name]) for name, link in tables.links.items()],
        ChangeRow: list(tables.changes.values()),
        HintRow: [
            {"app": r.app, "object": r.object, "record": r.id, "due": due, "tries": tries}
            for r, (due, tries) in tables.hints.items()
        ],
        CursorRow: [
            {"sync": sync, "app": app, "value": at.cursor, "listed_at": at.listed_at, "polled_at": at.polled_at}
            for (sync, app), at in tables.cursors.items()
        ],
        DeliveryRow: [asdict(delivery) for delivery in tables.deliveries.values()],
        IntentRow: [intent_row(intent) for intent in tables.intents.values()],
        ParkedRow: [_parked(work) for work in tables.parked.values()],
        OptOutRow: [asdict(entry) for entry in tables.optouts.values()],
        AppRow: [asdict(state) for state in tables.apps.values()],
        SecretRow: [{"app": app, "name": name, "value": value} for (app, name), value in tables.secrets.items()],
        HeardRow: [{"digest": digest, "at": at} for digest, at in tables.heard.items()],
        ForgettingRow: [order_row(order) for order in tables.forgetting.values()],
        ForgottenRow: [{"digest": digest, "forgetting": order} for digest, order in tables.forgotten.items()],
        MetaRow: [{"name": name, "value": value} for name, value in meta.items()],
    }
    for kind, own in kept.items():
        if own:
            yield table(kind), own


def _parked(work: Parked) -> dict[str, Any]:
    ref = {"object": work.ref.object, "record": work.ref.id} if work.ref else {"object": "", "record": ""}
    told = {name: value for name, value in asdict(work).items() if name != "ref"}
    return {**told, **ref, "name": work.name, "kind": work.kind.value, "detail": dump(work.detail)}
