"""The console in a real browser: seen, used by keyboard alone, read aloud, on a phone, without JavaScript."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from starlette.applications import Starlette

from syncd.access import Console
from syncd.store.values import Event
from syncd.web.site import routes
from syncd.web.trials import Trial
from tests.daemon.house import eventually
from tests.web.browser.conftest import SCREENS, Served
from tests.web.office import PASSWORD, PEOPLE

pytestmark = pytest.mark.browser

PATHS = (
    "/",
    "/inbox",
    "/inbox?kind=conflicts",
    "/inbox?kind=deletes",
    "/inbox?kind=refused",
    "/inbox?kind=whose",
    "/changes",
    "/changes?since=nonsense",
    "/changes?text=nothing+like+it",
    "/record/{ada}",
    "/record/{eve}",
    "/find?q=nobody",
    "/undo",
    "/undo?record=ada@example.com",
    "/mappings",
    "/mappings?try=1",
    "/mappings/edit",
    "/health",
    "/nowhere",
)
LOOKS = (("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390))


def at(served: Served, path: str) -> str:
    return path.format(ada=served.place.who("ada@example.com"), eve=served.place.who("eve@example.com"))


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_no_page_has_a_serious_fault_or_a_complaint_of_the_browser(
    served: Served, axe: str, scheme: str, width: int
) -> None:
    page = served.page(scheme=scheme, width=width)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    faults: dict[str, list[str]] = {}
    for path in PATHS:
        page.goto(at(served, path))
        name = path.strip("/").replace("/", "-").replace("?", "-").replace("{", "").replace("}", "") or "overview"
        SCREENS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENS / f"{name}-{scheme}-{width}.png", full_page=True)
        found = serious(page, axe)
        if found:
            faults[path] = found
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{path} is {over} pixels too wide"
        assert "stolen" not in page.title()
    assert faults == {}
    assert [told for told in complaints if "404" not in told and "503" not in told] == []


def serious(page: Page, axe: str) -> list[str]:
    """What axe-core holds for a serious or critical fault."""
    page.evaluate(axe)
    found: Any = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{fault['id']}: {[node['target'] for node in fault['nodes']][:3]} {fault['nodes'][0]['failureSummary']}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]


def test_a_change_is_on_the_screen_within_a_second(served: Served) -> None:
    page = served.page()
    page.goto("/")
    expect(page.locator("[data-live-state]")).to_have_text("live")
    page.wait_for_timeout(600)
    entity = served.place.who("ada@example.com")
    fields = {"first": {"old": "Ada", "new": "Adele"}}
    began = time.monotonic()
    served.place.log(Event.MERGED, sync="people", entity=entity, app="crm", fields=fields)
    expect(page.locator("#stream li").first).to_contain_text("Adele")
    assert time.monotonic() - began < 1.0


def test_a_conflict_is_answered_by_keyboard_alone(served: Served) -> None:
    page = served.page()
    page.goto("/")
    page.keyboard.press("g")
    page.keyboard.press("i")
    expect(page.locator("h1")).to_have_text("Inbox")
    page.keyboard.press("j")
    expect(page.locator(".question").first).to_be_focused()
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "radio":
            break
    page.keyboard.press("ArrowDown")
    chosen = page.evaluate("document.activeElement.closest('label').querySelector('.value').textContent")
    page.keyboard.press("Enter")
    expect(page.locator(".note.good")).to_contain_text("decided in entry")
    assert served.place.agreed() == chosen


def test_a_double_click_answers_once(served: Served) -> None:
    page = served.page()
    page.goto("/inbox?kind=conflicts")
    question = page.locator(".question").first
    question.locator("input[type=radio]").first.check()
    question.get_by_role("button", name="Let it stand").dblclick()
    expect(page.locator(".note")).to_contain_text("decided in entry")
    assert len(served.place.decided()) == 1


def test_typing_another_value_chooses_it(served: Served) -> None:
    page = served.page()
    page.goto("/inbox?kind=conflicts")
    question = page.locator(".question").first
    question.get_by_label("Another value").fill("555")
    question.get_by_role("button", name="Let it stand").click()
    expect(page.locator(".note.good")).to_be_visible()
    assert served.place.agreed() == "555"


def test_many_are_chosen_by_one_tick_previewed_and_answered(served: Served) -> None:
    page = served.page()
    page.goto("/inbox?kind=refused")
    page.get_by_label("these 25").check()
    assert page.locator(".question input[type=checkbox]:checked").count() == 25
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".lead")).to_contain_text("25 questions would be answered")
    page.get_by_role("button", name="Answer 25 questions").click()
    expect(page.locator(".note.good")).to_contain_text("25 answered")
    assert len(served.place.decided()) == 25


def test_everything_but_the_stream_works_without_javascript(served: Served) -> None:
    page = served.page(javascript=False)
    page.goto("/")
    page.get_by_role("link", name="Inbox").click()
    question = page.locator(".question").first
    question.locator("input[type=radio]").first.check()
    question.get_by_role("button", name="Let it stand").click()
    expect(page.locator(".note.good")).to_contain_text("decided in entry")
    page.get_by_role("searchbox").fill("ben@example.com")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("ben@example.com")


def test_the_first_thing_by_tab_leads_past_the_pages(served: Served) -> None:
    page = served.page()
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_that_only_a_form_leads_to_have_no_serious_fault(served: Served, axe: str, scheme: str) -> None:
    page = served.page(scheme=scheme)
    page.goto("/inbox?kind=conflicts")
    page.get_by_label("these 2").check()
    page.locator("#way").select_option("app:news")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("h1")).to_have_text("What this answer would do")
    page.screenshot(path=SCREENS / f"preview-{scheme}.png", full_page=True)
    assert serious(page, axe) == []
    page.goto("/inbox?kind=conflicts")
    page.evaluate("document.querySelector('.answer [name=token]').value = 'old'")
    page.locator(".question input[type=radio]").first.check()
    page.get_by_role("button", name="Let it stand").first.click()
    expect(page.locator("h1")).to_have_text("This form is from before")
    page.screenshot(path=SCREENS / f"again-{scheme}.png", full_page=True)
    assert serious(page, axe) == []


def test_signing_in_has_no_serious_fault_and_works_by_keyboard(served: Served, axe: str) -> None:
    served.place.open(Console.model_construct(enabled=None, url="", people=PEOPLE))
    with served.again() as url:
        page = served.page(scheme="dark", url=url)
        page.goto("/inbox")
        page.screenshot(path=SCREENS / "login-dark.png")
        assert serious(page, axe) == []
        page.keyboard.type("ada")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Inbox")
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("h1")).to_have_text("Sign in to syncd")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_a_mapping_that_is_tried_and_taken_up_have_no_serious_fault(
    served: Served, axe: str, scheme: str
) -> None:
    desk = replace(served.place.desk, renew=lambda _: None)
    served.place.app = Starlette(routes=routes(desk))
    changed = ("--- as it is", "+++ as you would have it", '-news = "first"', '+news = "last"')
    begun = desk.trials.begin(desk.world, lambda number: Trial(number, "ada", time.time(), "text", changed))
    assert begun is not None
    eventually(lambda: begun.over, "it was tried")
    with served.again() as url:
        page = served.page(scheme=scheme, url=url)
        page.goto("/mappings/trial/1")
        expect(page.get_by_role("button", name="Save it and put it in force")).to_be_visible()
        page.screenshot(path=SCREENS / f"trial-{scheme}.png", full_page=True)
        assert serious(page, axe) == []
        page.goto(f"/mappings/taken/{desk.run}")
        expect(page.locator("h1")).to_have_text("Taking it up")
        page.screenshot(path=SCREENS / f"taking-{scheme}.png", full_page=True)
        assert serious(page, axe) == []


def test_the_page_goes_on_by_itself_once_the_next_daemon_answers(served: Served) -> None:
    page = served.page()
    run = served.place.desk.run
    page.goto(f"/mappings/taken/{run}")
    expect(page.locator("h1")).to_have_text("Taking it up")
    page.route(f"**/mappings/taken/{run}", lambda route: route.fulfill(status=303, headers={"location": "/mappings"}))
    expect(page.locator("h1")).to_have_text("Mappings")


def test_a_second_record_takes_the_place_of_the_first_after_a_look_and_by_keyboard(served: Served, axe: str) -> None:
    served.place.company.apps["crm"].person_creates(email="eve@example.com", first="Eve the second")
    served.place.sync()
    page = served.page()
    page.goto("/inbox?kind=whose")
    page.screenshot(path=SCREENS / "duplicate.png", full_page=True)
    button = page.get_by_role("button", name="It is the right one of")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("What this answer would do")
    page.screenshot(path=SCREENS / "duplicate-preview.png", full_page=True)
    assert serious(page, axe) == []
    page.get_by_role("button", name="Answer 1 question").click()
    expect(page.locator(".note")).to_contain_text("theirs, by entry")
