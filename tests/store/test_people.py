"""What concerns people: parked work, opt-outs, apps, webhooks heard, facts of the store."""

from __future__ import annotations

from syncd.store.ports import Storage
from syncd.store.values import AppState, OptOut, ParkedKind
from tests.store.ground import ANN, BEN, START, question, ref


def test_a_question_is_open_once_and_tells_the_latest(store: Storage) -> None:
    with store.begin() as tx:
        first = tx.parked.park(question(reason="old", detail={"value": 1}))
        assert tx.parked.of([ANN])[ANN][0].reason == "old"
        assert tx.parked.park(question(reason="new", detail={"value": [2]}, cause=4)) == first
        [found] = tx.parked.of([ANN, BEN])[ANN]
        assert (found.id, found.reason, found.detail, found.cause) == (first, "new", {"value": [2]}, 4)
        assert (found.opened, found.closed) == (START, None)
        assert tx.parked.park(question(field="email")) != first
        assert tx.parked.park(question(ref=ref(), app="crm")) != first
    with store.read() as tx:
        assert [work.field for work in tx.parked.open()] == ["phone", "email", "phone"]
        assert tx.parked.of([BEN]) == {}


def test_an_answer_closes_a_question_once(store: Storage) -> None:
    with store.begin() as tx:
        id = tx.parked.park(question())
    with store.begin() as tx:
        assert ANN in tx.parked.of([ANN])
        assert tx.parked.close(id, "crm", "op")
        assert tx.parked.of([ANN]) == {}
        assert not tx.parked.close(id, "news", "other")
    with store.read() as tx:
        found = tx.parked.get(id)
        assert found is not None
        assert (found.answer, found.by, found.closed) == ("crm", "op", START)
        assert tx.parked.get(id + 1) is None


def test_a_question_that_comes_up_again_is_a_new_one(store: Storage) -> None:
    with store.begin() as tx:
        first = tx.parked.park(question())
        tx.parked.withdraw(tx.parked.open(), "settled")
        assert tx.parked.open() == []
        second = tx.parked.park(question())
        assert second != first
        assert [work.id for work in tx.parked.of([ANN])[ANN]] == [second]


def test_open_work_is_found_by_kind_and_sync_and_counted(store: Storage) -> None:
    with store.begin() as tx:
        tx.parked.park(question())
        tx.parked.park(question(kind=ParkedKind.HOLD))
        tx.parked.park(question(sync="firms"))
        assert [work.kind for work in tx.parked.open((ParkedKind.HOLD,))] == [ParkedKind.HOLD]
        assert [work.sync for work in tx.parked.open(sync="firms")] == ["firms"]
        assert len(tx.parked.open(limit=2)) == 2
        assert tx.parked.counts() == {"conflict": 2, "hold": 1}
        assert list(tx.parked.newest((ParkedKind.CONFLICT,), 5)) == [3, 1]
        assert list(tx.parked.newest((ParkedKind.CONFLICT, ParkedKind.HOLD), 2)) == [3, 2]
        tx.parked.close(3, "crm", "op")
        assert list(tx.parked.newest((ParkedKind.CONFLICT,), 5)) == [1]


def test_rivals_for_records_of_an_app_are_known_as_they_come_and_go(store: Storage) -> None:
    with store.begin() as tx:
        assert tx.parked.rivals("crm") == []
        id = tx.parked.park(question(kind=ParkedKind.DUPLICATE, app="crm"))
        tx.parked.park(question(kind=ParkedKind.AMBIGUOUS, app=""))
        assert [work.kind for work in tx.parked.rivals("crm")] == [ParkedKind.DUPLICATE, ParkedKind.AMBIGUOUS]
        assert [work.kind for work in tx.parked.rivals("news")] == [ParkedKind.AMBIGUOUS]
        tx.parked.close(id, "same", "op")
        assert [work.kind for work in tx.parked.rivals("crm")] == [ParkedKind.AMBIGUOUS]


def test_an_opt_out_holds_for_its_address_until_it_is_lifted(store: Storage) -> None:
    ann = OptOut("mail", "ann@example.com", START, "news", 7)
    with store.begin() as tx:
        assert tx.optouts.of("mail", ["ann@example.com"]) == {}
        tx.optouts.add(ann)
        assert tx.optouts.of("mail", ["ann@example.com", "ben@example.com"]) == {"ann@example.com": ann}
        assert tx.optouts.of("letters", ["ann@example.com"]) == {}
    with store.begin() as tx:
        assert tx.optouts.of("mail", ["ann@example.com"]) == {"ann@example.com": ann}
        assert tx.optouts.count() == 1
        tx.optouts.lift("mail", "ann@example.com", START + 1)
        assert tx.optouts.of("mail", ["ann@example.com"]) == {}
        assert tx.optouts.count() == 0
        tx.optouts.add(ann)
    with store.read() as tx:
        assert tx.optouts.of("mail", ["ann@example.com"]) == {"ann@example.com": ann}


def test_an_app_is_paused_once_and_resumed_once(store: Storage) -> None:
    with store.begin() as tx:
        assert tx.apps.get("crm") == AppState("crm")
        assert not tx.apps.resume("crm")
        assert tx.apps.pause("crm", "by hand")
        assert not tx.apps.pause("crm", "by a guard")
        assert tx.apps.get("crm") == AppState("crm", "by hand", START)
    with store.begin() as tx:
        assert tx.apps.resume("crm")
        assert tx.apps.get("crm") == AppState("crm")
        assert tx.apps.get("news") == AppState("news")


def test_a_failing_app_is_failing_since_its_first_silence_until_it_answers(store: Storage) -> None:
    with store.begin() as tx:
        tx.apps.failing("crm", "timeout")
        tx.apps.failing("crm", "refused")
        assert tx.apps.get("crm") == AppState("crm", "", None, "refused", START)
        tx.apps.pause("crm", "by hand")
        tx.apps.answered("crm")
        assert tx.apps.get("crm") == AppState("crm", "by hand", START, "", None, START)
        tx.apps.failing("crm", "timeout")
    with store.read() as tx:
        assert tx.apps.get("crm") == AppState("crm", "by hand", START, "timeout", START, START)


def test_a_pause_leaves_what_is_known_of_an_app_s_silence(store: Storage) -> None:
    with store.begin() as tx:
        tx.apps.failing("crm", "timeout")
        tx.apps.pause("crm", "by hand")
        tx.apps.resume("crm")
        assert tx.apps.get("crm") == AppState("crm", "", None, "timeout", START)


def test_a_secret_is_the_last_one_kept(store: Storage) -> None:
    with store.begin() as tx:
        assert tx.apps.secret("crm", "refresh") is None
        tx.apps.keep_secret("crm", "refresh", "one")
        tx.apps.keep_secret("crm", "refresh", "two")
    with store.read() as tx:
        assert tx.apps.secret("crm", "refresh") == "two"
        assert tx.apps.secret("news", "refresh") is None


def test_a_webhook_call_is_heard_once_until_it_is_forgotten(store: Storage) -> None:
    with store.begin() as tx:
        assert not tx.apps.heard("digest")
        assert tx.apps.heard("digest")
        tx.apps.forget_heard(START)
        assert tx.apps.heard("digest")
        tx.apps.forget_heard(START + 1)
        assert not tx.apps.heard("digest")


def test_a_fact_of_the_store_is_the_last_one_put(store: Storage) -> None:
    with store.begin() as tx:
        assert tx.meta.get("applied:people") is None
        tx.meta.put("applied:people", "a")
        tx.meta.put("applied:people", "b")
    with store.read() as tx:
        assert tx.meta.get("applied:people") == "b"


def test_all_work_about_somebody_is_found_open_or_closed(store: Storage) -> None:
    with store.begin() as tx:
        first = tx.parked.park(question(ANN))
        tx.parked.close(first, "agreed", "op")
        second = tx.parked.park(question(BEN, kind=ParkedKind.DUPLICATE, app="crm", ref=ref("9")))
        tx.parked.park(question(BEN))
        assert [work.id for work in tx.parked.ever([ANN], [ref("9")])] == [first, second]
