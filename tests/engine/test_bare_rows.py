"""Listings that name records and how new they are, and show nothing of them; and writes that take a condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from syncd.core.record import Gone, Merged, Record, Ref, Version
from syncd.sdk.contract import Page
from tests.engine.world import Scene, people, rule

APPS = ("crm", "news")


def _bare(scene: Scene, tokens: Mapping[str, str]) -> None:
    """The CRM lists ids and versions only, and shows these versions in reads."""
    crm = scene.fake("crm")
    listing, reading = crm.changes, crm.read

    def bare(page: Page) -> Page:
        rows = tuple(Record(row.ref, {}, Version(tokens[row.ref.id])) for row in page.rows)
        return replace(page, rows=rows, facts=False)

    def read(refs: Sequence[Ref]) -> Mapping[Ref, Record | Gone | Merged]:
        found = reading(refs)
        return {
            ref: replace(fact, version=Version(tokens[ref.id])) if isinstance(fact, Record) else fact
            for ref, fact in found.items()
        }

    crm.changes = lambda *asked: (bare(page) for page in listing(*asked))  # type: ignore[method-assign]
    crm.read = read  # type: ignore[method-assign]


def _calls(scene: Scene) -> int:
    before = scene.fake("crm").calls
    scene.run()
    return scene.fake("crm").calls - before


def test_a_row_that_shows_only_the_version_last_seen_is_not_read() -> None:
    scene, tokens = Scene(), {"crm-1": "one", "crm-2": "one"}
    _bare(scene, tokens)
    for number in (1, 2):
        person = {"email": f"p{number}@example.com", "first": "First", "phone": "0", "out": False, "tags": None}
        scene.fake("crm").person_creates(**person)
    scene.run()
    assert len(scene.fake("news").rows) == 2
    assert _calls(scene) == 1


def test_a_row_that_shows_another_version_is_read() -> None:
    scene, tokens = Scene(), {"crm-1": "one"}
    _bare(scene, tokens)
    scene.fake("crm").person_creates(email="ada@example.com", first="First", phone="0", out=False)
    scene.run()
    scene.fake("crm").person_edits("crm-1", first="Second")
    tokens["crm-1"] = "two"
    scene.run()
    assert scene.fake("news").find_one(first="Second")


def test_a_row_that_shows_neither_fields_nor_a_version_is_read_every_time() -> None:
    scene = Scene()
    _bare(scene, {"crm-1": ""})
    scene.fake("crm").person_creates(email="ada@example.com", first="First", phone="0", out=False)
    scene.run()
    assert _calls(scene) == 2


def test_a_field_new_in_the_mapping_is_read_though_the_version_is_the_one_last_seen() -> None:
    scene = Scene()
    _bare(scene, {"crm-1": "one"})
    scene.fake("crm").person_creates(email="ada@example.com", first="First", phone="0", out=False, stage="lead")
    scene.run()
    scene.restart(sync=people(APPS, rule("stage", APPS)))
    scene.run()
    assert scene.fake("news").find_one(stage="lead")


def _batches(*, conditional: bool) -> list[int]:
    """How many writes the news got at a time, which takes one a call, when forty people are new."""
    scene, sizes = Scene(), list[int]()
    news = scene.fake("news")
    news.capabilities = replace(news.capabilities, write_batch=1, conditional=conditional)
    scene.restart()
    writing = news.write
    news.write = lambda writes: sizes.append(len(writes)) or writing(writes)  # type: ignore
    for number in range(40):
        scene.fake("crm").person_creates(email=f"p{number}@example.com", first="First")
    scene.run()
    return sizes


def test_where_writes_take_no_condition_few_are_made_between_two_looks() -> None:
    assert _batches(conditional=False) == [10, 10, 10, 10]


def test_where_writes_take_a_condition_many_are_made_between_two_looks() -> None:
    assert _batches(conditional=True) == [40]
