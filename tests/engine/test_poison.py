"""What fails for one record never stops the rest; what fails for all of them is the app's own failure."""

from __future__ import annotations

import pytest

from syncd.core.record import Ref
from syncd.engine.cycle import pull_app, tend
from syncd.engine.decide import retry
from syncd.engine.remedies import paused
from syncd.errors import BrokenProtocol, ConnectorError, Rejected, Throttled, Unauthorised, Unavailable
from syncd.mapping.lenses import Single
from syncd.mapping.types import TYPES
from syncd.sdk.contract import Field, FieldType
from syncd.store.values import Parked, ParkedKind
from tests.engine.world import Scene, people, rule

FAILS: tuple[Exception, ...] = (
    Unavailable("500 for this one"),
    BrokenProtocol("not as documented"),
    Rejected("no"),
    KeyError("email"),
)


def _linked(count: int = 8) -> Scene:
    scene = Scene()
    for n in range(count):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}")
    scene.run()
    return scene


def _hint(scene: Scene, app: str, *ids: str) -> None:
    with scene.store.begin() as tx:
        tx.hints.add([Ref(app, "people", id) for id in ids], tx.now)


def _news(scene: Scene, email: str) -> str:
    return scene.fake("news").find_one(email=email)


def _unreadable(scene: Scene) -> list[Parked]:
    return [work for work in scene.parked() if work.kind is ParkedKind.QUARANTINE]


@pytest.mark.parametrize("failure", FAILS, ids=lambda failure: type(failure).__name__)
def test_a_record_that_cannot_be_read_keeps_no_delivery_waiting(failure: Exception) -> None:
    scene = _linked()
    scene.fake("crm").unreadable["crm-1"] = failure
    _hint(scene, "crm", "crm-1", "crm-2")
    scene.wait(seconds=1)
    scene.fake("crm").person_edits("crm-2", phone="2")
    scene.fake("news").person_edits(_news(scene, "p3@example.com"), first="Theirs")
    pull_app(scene.world, "news")
    for app in ("crm", "news"):
        assert tend(scene.world, app)[1] == 0.0
    assert scene.fake("crm").find_one(email="p3@example.com", first="Theirs")
    assert scene.fake("news").find_one(email="p1@example.com", phone="2")
    assert paused(scene.world, "crm") == ""


def test_it_is_tried_again_with_growing_waits_and_then_a_person_is_asked() -> None:
    scene = _linked()
    scene.fake("crm").unreadable["crm-1"] = Unavailable("500 for this one")
    _hint(scene, "crm", "crm-1")
    tend(scene.world, "crm")
    before = scene.fake("crm").calls
    tend(scene.world, "crm")
    assert scene.fake("crm").calls == before
    for _ in range(scene.safety.attempts):
        assert _unreadable(scene) == []
        scene.wait(minutes=15)
        tend(scene.world, "crm")
    (work,) = _unreadable(scene)
    assert (work.ref, work.reason) == (Ref("crm", "people", "crm-1"), "it cannot be read: 500 for this one")


def test_the_question_closes_itself_once_the_record_can_be_read() -> None:
    scene = _linked()
    scene.fake("crm").unreadable["crm-1"] = Unavailable("500 for this one")
    _hint(scene, "crm", "crm-1")
    for _ in range(scene.safety.attempts + 1):
        tend(scene.world, "crm")
        scene.wait(minutes=15)
    (work,) = _unreadable(scene)
    scene.fake("crm").unreadable.clear()
    scene.fake("crm").person_edits("crm-1", first="Late")
    retry(scene.world, work.id, by="eve")
    scene.run()
    assert scene.fake("news").find_one(first="Late")
    assert _unreadable(scene) == []


def test_a_webhook_about_it_closes_the_question_as_well() -> None:
    scene = _linked()
    scene.fake("crm").unreadable["crm-1"] = Unavailable("500 for this one")
    _hint(scene, "crm", "crm-1")
    for _ in range(scene.safety.attempts + 1):
        tend(scene.world, "crm")
        scene.wait(minutes=15)
    scene.fake("crm").unreadable.clear()
    _hint(scene, "crm", "crm-1")
    tend(scene.world, "crm")
    assert _unreadable(scene) == []


def test_a_write_to_it_waits_while_the_others_go() -> None:
    scene = _linked()
    scene.fake("news").unreadable[_news(scene, "p1@example.com")] = Unavailable("500 for this one")
    for n in (1, 2):
        scene.fake("crm").person_edits(f"crm-{n + 1}", phone=str(n))
    scene.run()
    assert scene.fake("news").find_one(email="p2@example.com", phone="2")
    scene.fake("news").unreadable.clear()
    scene.wait(minutes=15)
    scene.run()
    assert scene.fake("news").find_one(email="p1@example.com", phone="1")


def test_a_search_that_fails_for_one_address_keeps_no_other_create_waiting_and_makes_no_double() -> None:
    scene = _linked()
    scene.fake("news").person_creates(email="x@example.com", first="Here")
    scene.fake("news").unsearchable["x@example.com"] = Rejected("a word that the search does not take")
    scene.fake("crm").person_creates(email="x@example.com")
    scene.fake("crm").person_creates(email="y@example.com")
    pull_app(scene.world, "crm")
    tend(scene.world, "news")
    assert scene.fake("news").find_one(email="y@example.com")
    assert scene.fake("news").find_one(email="x@example.com", first="Here")


def test_whoever_is_found_but_cannot_be_read_is_not_made_a_second_time() -> None:
    scene = _linked()
    there = scene.fake("news").person_creates(email="x@example.com", first="Here")
    scene.fake("news").unreadable[there] = Unavailable("500 for this one")
    scene.fake("crm").person_creates(email="x@example.com")
    pull_app(scene.world, "crm")
    for _ in range(3):
        tend(scene.world, "news")
        scene.wait(minutes=5)
    assert scene.fake("news").find_one(email="x@example.com") == there


def test_a_create_in_doubt_whose_record_cannot_be_read_is_not_made_a_second_time() -> None:
    scene = _linked()
    scene.fake("news").fault = "after"
    scene.fake("crm").person_creates(email="x@example.com")
    scene.run()
    scene.fake("news").fault = ""
    there = scene.fake("news").find_one(email="x@example.com")
    scene.fake("news").unreadable[there] = BrokenProtocol("not as documented")
    for _ in range(4):
        scene.wait(minutes=5)
        tend(scene.world, "news")
    assert scene.fake("news").find_one(email="x@example.com") == there
    scene.fake("news").unreadable.clear()
    for _ in range(3):
        scene.wait(minutes=15)
        scene.run()
    assert scene.fake("news").find_one(email="x@example.com") == there
    assert not _unreadable(scene)


def test_an_update_in_doubt_whose_record_cannot_be_read_waits_and_lets_the_others_be_settled() -> None:
    scene = _linked()
    scene.fake("news").fault = "after"
    for n in (1, 2):
        scene.fake("crm").person_edits(f"crm-{n + 1}", phone=str(n))
    scene.run()
    scene.fake("news").fault = ""
    scene.fake("news").unreadable[_news(scene, "p1@example.com")] = Unavailable("500 for this one")
    scene.wait(minutes=5)
    tend(scene.world, "news")
    with scene.store.read() as tx:
        assert [intent.ref.id for intent in tx.intents.open("news") if intent.ref] == [_news(scene, "p1@example.com")]
    calls = scene.fake("news").calls
    tend(scene.world, "news")
    assert scene.fake("news").calls == calls


def test_records_that_are_missing_are_looked_for_although_one_of_them_cannot_be_read() -> None:
    scene = _linked()
    scene.fake("crm").unreadable["crm-1"] = Unavailable("500 for this one")
    scene.fake("crm").concealed = frozenset({"crm-1"})
    scene.fake("crm").person_deletes("crm-2")
    for _ in range(2):
        scene.run()
        scene.wait(minutes=11)
    scene.run()
    assert [work.detail["record"] for work in scene.parked() if work.kind is ParkedKind.HOLD] == ["crm-2"]


@pytest.mark.parametrize("failure", [Unavailable("down"), BrokenProtocol("all of it"), Unauthorised("no")])
def test_what_fails_for_everybody_is_the_app_failing(failure: ConnectorError) -> None:
    scene = _linked()
    scene.fake("crm").unreadable |= dict.fromkeys(scene.fake("crm").rows, failure)
    _hint(scene, "crm", "crm-1", "crm-2")
    assert tend(scene.world, "crm")[1] > 0
    with scene.store.read() as tx:
        state = tx.apps.get("crm")
        assert tx.hints.count("crm") == 2
    assert bool(state.paused) is not isinstance(failure, Unavailable)
    assert bool(state.failing) is isinstance(failure, Unavailable)


@pytest.mark.parametrize("failure", [Unauthorised("no"), Throttled("later", retry_after=60.0)])
def test_an_app_that_says_itself_what_it_lacks_is_not_asked_on(failure: ConnectorError) -> None:
    scene = _linked()
    fake = scene.fake("crm")
    fake.unreadable |= dict.fromkeys(fake.rows, failure)
    fake.unreadable["crm-1"] = Unavailable("500 for this one")
    _hint(scene, "crm", "crm-1")
    before = fake.calls
    assert tend(scene.world, "crm")[1] > 0
    assert fake.calls == before + 2
    assert bool(paused(scene.world, "crm")) is isinstance(failure, Unauthorised)


def test_a_connector_that_stumbles_over_a_write_pauses_its_app_and_says_where_but_not_over_what() -> None:
    scene = _linked()

    def stumbles(_: object) -> str:
        raise KeyError("p1@example.com")

    scene.fake("news").refuses = stumbles
    scene.fake("crm").person_edits("crm-2", phone="2")
    scene.run()
    assert "the connector stumbles over an answer (KeyError in test_poison.py:" in paused(scene.world, "news")
    assert "p1@example.com" not in paused(scene.world, "news")
    with scene.store.read() as tx:
        assert len(tx.intents.open("news")) == 1


def _texts() -> Scene:
    """Both apps' notes are read as a mapping reads them."""
    text = Single("stage", Field(name="stage", type=FieldType.TEXT), TYPES["text"])
    return Scene(sync=people(("crm", "news"), rule("stage", ("crm", "news"), lenses={"crm": text, "news": text})))


def test_a_field_of_any_length_is_told_and_stops_nothing_and_is_not_kept() -> None:
    scene = _texts()
    crm, news = scene.fake("crm"), scene.fake("news")
    ada = crm.person_creates(email="ada@example.com", first="Ada", stage="short")
    scene.run()
    there = news.find_one(email="ada@example.com")
    crm.person_edits(ada, first="Augusta", stage="x" * 5_000_000)
    scene.run()
    assert (news.shown(there)["first"], news.shown(there)["stage"]) == ("Augusta", "short")
    assert crm.shown(ada)["stage"] == "x" * 5_000_000
    (work,) = _unreadable(scene)
    assert "is longer than the 1048576 characters that syncd keeps of a field" in work.reason
    with scene.store.read() as tx:
        assert sum(len(repr(link)) for link in tx.links.all("people")) < 10_000
    crm.person_edits(ada, stage="short again")
    scene.run()
    assert news.shown(there)["stage"] == "short again"
    assert _unreadable(scene) == []


def test_what_an_app_says_of_a_refusal_is_kept_as_far_as_anybody_reads_it() -> None:
    scene = Scene()
    scene.fake("news").refuses = lambda _: "no " * 1_000_000
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.run()
    (work,) = scene.parked()
    assert work.reason.startswith("no no")
    assert len(work.reason) < 2100
