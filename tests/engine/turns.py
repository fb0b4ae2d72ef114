"""Words for stories of rare turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from syncd.testing.fake import Fake
from tests.engine.world import Scene, people

APPS = ("crm", "news")
ADA, EVE = "ada@example.com", "eve@example.com"


def linked(count: int = 1, **more: Any) -> Scene:
    """So many people, in all apps; `more` goes to the sync, but for the names of the apps."""
    names = more.pop("names", APPS)
    scene = Scene(names=names, sync=replace(people(names), **more))
    for n in range(count):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}", out=False)
    scene.run()
    return scene


def later(scene: Scene, rounds: int = 3) -> None:
    """Rounds further apart than two looks at somebody who is missed."""
    for _ in range(rounds):
        scene.run()
        scene.wait(minutes=11)


def gives_again(fake: Fake, id: str) -> None:
    """The next record that the app makes gets this id."""
    made, create = fake.made, fake._create

    def again(fields: dict[str, Any], author: str) -> str:
        fake._create = create  # type: ignore[method-assign]
        fake.made = int(id.rpartition("-")[2]) - 1
        new = create(fields, author)
        fake.made = made
        return new

    fake._create = again  # type: ignore[method-assign]


def without_search(fake: Fake) -> None:
    """Nobody can be looked for there."""
    fake.findable = lambda object: ()  # type: ignore[method-assign]  # noqa: A006


def inside(value: str) -> dict[str, Callable[[Any], bool]]:
    return {"news": lambda fields: fields.get("first") != value}
