"""The inbox: a person answers once, is told what came of it, and nothing is done twice or by halves."""

from __future__ import annotations

import re
from dataclasses import replace

from syncd.access import Console
from syncd.console.questions import Answer, answer_all, asked
from syncd.core.guard import Guard, Trip
from syncd.core.record import Ref
from syncd.engine.guards import Tripped, tripped
from syncd.engine.remedies import attempt
from syncd.engine.world import Tally
from syncd.store.values import ParkedKind
from tests.web.office import PEOPLE, Browser, Office, refusal


def opened(place: Office, path: str = "/inbox") -> Browser:
    browser = place.browser()
    browser.get(path)
    return browser


def answered(browser: Browser, id: int, way: str, **more: str) -> Browser:
    """Choose an answer on the page that is open, and send it."""
    form = {"id": str(id), "digest": browser.field("digest"), "back": "/inbox", "way": way}
    browser.send("/inbox/answer", form | more)
    return browser


def test_a_conflict_shows_both_values_and_the_chosen_one_stands_everywhere(place: Office) -> None:
    id = place.conflict()
    browser = opened(place)
    assert "ada@example.com" in browser.text()
    assert {"111", "222"} <= set(re.findall(r"\d{3}", browser.text()))
    answered(browser, id, "app:news")
    assert f"Number {id}: decided in entry" in browser.text()
    assert "Nothing waits for you here" in browser.text()
    assert place.agreed() == "222"
    assert place.decided() == [("console", "conflict")]
    place.sync()
    assert {row.fields["phone"] for app in place.company.apps.values() for row in app.rows.values()} == {"222"}


def test_a_value_that_stands_nowhere_yet_may_be_typed(place: Office) -> None:
    id = place.conflict()
    answered(opened(place), id, "value", value="333")
    assert place.agreed() == "333"


def test_what_is_agreed_now_may_be_left_to_stand(place: Office) -> None:
    id = place.conflict()
    before = place.agreed()
    answered(opened(place), id, "agreed")
    assert place.agreed() == before
    assert len(place.decided()) == 1


def test_a_form_that_is_sent_twice_is_answered_once(place: Office) -> None:
    id = place.conflict()
    browser = opened(place)
    form = {"id": str(id), "digest": browser.field("digest"), "way": "app:news", "back": "/inbox"}
    form |= {"token": browser.field("token"), "once": browser.field("once")}
    browser.send("/inbox/answer", form)
    browser.send("/inbox/answer", form)
    assert browser.last.status_code == 200
    assert len(place.decided()) == 1


def test_an_answer_to_what_somebody_else_has_answered_says_who_and_does_nothing(place: Office) -> None:
    id = place.conflict()
    late = opened(place)
    answered(opened(place), id, "app:news")
    answered(late, id, "app:crm")
    assert late.last.status_code == 409
    assert "That was answered already" in late.text()
    assert f"Number {id} was answered by console: 222" in late.text()
    assert place.agreed() == "222"


def test_an_answer_to_what_has_changed_meanwhile_is_not_given(place: Office) -> None:
    id = place.conflict()
    browser = opened(place)
    news = place.company.apps["news"]
    news.person_edits(news.find_one(email="ada@example.com"), phone="444")
    place.sync()
    answered(browser, id, "app:news")
    assert browser.last.status_code == 409
    assert "has changed since the page was shown" in browser.text()
    assert place.decided() == []


def test_a_question_that_never_was_cannot_be_answered(place: Office) -> None:
    place.conflict()
    browser = opened(place)
    answered(browser, 4711, "app:news")
    assert browser.last.status_code == 409
    assert "There is no question number 4711" in browser.text()


def test_an_answer_that_does_not_fit_the_question_is_told_and_not_given(place: Office) -> None:
    id = place.conflict()
    for way, said in (("retry", "no answer to a conflict"), ("app:attic", "has no record"), ("", "Choose one")):
        browser = answered(opened(place), id, way)
        assert browser.last.status_code in (409, 422)
        assert said in browser.text()
    assert place.decided() == []


def test_a_number_that_is_none_is_told(place: Office) -> None:
    place.conflict()
    browser = opened(place)
    browser.send("/inbox/answer", {"id": "x", "way": "agreed"})
    assert browser.last.status_code == 400


def test_a_list_that_does_not_exist_is_told(place: Office) -> None:
    assert opened(place, "/inbox?kind=gossip").last.status_code == 404


def test_hostile_text_is_shown_as_text(place: Office) -> None:
    place.conflict(phones=("<script>alert(1)</script>", "\u202e\x1b[31m&<b>"))
    browser = opened(place)
    assert "<script>alert" not in browser.last.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in browser.last.text
    assert "\u202e" not in browser.last.text
    assert "\x1b" not in browser.last.text


def test_quarantine_shows_the_words_of_the_app_and_is_tried_again(place: Office) -> None:
    entity = place.person("ada@example.com", "Ada")
    id = place.park(ParkedKind.QUARANTINE, app="news", entity=entity, reason="422: phone looks <fake>")
    browser = opened(place, "/inbox?kind=refused")
    assert "422: phone looks <fake>" in browser.text()
    answered(browser, id, "retry")
    assert f"Number {id}: will be tried again" in browser.text()
    assert place.decided() == [("console", "retry")]


def test_possible_doubles_name_everybody_it_may_be(place: Office) -> None:
    ada, ben = place.person("ada@example.com", "Ada"), place.person("ben@example.com", "Ben")
    place.park(ParkedKind.AMBIGUOUS, app="news", entity=None, detail={"entities": [ada, ben]}, reason="the same phone")
    text = opened(place, "/inbox?kind=whose").last.text
    assert f'href="/record/{ada}"' in text
    assert f'href="/record/{ben}"' in text
    assert "Merge their records in each app where both have one" in text


def test_a_record_is_said_to_be_that_of_one_of_several(place: Office) -> None:
    ada, ben = place.person("ada@example.com", "Ada"), place.person("ben@example.com", "Ben")
    news = place.company.apps["news"]
    news.person_deletes(news.find_one(email="ben@example.com"))
    with place.world.store.begin() as tx:
        link = tx.links.at(ben, "news")
        assert link is not None
        tx.links.drop("people", link.ref)
    third = Ref("news", "people", news.person_creates(email="", first="B."))
    about = {"app": "news", "ref": third, "detail": {"entities": [ada, ben]}, "reason": "the same phone"}
    id = place.park(ParkedKind.AMBIGUOUS, **about)
    browser = opened(place, "/inbox?kind=whose")
    assert "It is ben@example.com" in browser.text()
    answered(browser, id, f"whose:{ada}")
    assert "has a record in news already" in browser.text()
    browser.get("/inbox?kind=whose")
    answered(browser, id, f"whose:{ben}")
    assert f"Number {id}: theirs, by entry" in browser.text()
    assert place.decided() == [("console", "said whose it is")]
    with place.world.store.read() as tx:
        link = tx.links.at(ben, "news")
        assert link is not None
        assert link.ref == third


def test_nobody_is_named_who_is_not_asked_about(place: Office) -> None:
    ada, ben = place.person("ada@example.com", "Ada"), place.person("ben@example.com", "Ben")
    about = {
        "app": "news",
        "ref": Ref("news", "people", "9"),
        "detail": {"entities": [ada]},
        "reason": "the same phone",
    }
    id = place.park(ParkedKind.AMBIGUOUS, **about)
    browser = opened(place, "/inbox?kind=whose")
    answered(browser, id, f"whose:{ben}")
    assert "It is none of those that are asked about" in browser.text()
    assert place.decided() == []


def doubled(place: Office) -> int:
    """Ada is in the CRM twice. The number of the question about that."""
    place.person("ada@example.com", "Ada")
    place.company.apps["crm"].person_creates(email="ada@example.com", first="Adelaide")
    place.sync()
    with place.world.store.read() as tx:
        (work,) = tx.parked.open((ParkedKind.DUPLICATE,))
    return work.id


def test_a_second_record_is_said_to_be_somebody_else_s_and_is_asked_about_no_more(place: Office) -> None:
    id = doubled(place)
    browser = opened(place, "/inbox?kind=whose")
    assert "Somebody else: leave it alone" in browser.text()
    answered(browser, id, "apart")
    assert f"Number {id}: somebody else's, by entry" in browser.text()
    assert place.decided() == [("console", "said to be somebody else's")]
    place.sync()
    assert "Nothing waits for you here" in opened(place, "/inbox?kind=whose").text()


def test_many_second_records_are_left_alone_after_a_look_at_what_it_does(place: Office) -> None:
    id = doubled(place)
    browser = bulk(place, "whose", "apart", [id])
    assert "nothing would be written to any app" in browser.text()
    assert "with another email it is somebody of their own" in browser.text()
    assert place.decided() == []


def test_a_second_record_takes_the_place_of_the_first_after_a_look_at_what_it_does(place: Office) -> None:
    id, who = doubled(place), place.who("ada@example.com")
    with place.world.store.read() as tx:
        first = tx.links.at(who, "crm")
    assert first is not None
    browser = opened(place, "/inbox?kind=whose")
    assert f"It is the right one of ada@example.com , not {first.ref}" in browser.text()
    way = f"whose:{who}"
    browser.send("/inbox/preview", {"id": str(id), "way": way})
    assert f"{first.ref} is nobody's from now on" in browser.text()
    assert "what is written then follows from what the record shows" in browser.text()
    browser.send("/inbox/answers", {"way": way, "item": browser.field("item")})
    assert "theirs, by entry" in browser.text()
    with place.world.store.read() as tx:
        now = tx.links.at(who, "crm")
    assert now is not None
    assert now.ref != first.ref


def test_two_of_which_an_app_keeps_one_record_are_not_told_apart_by_an_answer(place: Office) -> None:
    ada, ben = place.person("ada@example.com", "Ada"), place.person("ben@example.com", "Ben")
    detail = {"entity": ada, "entities": [ada, ben]}
    id = place.park(ParkedKind.DUPLICATE, app="news", entity=None, detail=detail, reason="one record for both")
    browser = opened(place, "/inbox?kind=whose")
    assert "Somebody else: leave it alone" not in browser.text()
    answered(browser, id, "apart")
    assert "It is about no second record that could be left alone" in browser.text()


def bulk(place: Office, kind: str, way: str, ids: list[int], **more: str) -> Browser:
    """Tick questions on their page and ask what an answer would do."""
    browser = opened(place, f"/inbox?kind={kind}")
    browser.send("/inbox/preview", {"kind": kind, "sync": "", "way": way, "id": [str(id) for id in ids]} | more)
    return browser


def test_many_are_answered_at_once_after_a_look_at_what_it_does(place: Office) -> None:
    ids = [place.conflict(f"{name}@example.com") for name in ("ada", "ben", "cleo")]
    browser = bulk(place, "conflicts", "app:news", ids[:2])
    assert "2 questions would be answered" in browser.text()
    assert place.decided() == []
    items = re.findall(r'name="item" value="([^"]+)"', browser.last.text)
    browser.send("/inbox/answers", {"way": "app:news", "kind": "conflicts", "item": items})
    assert "2 answered" in browser.text()
    assert len(place.decided()) == 2
    assert asked(place.world)[0] == 1


def test_all_of_a_list_are_meant_by_one_tick(place: Office) -> None:
    for name in ("ada", "ben", "cleo"):
        place.conflict(f"{name}@example.com")
    browser = bulk(place, "conflicts", "agreed", [], all="1")
    assert "3 questions would be answered" in browser.text()


def test_what_changed_or_went_since_the_preview_is_left_alone(place: Office) -> None:
    ids = [place.conflict(f"{name}@example.com") for name in ("ada", "ben", "cleo")]
    browser = bulk(place, "conflicts", "app:news", ids)
    items = re.findall(r'name="item" value="([^"]+)"', browser.last.text)
    answered_first = opened(place)
    answered(answered_first, ids[0], "agreed")
    crm = place.company.apps["crm"]
    crm.person_edits(crm.find_one(email="ben@example.com"), phone="999")
    place.sync()
    browser.send("/inbox/answers", {"way": "app:news", "kind": "conflicts", "item": items})
    assert f"Number {ids[2]}: decided" in browser.text()
    assert "1 had changed since you looked" in browser.text()
    assert "1 had been answered by somebody else" in browser.text()
    assert len(place.decided()) == 2


def test_nothing_ticked_is_told(place: Office) -> None:
    place.conflict()
    assert "Nothing was chosen" in bulk(place, "conflicts", "agreed", []).text()


def test_a_preview_says_what_cannot_be_answered_so(place: Office) -> None:
    id = place.conflict()
    browser = bulk(place, "conflicts", "app:crm", [id])
    assert "1 question would be answered" in browser.text()
    browser = bulk(place, "conflicts", "approve", [id])
    assert "cannot be answered so" in browser.text()


def test_a_thousand_open_questions_are_a_page_of_some_and_a_way_to_the_next(place: Office) -> None:
    with place.world.store.begin() as tx:
        for number in range(1000):
            tx.parked.park(refusal(number))
    browser = opened(place)
    assert "1 to 25 of 1 000" in browser.text()
    browser.get("/inbox?from=975")
    assert "976 to 1000 of 1 000" in browser.text()


def test_what_an_app_does_not_show_cannot_be_chosen(place: Office) -> None:
    id = place.conflict()
    with place.world.store.begin() as tx:
        link = tx.links.at(place.who("ada@example.com"), "news")
        assert link is not None
        tx.links.put("people", replace(link, seen={name: raw for name, raw in link.seen.items() if name != "phone"}))
    browser = opened(place)
    assert "it shows none" in browser.text()
    answered(browser, id, "app:news")
    assert "what news shows cannot stand" in browser.text().lower()
    assert place.decided() == []


def test_a_question_about_what_is_no_longer_mapped_is_shown_and_cannot_be_answered(place: Office) -> None:
    id = place.conflict()
    sync = place.world.syncs["people"]
    rules = {name: rule for name, rule in sync.rules.items() if name != "phone"}
    place.world = replace(place.world, syncs={"people": replace(sync, rules=rules)})
    place.open(place.console)
    browser = opened(place)
    answered(browser, id, "agreed")
    assert "the configuration has no people.phone any more" in browser.text().lower()
    place.world = replace(place.world, syncs={})
    place.open(place.console)
    browser = opened(place)
    assert "ada@example.com" in browser.text()
    assert browser.get(f"/record/{browser.last.text.partition('/record/')[2][:21]}").status_code == 404
    assert "the sync people, which is not in force" in browser.text()


def stopped(place: Office) -> int:
    """A guard has stopped the CRM; the number of its question."""
    entity = place.person("ada@example.com", "Ada")
    with place.world.store.read() as tx:
        link = tx.links.at(entity, "crm")
    assert link is not None
    sync = place.world.syncs["people"]
    trip = Trip(Guard.CHANGES, "700 records have changed within an hour", 700, 1000)
    work = tripped(sync, "crm", trip, {link.ref: ("first",)})

    def stage() -> Tally:
        raise Tripped(work)

    attempt(place.world, "crm", stage, stage)
    with place.world.store.read() as tx:
        return tx.parked.open((ParkedKind.GUARD,))[0].id


def test_what_a_guard_has_stopped_is_shown_with_examples_and_let_through_by_a_yes(place: Office) -> None:
    id = stopped(place)
    browser = opened(place, "/inbox?kind=guards")
    assert "700 records have changed within an hour" in browser.text()
    assert "For example: crm/people/crm-1 (first)" in browser.text()
    answered(browser, id, "approve")
    assert "the app goes on, and what it shows is taken in" in browser.text()
    browser.get("/health")
    assert "paused" not in browser.text()


def test_what_a_guard_has_stopped_is_put_aside_by_a_no(place: Office) -> None:
    id = stopped(place)
    answered(opened(place), id, "refuse")
    assert place.decided()[-1] == ("console", "mass change: put aside")


def test_what_an_answer_to_a_guard_would_do_is_said_before(place: Office) -> None:
    id = stopped(place)
    assert "values give way to those before" in bulk(place, "guards", "refuse", [id]).text()
    assert "what it shows is taken in" in bulk(place, "guards", "approve", [id]).text()


def test_to_go_on_with_an_app_that_a_guard_has_stopped_takes_an_owner(place: Office) -> None:
    stopped(place)
    place.open(Console.model_construct(enabled=None, url="", people=PEOPLE))
    browser = place.browser(name="ben")
    browser.send("/apps/resume", {"app": "crm"})
    assert browser.last.status_code == 403
    assert "A guard has stopped crm" in browser.text()
    browser = place.browser(name="ada")
    browser.send("/apps/resume", {"app": "crm"})
    assert "crm goes on" in browser.text()


def test_of_many_answers_one_that_cannot_be_given_does_not_stop_the_others(place: Office) -> None:
    work = place.conflict()
    given = answer_all(place.world, [4711, work], Answer(way="value", value="777"), by="ada")
    assert [one.done for one in given] == [False, True]
    assert "4711" in given[0].error
