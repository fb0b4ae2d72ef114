"""An app merges the records of two who cannot become one, since another app has a record of each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.core.fieldmap import Deletion
from syncd.core.record import Ref
from syncd.engine.decide import approve, retry
from syncd.engine.pull import read_hints
from syncd.sdk.contract import Deletes
from syncd.store.values import Parked, ParkedKind
from syncd.testing.fake import capable
from tests.engine.world import Scene, people

APPS = ("crm", "news", "shop")
ADA, BOB, CAT = (f"{name}@example.com" for name in ("ada", "bob", "cat"))


def _known(*emails: str, deletes: Deletion = Deletion.HOLD) -> Scene:
    """They are in all apps, with twenty others."""
    scene = Scene(APPS, replace(people(APPS), deletes=deletes))
    for number in range(20):
        scene.fake("news").person_creates(email=f"p{number}@example.com", first=f"P{number}")
    for email in emails:
        scene.fake("crm").person_creates(email=email, first=email[:3])
    scene.run()
    scene.run()
    return scene


def _two(deletes: Deletion = Deletion.PROPAGATE) -> Scene:
    """Ada and Bob are in all apps; the CRM merges Bob's record into Ada's."""
    scene = _known(ADA, BOB, CAT, deletes=deletes)
    _merge(scene, into=ADA, lose=BOB)
    return scene


def _merge(scene: Scene, *, into: str, lose: str) -> None:
    crm = scene.fake("crm")
    crm.person_merges(crm.find_one(email=into), crm.find_one(email=lose))
    scene.run()


def _asked(scene: Scene) -> list[Parked]:
    return [work for work in scene.parked() if work.kind is ParkedKind.AMBIGUOUS]


def _whom(scene: Scene, work: Parked) -> set[object]:
    with scene.store.read() as tx:
        return {tx.entities.get(id).value("email") for id in work.detail["entities"]}


def _has(scene: Scene, email: str) -> list[str]:
    """The apps that have a record with this address."""
    return [n for n, fake in scene.fakes.items() if any(r.fields["email"] == email for r in fake.rows.values())]


def _rest(scene: Scene) -> None:
    for _ in range(4):
        scene.wait(minutes=30)
        scene.run()


def test_a_person_is_asked_and_asked_again_after_a_retry_that_could_do_nothing() -> None:
    scene = _two()
    (work,) = _asked(scene)
    assert _whom(scene, work) == {ADA, BOB}
    retry(scene.world, work.id, by="eve")
    scene.run()
    (again,) = _asked(scene)
    assert _whom(scene, again) == {ADA, BOB}
    assert again.id != work.id


def test_a_retry_makes_one_of_them_once_they_can_be_one() -> None:
    scene = _two(Deletion.IGNORE)
    (work,) = _asked(scene)
    with scene.store.begin() as tx:  # as if nobody had looked since the other apps have one record of both
        for link in list(tx.links.of(work.detail["entities"][1])):
            tx.links.drop("people", link.ref)
    retry(scene.world, work.id, by="eve")
    assert _asked(scene) == []
    assert {entity.id for entity in scene.entities()}.isdisjoint(work.detail["entities"][1:])


def test_once_the_one_is_one_with_a_third_the_question_is_about_the_third() -> None:
    scene = _two()
    crm = scene.fake("crm")
    crm.person_creates(email="dan@example.com", first="Dan")
    crm.person_merges(crm.find_one(email="dan@example.com"), crm.find_one(email=ADA))
    scene.run()
    scene.run()
    (work,) = _asked(scene)
    assert BOB in _whom(scene, work)
    assert all(id in {entity.id for entity in scene.entities()} for id in work.detail["entities"])


@pytest.mark.parametrize("app", ["news", "crm"])  # where each has a record, and where they share one
def test_one_delete_takes_one_away_and_who_shared_the_record_is_given_one_of_their_own(app: str) -> None:
    scene = _two()
    scene.fake(app).person_deletes(scene.fake(app).find_one(email=ADA))
    _rest(scene)
    assert _has(scene, ADA) == []
    assert _has(scene, BOB) == list(APPS)
    assert scene.parked() == []


def test_where_deletes_are_nobody_elses_who_shared_the_record_stays_away_too() -> None:
    scene = _two(Deletion.IGNORE)
    scene.fake("crm").person_deletes(scene.fake("crm").find_one(email=ADA))
    _rest(scene)
    assert _has(scene, ADA) == _has(scene, BOB) == ["news", "shop"]


@pytest.mark.parametrize("again", [False, True])
def test_a_retry_while_one_of_them_is_being_deleted_keeps_the_question(again: bool) -> None:
    scene = _two(Deletion.HOLD)
    scene.fake("news").person_deletes(scene.fake("news").find_one(email=ADA))
    for _ in range(2):
        scene.wait(minutes=30)
        scene.run()
    (held,) = [work for work in scene.parked() if work.kind is ParkedKind.HOLD]
    approve(scene.world, held.id, by="eve")
    if again:
        retry(scene.world, _asked(scene)[0].id, by="eve")
        assert len(_asked(scene)) == 1
    _rest(scene)
    assert _has(scene, ADA) == []
    assert _has(scene, BOB) == list(APPS)
    assert scene.parked() == []


def test_a_question_about_somebody_of_whom_nothing_is_left_goes() -> None:
    scene = _two()
    for fake in scene.fakes.values():
        fake.person_deletes(fake.find_one(email=ADA))
    _rest(scene)
    assert _asked(scene) == []
    assert _has(scene, BOB) == list(APPS)


def test_who_becomes_one_with_somebody_that_was_deleted_in_an_app_is_in_that_app() -> None:
    apps = ("crm", "shop")
    scene = Scene(apps, replace(people(apps), deletes=Deletion.PROPAGATE))
    crm, shop = scene.fake("crm"), scene.fake("shop")
    capable(shop, deletes=Deletes.TOLD)
    for number in range(20):
        shop.person_creates(email=f"p{number}@example.com", first=f"P{number}")
    crm.person_creates(email=ADA, first="ada")
    scene.run()
    scene.run()
    crm.person_creates(email=BOB, first="bob")
    shop.fault = "before"  # Bob may be there, or not
    scene.run()
    shop.fault = ""
    _merge(scene, into=ADA, lose=BOB)
    assert len(_asked(scene)) == 1
    shop.person_deletes(shop.find_one(email=ADA))
    _rest(scene)
    assert scene.parked() == []
    assert _has(scene, ADA) == list(apps)


def test_who_shares_a_record_that_is_merged_on_shares_the_next_one() -> None:
    scene = _two()
    _merge(scene, into=CAT, lose=ADA)
    assert [_whom(scene, work) for work in _asked(scene)] == [{ADA, BOB}, {CAT, ADA}, {CAT, BOB}]
    scene.fake("crm").person_deletes(scene.fake("crm").find_one(email=CAT))
    _rest(scene)
    assert _has(scene, CAT) == []
    assert [_whom(scene, work) for work in _asked(scene)] == [{ADA, BOB}]
    scene.fake("news").person_deletes(scene.fake("news").find_one(email=ADA))
    _rest(scene)
    assert _has(scene, ADA) == []
    assert _has(scene, BOB) == list(APPS)
    assert scene.parked() == []


def test_a_record_that_is_brought_back_in_one_app_leaves_the_delete_in_another_to_be_answered() -> None:
    scene = _known()
    crm, news = scene.fake("crm"), scene.fake("news")
    lost, kept = crm.find_one(email="p0@example.com"), news.find_one(email="p0@example.com")
    row = news.rows[kept]
    crm.person_deletes(lost)
    news.person_deletes(kept)
    _rest(scene)
    assert {work.app for work in scene.parked()} == {"crm", "news"}
    news.rows[kept] = row
    news.person_edits(kept, phone="5")
    _rest(scene)
    assert {work.app for work in scene.parked()} == {"crm"}


@pytest.mark.parametrize("heard", [ADA, BOB])
def test_a_third_record_made_of_two_is_theirs_whose_key_it_shows_whichever_is_heard_of_first(heard: str) -> None:
    scene = Scene(APPS, people(APPS))
    crm = scene.fake("crm")
    for email, first in ((ADA, "Ada"), (BOB, "Bob")):
        crm.person_creates(email=email, first=first)
    scene.run()
    scene.run()
    ids = {email: crm.find_one(email=email) for email in (ADA, BOB)}
    for id in ids.values():
        del crm.rows[id]
    third = crm.person_creates(email=BOB, first="Bob")
    crm.merged.update(dict.fromkeys(ids.values(), third))
    with scene.store.begin() as tx:
        tx.hints.add([Ref("crm", "people", ids[heard])], tx.now)
    read_hints(scene.world, "crm")
    read_hints(scene.world, "crm")
    _rest(scene)
    for name in ("news", "shop"):
        fake = scene.fake(name)
        assert [fake.shown(fake.find_one(email=email))["first"] for email in (ADA, BOB)] == ["Ada", "Bob"]
    (work,) = _asked(scene)
    assert _whom(scene, work) == {ADA, BOB}


def test_a_delete_that_was_made_good_since_keeps_nobody_away() -> None:
    """Bob's record was deleted, and another of his took its place, before the app merged that into Ada's."""
    scene = _known(ADA, BOB)
    crm = scene.fake("crm")
    crm.person_deletes(crm.find_one(email=BOB))
    _rest(scene)
    crm.person_creates(email=BOB, first="bob")
    _rest(scene)
    _merge(scene, into=ADA, lose=BOB)
    crm.person_deletes(crm.find_one(email=ADA))
    _rest(scene)
    (held,) = [work for work in scene.parked() if work.kind is ParkedKind.HOLD]
    approve(scene.world, held.id, by="eve")
    _rest(scene)
    assert _has(scene, ADA) == []
    assert _has(scene, BOB) == list(APPS)
    assert scene.parked() == []


def test_what_stays_of_a_record_whose_id_went_to_another_keeps_nobody_away_either() -> None:
    """Heard of in another order: Ada's record is merged into Cat's, and only then is Bob's known to be in Ada's."""
    scene = _known(ADA, BOB, CAT)
    crm = scene.fake("crm")
    ids = {email: crm.find_one(email=email) for email in (ADA, BOB, CAT)}
    crm.person_merges(ids[ADA], ids[BOB])
    crm.person_merges(ids[CAT], ids[ADA])
    for heard in (ADA, BOB):
        with scene.store.begin() as tx:
            tx.hints.add([Ref("crm", "people", ids[heard])], tx.now)
        read_hints(scene.world, "crm")
    crm.person_deletes(ids[CAT])
    _rest(scene)
    for work in [work for work in scene.parked() if work.kind is ParkedKind.HOLD]:
        approve(scene.world, work.id, by="eve")
    _rest(scene)
    assert _has(scene, CAT) == []
    alone = [email for email in (ADA, BOB) if "crm" not in _has(scene, email)]
    assert not alone or [_whom(scene, work) for work in _asked(scene)] == [{ADA, BOB}]
