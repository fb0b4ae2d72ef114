"""What happens between our read and our write, in apps that take no condition: measured, told, and looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from syncd.console.tell import tell, tell_field
from syncd.core.record import Raw, Ref
from syncd.engine.cycle import pull_app, tend
from syncd.engine.gap import overwritten
from syncd.engine.world import Uncounted
from syncd.errors import Unavailable
from syncd.sdk.contract import Past
from syncd.store.glance import glance
from syncd.store.values import Entry, Event
from syncd.testing.fake import Fake, capable
from tests.engine.world import Scene


@dataclass
class Counted(Uncounted):
    """Who counts the gaps."""

    gaps: list[tuple[str, float]] = field(default_factory=list)
    suspicions: list[str] = field(default_factory=list)

    def gap(self, app: str, seconds: float) -> None:
        self.gaps.append((app, seconds))

    def suspected(self, app: str) -> None:
        self.suspicions.append(app)


@dataclass
class Remembering(Fake):
    """An app that keeps a history of its fields, and tells it as text."""

    forgets: bool = False

    def history(self, ref: Ref, fields: Sequence[str]) -> Mapping[str, Sequence[Past]]:
        if self.forgets:
            raise Unavailable("no history today")
        newest_first = [wrote for wrote in reversed(self.journal) if wrote.id == ref.id]
        return {
            name: [
                Past("" if w.value is None else str(w.value), str(w.at), w.author)
                for w in newest_first
                if w.field == name
            ]
            for name in fields
        }


def _linked(url: str = "sqlite://", kind: type[Fake] = Fake) -> Scene:
    scene = Scene(url=url)
    news = scene.fake("news")
    scene.fakes["news"] = kind("news", scene.clock, news.fields)
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada", phone="1")
    scene.run()
    return scene


def _written(scene: Scene, meanwhile: Callable[[], None]) -> Counted:
    """The CRM's new first name is written to the newsletter tool, where somebody does something in just that moment."""

    def typing(_: object) -> None:
        scene.clock.turn(2)
        meanwhile()
        scene.clock.turn(3)

    scene.clock.sleep(1)
    scene.fake("crm").person_edits("crm-1", first="Augusta")
    scene.fake("news").during_write = typing
    counts = Counted()
    world = replace(scene.world, counts=counts, apps=scene._world(scene.store).apps)
    pull_app(world, "crm")
    tend(world, "news")
    scene.fake("news").during_write = lambda _: None
    return counts


def _nothing() -> None:
    pass


def _suspicion(scene: Scene) -> Entry:
    (entry,) = [entry for entry in scene.log() if entry.event is Event.SUSPECTED]
    return entry


def test_the_gap_of_a_write_without_a_condition_is_measured_from_the_read_to_the_answer() -> None:
    scene = _linked()
    counts = _written(scene, _nothing)
    assert counts.gaps == [("news", 5.0)]
    assert counts.suspicions == []


def test_there_is_no_gap_where_an_app_takes_a_condition() -> None:
    scene = _linked()
    capable(scene.fake("news"), conditional=True)
    assert _written(scene, _nothing).gaps == []


@pytest.mark.parametrize("returns_record", [True, False])
def test_another_field_that_changed_as_well_tells_that_somebody_was_there(returns_record: bool) -> None:
    scene = _linked()
    news = scene.fake("news")
    capable(news, returns_record=returns_record)
    counts = _written(scene, lambda: news.person_edits("news-1", phone="2", first="Gusta"))
    assert counts.suspicions == ["news"]
    told = _suspicion(scene)
    assert told.ref == Ref("news", "people", "news-1")
    assert told.fields == {"first": {"old": "Ada", "new": "Augusta"}}
    assert told.note == "in between, phone changed as well"
    assert "somebody seems to have written to news/people/news-1 just before syncd did" in tell(told)
    assert "what they typed is not known" in tell_field(told, "first", str)
    assert scene.entities()[0].value("phone") == "2"


def test_a_hint_that_comes_in_between_tells_it_too() -> None:
    scene = _linked()

    def told() -> None:
        scene.fake("news").person_edits("news-1", first="Gusta")
        with scene.store.begin() as tx:
            tx.hints.add([Ref("news", "people", "news-1")], tx.now)

    assert _written(scene, told).suspicions == ["news"]
    assert _suspicion(scene).note == "in between, the app told of a change"


def test_a_hint_from_before_our_read_tells_nothing() -> None:
    scene = _linked()
    with scene.store.begin() as tx:
        tx.hints.add([Ref("news", "people", "news-1")], tx.now)
    assert _written(scene, _nothing).suspicions == []


def test_a_field_that_the_app_makes_itself_tells_nothing() -> None:
    scene = _linked()
    news = scene.fake("news")
    news.fields = {**news.fields, "phone": replace(news.fields["phone"], writable=False)}
    assert _written(scene, lambda: news.person_edits("news-1", phone="made by the app")).suspicions == []


def test_where_the_app_remembers_what_was_overwritten_is_in_the_log() -> None:
    scene = _linked(kind=Remembering)
    news = scene.fake("news")
    _written(scene, lambda: news.person_edits("news-1", phone="2", first="Gusta"))
    assert news.shown("news-1")["first"] == "Augusta"
    told = _suspicion(scene)
    assert told.fields == {"first": {"old": "Ada", "new": "Augusta", "overwritten": ["Gusta"]}}
    assert 'just before and overwritten: "Gusta"' in tell_field(told, "first", str)


def test_a_suspicion_is_dropped_where_the_app_remembers_that_nobody_touched_what_we_wrote() -> None:
    scene = _linked(kind=Remembering)
    counts = _written(scene, lambda: scene.fake("news").person_edits("news-1", phone="2"))
    assert counts.suspicions == []


def test_it_is_kept_where_the_history_cannot_be_read() -> None:
    scene = _linked(kind=Remembering)
    news = scene.fake("news")
    assert isinstance(news, Remembering)
    news.forgets = True
    assert _written(scene, lambda: news.person_edits("news-1", phone="2")).suspicions == ["news"]
    assert _suspicion(scene).fields == {"first": {"old": "Ada", "new": "Augusta"}}


@pytest.mark.parametrize(
    ("before", "ours", "history", "found"),
    [
        ("a", "c", ["c", "a"], []),
        ("a", "c", ["c", "b", "a", "z"], ["b"]),
        ("a", "c", ["d", "c", "b", "b2", "a"], ["b", "b2"]),
        (None, "c", ["c", "b"], ["b"]),
        (None, "c", ["c", "", "b"], []),
        (7, 9, ["9", "8", "7"], ["8"]),
        ("a", "c", ["b", "a"], None),
        ("a", "c", ["c", "b"], None),
        ("a", "c", [], None),
    ],
)
def test_what_stands_between_the_value_we_read_and_ours_was_overwritten(
    before: Raw, ours: Raw, history: list[str], found: list[str] | None
) -> None:
    assert overwritten(before, ours, [Past(value, "") for value in history]) == found


def test_the_count_outlives_the_process(tmp_path: object) -> None:
    url = f"sqlite:///{tmp_path}/syncd.db"
    scene = _linked(url)
    for phone in ("2", "3"):
        _written(scene, lambda phone=phone: scene.fake("news").person_edits("news-1", phone=phone))  # type: ignore[misc]
        scene.fake("crm").person_edits("crm-1", first="Ada")
        scene.run()
    scene.store.close()
    found = glance(url, ["crm", "news"], ["people"])
    assert found is not None
    assert {name: app.suspected for name, app in found.apps.items()} == {"crm": 0, "news": 2}
