"""The daemon's own audits: when they are made, and what is kept of them."""

from __future__ import annotations

from datetime import timedelta

from syncd.daemon.auditor import Auditor
from syncd.daemon.footing import Footing
from syncd.engine.cycle import once
from syncd.engine.mending import trend
from syncd.errors import StoreError
from syncd.settings import Audit
from tests.daemon.company import Company
from tests.daemon.house import eventually
from tests.engine.world import Scene

WEEK = timedelta(days=7)


def _auditor(scene: Scene, footing: Footing | None = None) -> Auditor:
    scene.world = scene._world(scene.store)
    return Auditor(scene.world, footing or Footing(lambda: None), WEEK, lambda _: None)


def _made(scene: Scene) -> int:
    with scene.store.read() as tx:
        return len(trend(tx))


def _office() -> Scene:
    scene = Scene()
    scene.fake("crm").person_creates(email="ada@example.com", first="Ada")
    scene.run()
    return scene


def test_the_first_audit_waits_until_everything_was_listed() -> None:
    scene = Scene()
    assert _auditor(scene).step() == 60.0
    assert _made(scene) == 0


def test_an_audit_is_made_again_after_its_interval_and_no_sooner() -> None:
    scene = _office()
    auditor = _auditor(scene)
    auditor.step()
    scene.wait(days=6)
    assert 0 < auditor.step() <= 3600
    assert _made(scene) == 1
    scene.wait(days=2)
    auditor.step()
    assert _made(scene) == 2


def test_an_audit_that_an_app_was_left_out_of_is_not_kept_and_is_tried_again() -> None:
    scene = _office()
    scene.fake("crm").fault = "outage"
    assert _auditor(scene).step() == 60.0
    assert _made(scene) == 0


def test_while_the_store_is_in_trouble_no_audit_is_made() -> None:
    scene, footing = _office(), Footing(lambda: None)
    footing.fails("disk full")
    assert _auditor(scene, footing).step() == 60.0
    assert _made(scene) == 0


def test_a_store_that_takes_no_figures_is_told_of() -> None:
    scene, told = _office(), list[str]()

    def full() -> None:
        raise StoreError("disk full")

    footing = Footing(lambda: told.append("failed"))
    auditor = _auditor(scene, footing)
    scene.store.on_commit = full
    assert auditor.step() == 60.0
    assert (footing.trouble, told) == ("disk full", ["failed"])


def test_a_daemon_makes_audits_where_the_configuration_asks_for_them(company: Company) -> None:
    company.audit = Audit(every=timedelta(hours=1))
    company.person("ada@example.com", "Ada")
    once(company.world())

    def made() -> bool:
        with company.store.read() as tx:
            return [one.records for one in trend(tx)] == [2]

    with company.running():
        eventually(made, "an audit is made")
