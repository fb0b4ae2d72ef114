"""Two apps kept the same: what an admin expects on an ordinary day."""

from __future__ import annotations

from syncd.core.fieldmap import Way
from syncd.engine.remedies import paused
from syncd.errors import ConfigError
from tests.engine.world import Scene, people, rule


def test_a_person_known_to_one_app_appears_in_the_other() -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada", phone="1")
    scene.run()
    there = scene.fake("news").find_one(email="ada@example.com")
    assert scene.fake("news").shown(there)["first"] == "Ada"


def test_a_person_known_to_both_is_linked_and_not_doubled() -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.fake("news").person_creates(email="ada@example.com", phone="5")
    scene.run()
    assert len(scene.fake("news").rows) == len(scene.fake("crm").rows) == 1
    assert scene.fake("crm").shown("crm-1")["phone"] == "5"
    assert scene.fake("news").shown("news-1")["first"] == "Ada"


def test_an_edit_goes_the_other_way_in_both_directions() -> None:
    scene = Scene()
    crm, news = scene.fake("crm"), scene.fake("news")
    ada = crm.person_creates(email="ada@example.com", first="Ada", phone="1")
    scene.run()
    there = news.find_one(email="ada@example.com")
    crm.person_edits(ada, first="Augusta")
    news.person_edits(there, phone="2")
    scene.run(whole=False)
    assert crm.shown(ada) | {"x": 0} == news.shown(there) | {"x": 0}
    assert news.shown(there)["first"] == "Augusta"
    assert crm.shown(ada)["phone"] == "2"


def test_a_second_run_writes_nothing() -> None:
    scene = Scene()
    for n in range(20):
        scene.fake("crm").person_creates(email=f"p{n}@example.com", first=f"P{n}", phone=str(n))
    scene.run()
    before = [len(fake.writes) for fake in scene.fakes.values()]
    for _ in range(3):
        assert scene.run().tally.written == 0
    assert [len(fake.writes) for fake in scene.fakes.values()] == before


def test_an_app_that_rewrites_what_it_stores_is_left_in_peace() -> None:
    scene = Scene()
    scene.fake("news").keeps = {"first": lambda v: v.upper()[:3]}
    ada = scene.fake("crm").person_creates(email="ada@example.com", first="Augusta")
    scene.run()
    written = len(scene.fake("news").writes)
    for _ in range(3):
        scene.run()
    assert len(scene.fake("news").writes) == written
    assert scene.fake("crm").shown(ada)["first"] == "Augusta"


def test_a_blank_never_wins_on_first_contact() -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", first="", phone="")
    scene.fake("news").person_creates(email="ada@example.com", first="Ada", phone="1")
    scene.run()
    assert scene.fake("crm").shown("crm-1")["first"] == "Ada"
    assert scene.fake("news").shown("news-1")["phone"] == "1"


def test_a_field_emptied_later_is_emptied_everywhere() -> None:
    scene = Scene()
    ada = scene.fake("crm").person_creates(email="ada@example.com", first="Ada", phone="1")
    scene.run()
    scene.fake("crm").person_edits(ada, phone="")
    scene.run()
    assert scene.fake("news").shown("news-1")["phone"] is None


def test_the_log_says_who_set_a_value_and_why() -> None:
    scene = Scene()
    ada = scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.run()
    scene.fake("crm").person_edits(ada, first="Augusta")
    scene.run()
    edits = [entry for entry in scene.log() if entry.event == "merged"]
    assert edits[-1].fields["first"] == {
        "old": "Ada",
        "new": "Augusta",
        "verdict": "taken",
        "rule": "edited",
        "from": 1,
    }
    sent = [entry for entry in scene.log() if entry.event == "sent"]
    assert sent[-1].cause == edits[-1].seq
    assert scene.store.verify() == ""


def test_a_field_that_an_app_stops_showing_is_no_news() -> None:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada", phone="1")
    scene.run()
    scene.fake("news").hidden = frozenset({"phone", "first"})
    scene.run()
    assert scene.fake("crm").shown("crm-1")["phone"] == "1"


def test_three_apps_agree() -> None:
    scene = Scene(names=("crm", "news", "shop"))
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.fake("shop").person_creates(email="ada@example.com", phone="7")
    scene.fake("news").person_creates(email="bob@example.com", first="Bob")
    scene.run()
    scene.fake("shop").person_edits(scene.fake("shop").find_one(email="bob@example.com"), first="Robert")
    scene.run()
    shown = [sorted(str(row.fields) for row in fake.rows.values()) for fake in scene.fakes.values()]
    assert shown[0] == shown[1] == shown[2]
    assert len(scene.fake("crm").rows) == 2


def test_a_field_that_is_only_written_is_put_right_again() -> None:
    apps = ("crm", "news")
    ways = {"crm": Way.BOTH, "news": Way.WRITE}
    scene = Scene(sync=people(apps, rule("stage", apps, ways=ways)))
    scene.fake("crm").person_creates(email="ada@example.com", stage="customer")
    scene.run()
    scene.fake("news").person_edits("news-1", stage="typed there")
    scene.run()
    assert scene.fake("news").shown("news-1")["stage"] == "customer"
    assert scene.fake("crm").shown("crm-1")["stage"] == "customer"


def test_a_field_that_is_only_read_is_never_written() -> None:
    apps = ("crm", "news")
    ways = {"crm": Way.READ, "news": Way.BOTH}
    scene = Scene(sync=people(apps, rule("stage", apps, ways=ways)))
    scene.fake("crm").person_creates(email="ada@example.com", stage="customer")
    scene.run()
    scene.fake("news").person_edits("news-1", stage="typed there")
    scene.run()
    assert scene.fake("crm").shown("crm-1")["stage"] == "customer"


def test_an_app_that_no_longer_fits_the_configuration_is_paused_alone() -> None:
    scene = Scene(names=("crm", "news", "shop"))
    shop = scene.fake("shop")

    def no_audience() -> None:
        raise ConfigError("the account has no audience Customers")

    shop._reachable = no_audience  # type: ignore[method-assign]
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.run()
    assert scene.fake("news").find_one(first="Ada")
    assert "no audience Customers" in paused(scene.world, "shop")
