"""What holds for every merge, whatever is shown, in whatever order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.entity import PEOPLE, Held
from syncd.core.fieldmap import Blank, FieldRule, Policy, Seed
from syncd.core.merge import Verdict
from syncd.core.record import Value
from syncd.testing.simulator.lens import Plain
from tests.core.ground import APPS, NOON, Hub, Word, a_rule, a_sync, greater, hub

pytestmark = pytest.mark.unmeasured

WORDS = st.sampled_from([None, "", "1", "2", "3", "4"])
JOINS = (Policy.UNION, Policy.OR, Policy.MAX, Policy.MIN)


@dataclass(frozen=True)
class Story:
    """Raw values that apps come to show, one after the other; `None` for a field that an app does not show."""

    hub: Hub
    steps: tuple[tuple[str, dict[str, Any]], ...]

    def play(self) -> None:
        """Each app shows what it shows, is pulled, and now and then told what it is owed."""
        for number, (app, shown) in enumerate(self.steps):
            self.hub.edit(app, **shown)
            self.hub.pull(app, NOON)
            if number % 3 == 2:
                self.hub.push(app)


def policies(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "policy": draw(st.sampled_from([policy for policy in Policy if policy not in (Policy.UNION, Policy.OR)])),
        "blank": draw(st.sampled_from(Blank)),
        "order": tuple(draw(st.permutations(APPS))),
        "more": greater,
    }


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A sync with fields of every kind, with or without a history, and what happens to it."""
    options = {app: Plain("stage", frozenset({"a", "b"}) if app == "crm" else frozenset()) for app in APPS}
    rules: list[FieldRule] = [
        a_rule("phone", **policies(draw)),
        a_rule("tags", policy=Policy.UNION),
        a_rule("yes", policy=Policy.OR),
        a_rule("out", consent=True, consent_sources=frozenset(draw(st.sets(st.sampled_from(APPS))))),
        a_rule("stage", lenses=options, **policies(draw)),
        a_rule("first", lenses={app: Word("name", first=True) for app in APPS}),
        a_rule("rest", lenses={app: Word("name", first=False) for app in APPS}),
    ]
    sync = a_sync(*rules, seed=draw(st.sampled_from(Seed)), seed_order=tuple(draw(st.permutations(APPS))))
    made = hub(sync)
    if draw(st.booleans()):
        made.entity = made.entity.holding("phone", Held(draw(WORDS) or None, 3, draw(st.sampled_from([*APPS, PEOPLE]))))
    shown = st.fixed_dictionaries(
        {},
        optional={
            "phone": WORDS,
            "tags": st.sampled_from([None, [], ["a"], ["a", "b"], ["b", "c"]]),
            "yes": st.sampled_from([None, False, True]),
            "out": st.sampled_from([None, False, True]),
            "stage": st.sampled_from([None, "a", "b", "c"]),
            "name": st.sampled_from([None, "Ann", "Ann Lee", "Bea Lee Poe"]),
        },
    )
    return Story(made, tuple(draw(st.lists(st.tuples(st.sampled_from(APPS), shown), min_size=1, max_size=8))))


@given(stories())
def test_the_same_fact_again_changes_nothing(story: Story) -> None:
    story.play()
    for app in APPS:
        story.hub.pull(app)
        before = story.hub.entity, story.hub.links[app]
        again = story.hub.pull(app)
        assert again.verdicts == ()
        assert (story.hub.entity, story.hub.links[app]) == before


@given(stories())
def test_once_every_app_has_been_told_nobody_is_owed_anything_and_nothing_echoes(story: Story) -> None:
    story.play()
    for app in APPS:
        story.hub.pull(app)
    for app in APPS:
        story.hub.push(app)
    agreed = story.hub.entity
    for app in APPS:
        left = story.hub.owed(app)
        assert not left or left == {"stage": agreed.value("stage")}, "only what the app has no option for"
        assert story.hub.pull(app).verdicts == ()
    assert story.hub.entity is agreed


@given(stories(), st.sampled_from(APPS))
def test_fields_that_were_not_shown_stay_as_they_were(story: Story, app: str) -> None:
    story.play()
    story.hub.apps[app] = {"phone": "new"}
    entity, link = story.hub.entity, story.hub.links[app]
    story.hub.pull(app)
    assert {**story.hub.entity.held, "phone": None} == {**entity.held, "phone": None}
    assert {**story.hub.links[app].seen, "phone": None} == {**link.seen, "phone": None}
    assert {**story.hub.links[app].sent, "phone": None} == {**link.sent, "phone": None}


@given(stories())
def test_a_patch_touches_only_what_is_owed(story: Story) -> None:
    story.play()
    for app in APPS:
        wanted = story.hub.owed(app)
        windows = {name for field in wanted for name in story.hub.sync.rules[field].lenses[app].window}
        assert set(story.hub.push(app)) <= windows


@given(stories(), st.sampled_from([None, ""]))
def test_a_blank_never_wins_on_first_contact(story: Story, blank: Value) -> None:
    (first, _), *_ = story.steps
    story.hub.entity = story.hub.entity.holding("phone", Held("1", 1, "shop")).holding("out", Held(True, 1, "shop"))
    story.hub.edit(first, phone=blank, out=blank or None, tags=None, yes=None, stage=blank, name=blank)
    before = story.hub.entity
    story.hub.pull(first, NOON)
    assert story.hub.entity == before


@given(stories(), st.sampled_from(APPS))
def test_absent_is_never_an_observation(story: Story, app: str) -> None:
    story.play()
    story.hub.apps.pop(app, None)
    before = story.hub.entity, story.hub.links[app].seen, story.hub.links[app].sent
    assert story.hub.pull(app).verdicts == ()
    assert (story.hub.entity, story.hub.links[app].seen, story.hub.links[app].sent) == before


@given(stories())
def test_an_opt_out_is_taken_back_by_nobody_but_a_consent_source_that_knew_of_it(story: Story) -> None:
    sources = story.hub.sync.rules["out"].consent_sources
    for app, shown in story.steps:
        before, known = story.hub.entity.value("out"), story.hub.links[app].seen.get("out")
        story.hub.edit(app, **shown)
        story.hub.pull(app)
        if before is True and story.hub.entity.value("out") is not True:
            assert app in sources
            assert known is True
            assert shown["out"] is False


@given(stories())
def test_no_value_is_made_up(story: Story) -> None:
    """Every value that is agreed was shown by some app, or held before; only tags are joined."""
    said: dict[str, set[Value]] = {name: {None, held.value} for name, held in story.hub.entity.held.items()}
    for app, shown in story.steps:
        story.hub.edit(app, **shown)
        for rule in story.hub.sync.mapped(app):
            view = rule.lenses[app].get(story.hub.apps[app], story.hub.told())
            if view is None or isinstance(view, str | bool | int | tuple):
                said.setdefault(rule.name, {None}).add(view)
        story.hub.pull(app)
        for name, value in story.hub.told().items():
            if name == "tags" and isinstance(value, tuple):
                assert set(value) <= {tag for tags in said[name] if isinstance(tags, tuple) for tag in tags}
            else:
                assert value in said[name]


@given(stories())
def test_whatever_loses_is_told(story: Story) -> None:
    """A value that an app came to show, and one that stood before, stands now or is named in a verdict."""
    for app, shown in story.steps:
        before, last = story.hub.entity, dict(story.hub.links[app].seen)
        story.hub.edit(app, **shown)
        result = story.hub.pull(app, NOON)
        named = {v.field: v for v in result.verdicts}
        for rule in story.hub.sync.mapped(app):
            now = rule.lenses[app].get(story.hub.apps[app], before.fields)
            stands = story.hub.entity.value(rule.name)
            if stands != before.value(rule.name):
                assert named[rule.name].old == before.value(rule.name)
            news = now != rule.lenses[app].get(last, before.fields)
            if news and isinstance(now, str | bool | tuple) and now not in (stands, False):
                assert named[rule.name].new == now
    assert all(held.ver >= 1 for held in story.hub.entity.held.values())


@given(stories())
def test_every_new_value_is_a_new_version_and_names_its_author(story: Story) -> None:
    for app, shown in story.steps:
        before = story.hub.entity
        story.hub.edit(app, **shown)
        changed = story.hub.pull(app, NOON).changed
        for name, held in story.hub.entity.held.items():
            old = before.held.get(name)
            if name in changed:
                assert (held.ver, held.author, held.at) == (1 if old is None else old.ver + 1, app, NOON)
            elif held is not old:  # an app that says the same lends the value its rank or its time, and nothing else
                assert old is not None
                assert held in (old._replace(author=app), old._replace(at=NOON))


@dataclass(frozen=True)
class Race:
    """One agreed value, edits of it in several apps at once, and two orders in which the apps are pulled."""

    rule: FieldRule
    agreed: Value
    edits: dict[str, Any]
    orders: tuple[list[str], list[str]]

    def outcomes(self) -> list[Value]:
        """What is agreed after each order of pulling."""
        return [self._outcome(order) for order in self.orders]

    def _outcome(self, order: list[str]) -> Value:
        made = hub(a_sync(self.rule), {"phone": self.agreed})
        for app, value in self.edits.items():
            made.edit(app, phone=list(value) if isinstance(value, tuple) else value)
        for app in order:
            made.pull(app)
        return made.entity.value("phone")


@st.composite
def races(draw: st.DrawFn, policy: Policy, *values: Value, blanks: tuple[Blank, ...] = tuple(Blank)) -> Race:
    one_of = st.sampled_from(values)
    order, blank = tuple(draw(st.permutations(APPS))), draw(st.sampled_from(blanks))
    return Race(
        a_rule(policy=policy, order=order, blank=blank, more=greater),
        draw(one_of),
        {app: draw(one_of) for app in APPS},
        (draw(st.permutations(APPS)), draw(st.permutations(APPS))),
    )


SETS = (None, ("a",), ("a", "b"), ("b", "c"), ("d",))


@given(races(Policy.PREFER, None, *"123456", blanks=(Blank.PROPAGATE,)))
def test_of_different_edits_at_once_the_preferred_app_s_stands_whoever_is_pulled_first(race: Race) -> None:
    edited = [app for app in race.rule.order if race.edits[app] != race.agreed]
    stands = race.edits[edited[0]] if edited else race.agreed
    if len({race.edits[app] for app in edited}) == len(edited):
        assert race.outcomes() == [stands, stands]


@given(races(Policy.UNION, *SETS, blanks=(Blank.PROPAGATE,)))
def test_a_union_holds_all_that_was_added_and_nothing_that_was_removed_whoever_is_pulled_first(race: Race) -> None:
    was = set(race.agreed if isinstance(race.agreed, tuple) else ())
    shown = [set(value or ()) for value in race.edits.values()]
    stands = tuple(sorted(set.union(*shown) - (was - set.intersection(*shown)))) or None
    assert race.outcomes() == [stands, stands]


@given(races(Policy.MAX, None, *"1234") | races(Policy.MIN, None, *"1234") | races(Policy.OR, False, True))
def test_the_greatest_the_least_and_any_true_edit_stand_whoever_is_pulled_first(race: Race) -> None:
    one, other = race.outcomes()
    assert one == other


@given(stories())
def test_what_is_taken_from_an_app_is_not_owed_to_it(story: Story) -> None:
    for app, shown in story.steps:
        story.hub.edit(app, **shown)
        result = story.hub.pull(app, NOON)
        owed = story.hub.owed(app)
        for verdict in result.verdicts:
            settled = verdict.field not in owed
            sensible_again = verdict.rule == "it makes sense again"  # blank where a value is agreed: that is still owed
            if verdict.verdict in (Verdict.AGREED, Verdict.SEEDED) and not sensible_again:
                assert settled
            if verdict.verdict is Verdict.TAKEN and story.hub.sync.rules[verdict.field].policy not in JOINS:
                assert settled
