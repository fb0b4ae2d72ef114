"""`POST /crm/v3/objects/{type}/search` of the simulated portal: filters, one sort, 10,000 results at most.

Source: HubSpot docs, search-the-crm; spec `PublicObjectSearchRequest`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from syncd_connectors.hubspot.twin.properties import Property
from syncd_connectors.hubspot.twin.records import Row, Table

__all__ = ["BadSearch", "Found", "search"]

_MOST_GROUPS: Final = 5
_MOST_FILTERS: Final = 6
_PAGE_LIMIT: Final = 200
_FIRST: Final = -(1 << 62)
_LAST: Final = 1 << 62

Key = tuple[int, float, str]
"""How values compare: blank first, then numbers and times, then text."""


class BadSearch(ValueError):
    """The portal refuses this search; the message is its own."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of hits, and how many there are in all."""

    rows: Sequence[Row]
    total: int
    after: int | None


@dataclass(frozen=True, slots=True)
class _Filter:
    property: str
    operator: str
    value: Key
    high: Key
    values: frozenset[Key]
    token: str


def search(table: Table, known: Mapping[str, Property], modified: str, cap: int, request: Mapping[str, Any]) -> Found:
    """Answer a search over what the index shows. `modified` names the property with the time of change."""
    limit = _whole(request.get("limit", 10), "limit")
    after = _whole(request.get("after") or 0, "after")
    if not 0 < limit <= _PAGE_LIMIT:
        raise BadSearch(f"limit must be between 1 and {_PAGE_LIMIT}")
    if after + limit > cap:
        raise BadSearch(f"The total number of results is limited to {cap} for each query.")
    groups = _groups(request.get("filterGroups") or (), known)
    name, descending = _sort(request.get("sorts") or (), known)
    text = str(request.get("query") or "").lower()
    by_time = (name == modified or not name) and len(groups) == 1 and not descending and not text
    if by_time and all(f.property == modified for f in groups[0]):
        return _by_time(table, groups[0], after, limit)
    rows = [row for row in _candidates(table, groups, modified) if _matches(row, groups, known, text)]
    rows.sort(key=lambda row: (_key(known[name or "createdate"], _value(row, name or "createdate")), int(row.id)))
    if descending:
        rows.reverse()
    page = rows[after : after + limit]
    return Found(page, len(rows), after + limit if after + limit < len(rows) else None)


def _by_time(table: Table, filters: Sequence[_Filter], after: int, limit: int) -> Found:
    """The search of every incremental sync, answered from the sorted index alone."""
    first, last = _span(filters)
    hits = table.between(first, last)
    rows = [row for _, id_ in hits[after : after + limit] if (row := table.shown(str(id_))) is not None]
    return Found(rows, len(hits), after + limit if after + limit < len(hits) else None)


def _candidates(table: Table, groups: Sequence[Sequence[_Filter]], modified: str) -> list[Row]:
    if len(groups) != 1:
        return list(table.all_shown())
    first, last = _span([f for f in groups[0] if f.property == modified])
    hits = table.between(first, last)
    return [row for _, id_ in hits if (row := table.shown(str(id_))) is not None]


def _span(filters: Sequence[_Filter]) -> tuple[int, int]:
    first, last = _FIRST, _LAST
    for f in filters:
        at = int(f.value[1])
        match f.operator:
            case "GTE" | "EQ" | "BETWEEN":
                first = max(first, at)
            case "GT":
                first = max(first, at + 1)
        match f.operator:
            case "LTE" | "EQ":
                last = min(last, at)
            case "LT":
                last = min(last, at - 1)
            case "BETWEEN":
                last = min(last, int(f.high[1]))
    return first, last


def _groups(raw: Sequence[Mapping[str, Any]], known: Mapping[str, Property]) -> list[list[_Filter]]:
    if len(raw) > _MOST_GROUPS:
        raise BadSearch(f"at most {_MOST_GROUPS} filterGroups are allowed")
    groups = [[_filter(f, known) for f in group.get("filters") or ()] for group in raw]
    if any(len(group) > _MOST_FILTERS for group in groups):
        raise BadSearch(f"at most {_MOST_FILTERS} filters are allowed in a group")
    return groups or [[]]


def _filter(raw: Mapping[str, Any], known: Mapping[str, Property]) -> _Filter:
    name, operator = str(raw.get("propertyName", "")), str(raw.get("operator", ""))
    if name not in known:
        raise BadSearch(f"There was a problem with the request: property {name} does not exist")
    if operator not in _OPERATORS:
        raise BadSearch(f"unknown operator {operator}")
    told = raw.get("value", "")
    return _Filter(
        name,
        operator,
        _key(known[name], str(told)),
        _key(known[name], str(raw.get("highValue", ""))),
        frozenset(_key(known[name], str(value)) for value in raw.get("values") or ()),
        str(told).lower().strip("*"),
    )


def _sort(raw: Sequence[Any], known: Mapping[str, Property]) -> tuple[str, bool]:
    if len(raw) > 1:
        raise BadSearch("only one sort is allowed")
    if not raw:
        return "", False
    if isinstance(raw[0], str):
        name, descending = raw[0].lstrip("-"), raw[0].startswith("-")
    else:
        name, descending = str(raw[0].get("propertyName", "")), raw[0].get("direction") == "DESCENDING"
    if name not in known:
        raise BadSearch(f"cannot sort by {name}")
    return name, descending


def _whole(raw: Any, name: str) -> int:
    try:
        return int(raw)
    except ValueError:
        raise BadSearch(f"{name} must be an integer") from None


def _value(row: Row, name: str) -> str:
    match name:
        case "hs_object_id":
            return row.id
        case "createdate":
            return str(row.created)
        case "lastmodifieddate" | "hs_lastmodifieddate":
            return str(row.modified)
    return row.values.get(name, "")


def _key(known: Property, text: str) -> Key:
    if not text:
        return (0, 0.0, "")
    if known.type == "number":
        return (1, float(text), "")
    if known.type in ("date", "datetime"):
        if text.lstrip("-").isdigit():
            return (1, float(text), "")
        return (1, datetime.fromisoformat(f"{text}+00:00" if len(text) == 10 else text).timestamp() * 1000, "")
    return (2, 0.0, text.lower())


def _matches(row: Row, groups: Sequence[Sequence[_Filter]], known: Mapping[str, Property], text: str) -> bool:
    if text and not any(text in value.lower() for value in row.values.values()):
        return False
    return any(
        all(_OPERATORS[f.operator](_key(known[f.property], _value(row, f.property)), f) for f in group)
        for group in groups
    )


_OPERATORS: Final[Mapping[str, Callable[[Key, _Filter], bool]]] = {
    "EQ": lambda key, f: key == f.value,
    "NEQ": lambda key, f: key != f.value,
    "LT": lambda key, f: key[0] > 0 and key < f.value,
    "LTE": lambda key, f: key[0] > 0 and key <= f.value,
    "GT": lambda key, f: key[0] > 0 and key > f.value,
    "GTE": lambda key, f: key[0] > 0 and key >= f.value,
    "BETWEEN": lambda key, f: key[0] > 0 and f.value <= key <= f.high,
    "IN": lambda key, f: key in f.values,
    "NOT_IN": lambda key, f: key not in f.values,
    "HAS_PROPERTY": lambda key, _: key[0] > 0,
    "NOT_HAS_PROPERTY": lambda key, _: key[0] == 0,
    "CONTAINS_TOKEN": lambda key, f: f.token in key[2],
    "NOT_CONTAINS_TOKEN": lambda key, f: f.token not in key[2],
}
