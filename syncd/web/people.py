"""What the law lets a person ask for: all that is known of them handed out, and themselves forgotten. Owners do it."""

from __future__ import annotations

import hashlib

from starlette.responses import Response

from syncd.console.export import export
from syncd.console.find import Found
from syncd.console.forget import certificate_text, look, order, order_about
from syncd.console.voice import json_text
from syncd.console.whole import whole
from syncd.core.record import EntityId
from syncd.engine.forgetting import Foreseen
from syncd.web.guard import Denied
from syncd.web.records import entity_of
from syncd.web.sessions import Note
from syncd.web.visit import Visit

__all__ = ["export_person", "forget_as_shown", "forget_person"]


def export_person(visit: Visit) -> Response:
    """Everything known of a person as a file of JSON; the change log notes who took it along."""
    found = _found(visit)
    known = export(visit.desk.world, found, by=visit.visitor.name)
    headers = {"content-disposition": f'attachment; filename="person-{found.entity}.json"'}
    return Response(json_text(known) + "\n", media_type="application/json", headers=headers)


def forget_person(visit: Visit) -> Response:
    """What forgetting a person would come to; once ordered, what it waits for; once it is done, the certificate."""
    found, world = _found(visit), visit.desk.world
    given = order_about(world, found.entity)
    foreseen = look(world, found) if given is None else None
    return visit.render(
        "forget.html",
        entity=found.entity,
        label=whole(world, found.entity).label,
        given=given,
        certificate=certificate_text(given.certificate) if given and given.certificate else "",
        foreseen=foreseen,
        digest=_digest(foreseen) if foreseen else "",
    )


def forget_as_shown(visit: Visit) -> Response:
    """Order it, as it was shown; not where other records of the person have come to light since."""
    found, world = _found(visit), visit.desk.world
    if _digest(look(world, found)) != visit.form.get("digest"):
        told = "The person has other records by now than the page had shown, so nothing was done. Look again."
        raise Denied(409, "That has changed", told)
    reason = visit.form.get("reason").strip()[:300]
    given = order(world, found, by=visit.visitor.name, reason=reason, many=visit.form.get("many") == "yes")
    told = f"Order {given.order}: their records are being deleted, and then all is erased here."
    return visit.to(f"/record/{found.entity}/forget", Note(told, "warn"))


def _found(visit: Visit) -> Found:
    """Who is meant. Raises Denied for what is no entity's id, and ConfigError where there is none."""
    id = entity_of(visit)
    return Found(whole(visit.desk.world, id).sync, EntityId(id))


def _digest(foreseen: Foreseen) -> str:
    """Another one if other records would be deleted, or others forgotten."""
    shown = [*foreseen.entities, *(f"{one.record} {one.how}" for one in foreseen.records)]
    return hashlib.sha256("\n".join(shown).encode()).hexdigest()[:16]
