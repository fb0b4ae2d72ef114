"""What stays of a record that is gone when its app gives the id to another."""

from __future__ import annotations

from dataclasses import replace

from syncd.core.entity import Link, LinkState
from syncd.core.record import Ref
from syncd.store.ports import Transaction

__all__ = ["bury", "lived", "remains"]

_CROSS = "\u2020"


def bury(tx: Transaction, sync: str, link: Link) -> None:
    """Free the id of a record that is gone; that a person deleted it there is remembered under another.

    Without that its entity would be made again in an app where somebody had deleted it.
    """
    known = tx.links.get(sync, link.ref)  # its entity may have become one with another just now
    if known is None:
        return  # its entity is to be made there anew
    tx.links.drop(sync, link.ref)
    tomb = Ref(link.ref.app, link.ref.object, f"{link.ref.id}{_CROSS}{known.entity}")
    tx.links.put(sync, replace(known, ref=tomb, state=LinkState.GONE))


def remains(ref: Ref, of: Ref) -> bool:
    """Is this the record, or what stays of it?"""
    return lived(ref) == of


def lived(ref: Ref) -> Ref:
    """The record itself, of what stays of it."""
    return Ref(ref.app, ref.object, ref.id.partition(_CROSS)[0])
