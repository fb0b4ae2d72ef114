"""Words for stories of people who are forgotten."""

from __future__ import annotations

from syncd.core.record import EntityId
from syncd.store.forgetting import Forgetting
from syncd.store.values import Event
from tests.engine.world import Scene

ANN = "p0@example.com"


def whom(scene: Scene, email: str = ANN) -> EntityId:
    (found,) = [entity.id for entity in scene.entities() if entity.value("email") == email]
    return found


def orders(scene: Scene) -> list[Forgetting]:
    with scene.store.read() as tx:
        return list(tx.forgotten.all())


def shown(scene: Scene, app: str) -> list[str]:
    return sorted(str(row.fields["email"]) for row in scene.fake(app).rows.values())


def record(scene: Scene, app: str, email: str = ANN) -> str:
    return scene.fake(app).find_one(email=email)


def held_of(scene: Scene, id: EntityId) -> tuple[object, ...]:
    """Everything that the store still says of somebody."""
    with scene.store.read() as tx:
        entries = [
            e for e in tx.log.find(entity=id, limit=10_000) if e.event not in (Event.FORGETTING, Event.FORGOTTEN)
        ]
        said = [(entry.fields, entry.note, entry.ref) for entry in entries if entry.fields or entry.note or entry.ref]
        return (dict(tx.entities.get(id).held), list(tx.links.of(id)), tx.parked.of([id]), said)
