"""What becomes of two records that are merged: values, ids, associations.

Source: HubSpot docs, changelog updated-merge-functionality; knowledge base, merge-records.
"""

from __future__ import annotations

from collections.abc import Sequence

from syncd_connectors.hubspot.twin.records import Row

__all__ = ["Ties", "merged_ids", "merged_values", "move_ties"]

Ties = dict[tuple[str, str], dict[str, dict[str, set[int]]]]
"""(from type, to type) to id to id to the ids of the association types."""


def merged_ids(primary: Row, loser: Row, *, keeps_id: bool) -> tuple[str, ...]:
    """The ids that lead to the survivor from now on."""
    ids = dict.fromkeys((*primary.merged, *loser.merged, primary.id, loser.id))
    return tuple(id_ for id_ in ids if not (keeps_id and id_ == primary.id))


def merged_values(kind: str, primary: Row, loser: Row, merged: Sequence[str], at: int) -> dict[str, str]:
    """The primary's values win, its blanks are filled, and a contact's other addresses become additional ones."""
    values = {**loser.values, **primary.values, "hs_merged_object_ids": ";".join(merged)}
    if kind != "contacts":
        return values
    addresses = [
        *primary.values.get("hs_additional_emails", "").split(";"),
        loser.values.get("email", ""),
        *loser.values.get("hs_additional_emails", "").split(";"),
    ]
    own = primary.values.get("email") or loser.values.get("email", "")
    others = dict.fromkeys(address for address in addresses if address and address != own)
    vids = [primary.values.get("hs_calculated_merged_vids", ""), f"{loser.id}:{at}", f"{primary.id}:{at}"]
    return values | {
        "hs_additional_emails": ";".join(others),
        "hs_calculated_merged_vids": ";".join(vid for vid in vids if vid),
    }


def move_ties(ties: Ties, kind: str, gone: Sequence[str], survivor: str) -> None:
    """Let the survivor have the associations of both."""
    for (start, end), ends in ties.items():
        if start == kind:
            for id_ in gone:
                for other, types in ends.pop(id_, {}).items():
                    ends.setdefault(survivor, {}).setdefault(other, set()).update(types)
        if end == kind:
            for others in ends.values():
                for id_ in gone:
                    if id_ in others:
                        others.setdefault(survivor, set()).update(others.pop(id_))
