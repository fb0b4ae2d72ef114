"""People, a bad network, deaths and operators in any order: whatever they do, nothing of what syncd promises is broken.

Hypothesis chooses the story and shortens one that goes wrong to the fewest steps. `make thorough` tells many more.
"""

from __future__ import annotations

import contextlib
from typing import TypeAlias, get_args

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from syncd.core.fieldmap import Deletion, Policy
from syncd.engine import decide, masses
from syncd.engine.cycle import once, pull_app, tend
from syncd.engine.remedies import resume
from syncd.engine.whose import belongs, is_apart
from syncd.engine.whose import candidates as whose_it_may_be
from syncd.engine.world import World
from syncd.errors import ConnectorError, Halted
from syncd.store.values import ParkedKind
from tests.effort import effort
from tests.model.questions import wrongs
from tests.model.town import Town, Traits, Weather

pytestmark = pytest.mark.unmeasured

Who: TypeAlias = tuple[str, str]
ADDRESSES = st.sampled_from(["a@example.com", "b@example.com", "c@example.com"])
FIELDS = st.sampled_from(["note", "first"])
WORDS = st.sampled_from(["x", "y", "X", "x ", ""])
WEATHERS: st.SearchStrategy[Weather] = st.sampled_from(("fair", "fair", "fair", "fair", *get_args(Weather)))
DEATHS = st.sampled_from([0, 0, 0, 0, 1, 2, 3, 4])
"""At which of its commits the process ends; 0: it lives on."""
TRAITS = st.builds(Traits)
APPS = st.runner().flatmap(lambda story: st.sampled_from(list(story.town.apps)))
KNOWN = st.runner().flatmap(lambda story: st.sampled_from(story.town.everybody()))
"""An app and an address that it has a record of."""


class Story(RuleBasedStateMachine):
    """One story, in steps that a person can read."""

    def __init__(self) -> None:
        super().__init__()
        self.known: frozenset[str] = frozenset()

    @initialize(
        crm=TRAITS,
        news=TRAITS,
        shop=st.none() | TRAITS,
        deletes=st.sampled_from([Deletion.HOLD, Deletion.PROPAGATE]),
        contested=st.sampled_from([Policy.PREFER, Policy.NEWEST, Policy.FILLED, Policy.MANUAL]),
    )
    def begins(self, crm: Traits, news: Traits, shop: Traits | None, deletes: Deletion, contested: Policy) -> None:
        traits = {"crm": crm, "news": news} | ({"shop": shop} if shop else {})
        self.town = Town(traits, deletes, contested)

    # --- people --------------------------------------------------------------------------------------------------

    @rule(app=APPS, address=ADDRESSES, field=FIELDS, word=WORDS)
    def somebody_types(self, app: str, address: str, field: str, word: str) -> None:
        self.town.types(app, address, field, word)

    @rule(who=KNOWN, field=FIELDS, word=WORDS)
    def somebody_changes(self, who: Who, field: str, word: str) -> None:
        self.town.types(*who, field, word)

    @rule(address=ADDRESSES, field=FIELDS, words=st.permutations(["x", "y", "X"]))
    def everybody_types_something_else(self, address: str, field: str, words: list[str]) -> None:
        for app, word in zip(self.town.apps, words, strict=False):
            self.town.types(app, address, field, word)

    @rule(who=KNOWN, out=st.booleans())
    def somebody_says_whether_they_may_be_mailed(self, who: Who, out: bool) -> None:
        self.town.says_out(*who, out)

    @rule(who=KNOWN)
    def somebody_deletes(self, who: Who) -> None:
        self.town.deletes_record(*who)

    @rule(who=KNOWN, lose=ADDRESSES)
    def somebody_merges(self, who: Who, lose: str) -> None:
        self.town.merges(*who, lose)

    @rule(who=KNOWN, field=FIELDS, word=WORDS)
    def somebody_will_type_between_our_read_and_our_write(self, who: Who, field: str, word: str) -> None:
        self.town.interrupts(*who, field, word)

    # --- the world -----------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 70, 700, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.town.passes(seconds)

    @rule(who=KNOWN)
    def a_webhook_hints(self, who: Who) -> None:
        self.town.hint(*who)

    # --- the engine ----------------------------------------------------------------------------------------------

    @rule(app=APPS, whole=st.booleans(), weather=WEATHERS, dies=DEATHS)
    def the_engine_pulls(self, app: str, whole: bool, weather: Weather, dies: int) -> None:
        with self.town.turned(app, weather):
            self.town.does(lambda world: pull_app(world, app, whole=whole), dies=dies)

    @rule(app=APPS, weather=WEATHERS, dies=DEATHS)
    def the_engine_tends(self, app: str, weather: Weather, dies: int) -> None:
        with self.town.turned(app, weather):
            self.town.does(lambda world: tend(world, app), dies=dies)

    @rule(app=APPS, whole=st.booleans(), weather=WEATHERS, dies=DEATHS)
    def the_engine_runs_once(self, app: str, whole: bool, weather: Weather, dies: int) -> None:
        with self.town.turned(app, weather):
            self.town.does(lambda world: once(world, whole=whole), dies=dies)

    # --- operators -----------------------------------------------------------------------------------------------

    @rule(app=APPS)
    def an_operator_resumes(self, app: str) -> None:
        self.town.does(lambda world: resume(world, app, by="op"))

    @rule(place=st.integers(0, 3), yes=st.booleans(), word=st.sampled_from(["x", "y"]), dies=DEATHS)
    def an_operator_decides(self, place: int, yes: bool, word: str, dies: int) -> None:
        open_ = self.town.parked()
        if not open_:
            return
        work = open_[place % len(open_)]
        self.town.does(lambda world: self._decide(world, work.id, work.kind, work.field, yes, word), dies=dies)

    def _decide(self, world: World, id: int, kind: ParkedKind, field: str, yes: bool, word: str) -> None:
        match kind:
            case ParkedKind.HOLD if yes:
                with contextlib.suppress(ConnectorError, Halted):  # an app is down, or has moved on
                    decide.approve(world, id, by="op")
            case ParkedKind.HOLD:
                decide.drop_hold(world, id, by="op")
            case ParkedKind.GUARD:
                (masses.let_through if yes else masses.put_aside)(world, id, by="op")
            case ParkedKind.AMBIGUOUS | ParkedKind.DUPLICATE if yes and self._says_whose(world, id, word):
                pass
            case ParkedKind.QUARANTINE | ParkedKind.AMBIGUOUS | ParkedKind.DUPLICATE:
                decide.retry(world, id, by="op")
            case _ if field == "out":
                with self.town.store.read() as tx:
                    work = tx.parked.get(id)
                    address = str(tx.entities.get(work.entity).value("email")) if work and work.entity else ""
                decide.resolve_conflict(world, id, yes, by="op")
                if not yes:
                    self.town.ledger.frees(address)
                    self.known -= {address}
            case _:
                self.town.ledger.words.setdefault(field, set()).add(word)
                decide.resolve_conflict(world, id, word, by="op")

    def _says_whose(self, world: World, id: int, word: str) -> bool:
        """Whose a record is, where the question is about one: a double is theirs, or somebody else's."""
        with self.town.store.read() as tx:
            work = tx.parked.get(id)
        whose = whose_it_may_be(work) if work else ()
        if not work or not whose:
            return False
        with contextlib.suppress(ConnectorError, Halted):  # an app is down, or has moved on
            if work.kind is ParkedKind.DUPLICATE and word == "x":
                is_apart(world, id, by="op")
            else:
                belongs(world, id, whose[-1], by="op")
        return True

    # --- what must be true ---------------------------------------------------------------------------------------

    @rule()
    def it_calms_down(self) -> None:
        reports = self.town.calms_down()
        assert not reports[-1].tally.written, f"it never falls silent: {reports[-3:]}"
        assert not reports[-1].doubtful, f"a doubt is never settled: {reports[-1]}"
        assert not reports[-1].owed, f"a debt is never paid: {reports[-1]}"
        assert not reports[-1].failing, f"an app never comes back: {reports[-1]}"
        assert wrongs(self.town, self.known) == []
        self.known |= set(self.town.ledger.opted_out.values())
        self.town.calm_at = self.town.clock.now()

    def teardown(self) -> None:
        if hasattr(self, "town"):
            self.it_calms_down()


TestStory = Story.TestCase
TestStory.settings = effort(100, stateful_step_count=30)
