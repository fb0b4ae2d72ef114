"""Records by id, a hundred at a time: there, gone, or merged into another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from syncd.core.record import Gone, Merged, Record, Ref
from syncd.errors import BrokenProtocol
from syncd.sdk.shapes import in_chunks
from syncd_connectors.hubspot.api import BATCH, Api
from syncd_connectors.hubspot.wire import merged_ids, record, rows

__all__ = ["by_unique", "merged_away", "read"]

_TRACES: Final = ("hs_merged_object_ids", "hs_calculated_merged_vids")


def read(
    api: Api, app: str, object: str, ids: Sequence[str], names: Sequence[str]
) -> dict[Ref, Record | Gone | Merged]:
    """The records of one object type, as they are now. Every id asked is a key of the answer.

    HubSpot answers a read of a merged-away id with the record it was merged into, under that record's id, and does
    not say which id it was asked for (HubSpot docs, changelog updated-merge-functionality).
    """
    found: dict[Ref, Record | Gone | Merged] = {}
    for chunk in in_chunks(tuple(dict.fromkeys(ids)), BATCH):
        found |= _chunk(api, app, object, chunk, names)
    return found


def by_unique(
    api: Api, object: str, name: str, values: Sequence[str], names: Sequence[str]
) -> Sequence[Mapping[str, Any]]:
    """The rows that have one of the values in a unique property: strongly consistent, unlike search."""
    return [row for chunk in in_chunks(values, BATCH) for row in rows(api.read(object, chunk, names, by=name))]


def merged_away(api: Api, app: str, refs: Sequence[Ref]) -> frozenset[Ref]:
    """Those of the refs whose record was merged into another: to delete one of them would delete the survivor."""
    found: dict[Ref, Record | Gone | Merged] = {}
    for object_ in dict.fromkeys(ref.object for ref in refs):
        found |= read(api, app, object_, [ref.id for ref in refs if ref.object == object_], ())
    return frozenset(ref for ref, fate in found.items() if isinstance(fate, Merged))


def _chunk(
    api: Api, app: str, object: str, ids: Sequence[str], names: Sequence[str]
) -> dict[Ref, Record | Gone | Merged]:
    shown = {row["id"]: row for row in rows(api.read(object, ids, (*names, *_TRACES)))}
    found: dict[Ref, Record | Gone | Merged] = {}
    missing = []
    for id_ in ids:
        ref = Ref(app, object, id_)
        if id_ in shown:
            found[ref] = record(app, object, shown[id_])
        elif (survivor := _survivor(id_, shown.values())) is not None:
            found[ref] = Merged(ref, Ref(app, object, survivor))
        else:
            missing.append(id_)
    strange = shown.keys() - set(ids) - {m.into.id for m in found.values() if isinstance(m, Merged)}
    if strange:  # somebody's survivor that does not say whose
        asked = {id_: _asked_alone(api, object, id_) for id_ in missing}
        found |= {
            Ref(app, object, id_): Merged(Ref(app, object, id_), Ref(app, object, into))
            for id_, into in asked.items()
            if into
        }
        missing = [id_ for id_, into in asked.items() if not into]
    return found | _gone(api, app, object, missing)


def _survivor(id: str, shown: Iterable[Mapping[str, Any]]) -> str | None:
    return next((str(row["id"]) for row in shown if id in merged_ids(row)), None)


def _asked_alone(api: Api, object: str, id: str) -> str:
    answer = api.one(object, id)
    if answer.status == 404:
        return ""
    match answer.json:
        case {"id": str(shown)} if shown != id:
            return shown
    raise BrokenProtocol(f"HubSpot shows one of the {object} alone, but not in a batch")


def _gone(api: Api, app: str, object: str, ids: Sequence[str]) -> dict[Ref, Record | Gone | Merged]:
    """What is missing is in the bin, which is a tombstone, or it is nowhere, which may be a lost permission."""
    if not ids:
        return {}
    binned = {row["id"] for row in rows(api.read(object, ids, (), archived=True))}
    return {Ref(app, object, id_): Gone(Ref(app, object, id_), told=id_ in binned) for id_ in ids}
