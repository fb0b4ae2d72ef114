"""Whom somebody means by what they typed, as far as they may ask: who cannot see a value does not look for it."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.console.find import Found, candidates, find
from syncd.errors import ConfigError
from syncd.web.visit import Visit

__all__ = ["meant", "who_may_be_meant"]

_ASKING = "whoever may not see a personal value does not search by it either"
_HINT = "search by the id of an entity, or by app/object/id; a personal value takes the role operator"


def who_may_be_meant(visit: Visit, text: str) -> Sequence[Found]:
    """Everybody who may be meant: by a record, by their own id, or by a match value of now."""
    syncs = _known(visit, text)
    with visit.desk.store.read() as tx:
        return [one for one in candidates(tx, text, syncs, valued=_valued(visit)) if one.sync in syncs]


def meant(visit: Visit, text: str) -> Found:
    """The one who is meant, which may be by a match value of the past. Raises ConfigError for nobody, and several."""
    syncs, valued = _known(visit, text), _valued(visit)
    try:
        return find(visit.desk.store, text, syncs, valued=valued)
    except ConfigError as nobody:
        if len(syncs) == len(valued) == len(visit.desk.world.syncs):
            raise
        raise ConfigError(f'nothing that you may search by is "{text}": {_ASKING}', hint=_HINT) from nobody


def _known(visit: Visit, text: str) -> Sequence[str]:
    """The syncs in which a record is looked for by this text: none, where it is an address that is masked."""
    return list(visit.desk.world.syncs) if visit.mask.may_seek_record(text) else _valued(visit)


def _valued(visit: Visit) -> Sequence[str]:
    """The syncs in which values are looked for."""
    return [name for name in visit.desk.world.syncs if visit.mask.may_seek(name)]
