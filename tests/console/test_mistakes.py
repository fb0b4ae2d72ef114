"""Every kind of mistake, put to `syncd plan`: one clear message with its place, and nothing written anywhere."""

from __future__ import annotations

import socket

import httpx
import pytest

from syncd.testing.twin import Call
from tests.console.ground import Desk, Said

_FIRST_NAME = '[syncs.people.fields.first_name]\ntype = "text"\ncrm  = "firstname"\nnews = "merge_fields.FNAME"'


def refused(desk: Desk, *expected: str, code: int = 3) -> Said:
    """Plan, and hold the answer against what it must say; then see that nothing was written anywhere."""
    before = sorted(desk.folder.iterdir())
    said = desk.say("plan")
    assert said.code == code, said
    assert said.out == ""
    for words in expected:
        assert words in said.err, said.err
    assert "Traceback" not in said.err
    assert desk.written("crm") == desk.written("news") == 0
    assert sorted(desk.folder.iterdir()) == before
    return said


def test_looking_leaves_nothing_behind(desk: Desk) -> None:
    for words in (("check",), ("schema", "crm"), ("schema", "crm", "contcts"), ("apply",)):
        desk.say(*words)
        assert [file.name for file in desk.folder.iterdir()] == ["config.toml"], words


def test_a_setting_that_only_the_account_shows_to_be_wrong_is_told_with_its_place(desk: Desk) -> None:
    desk.write("api_key   =", 'audience = "Custmers"\napi_key   =')
    told = 'config.toml:8:apps.news.audience: Mailchimp has no audience "Custmers" (it has: Customers'
    refused(desk, told)
    for words in (("check",), ("schema", "news")):
        said = desk.say(*words)
        assert said.code == 3, said
        assert told in said.err


def test_wrong_toml_is_told_with_its_line(desk: Desk) -> None:
    desk.write("[apps.crm]", "[apps.crm")
    refused(desk, "config.toml:1:", "TOML")
    assert not (desk.folder / "syncd.db").exists()


def test_an_unknown_key_is_told_with_the_nearest_right_one(desk: Desk) -> None:
    desk.write("token     =", "tokn      =")
    refused(desk, "config.toml:3:apps.crm.tokn: unknown key", 'did you mean "token"?')
    assert not (desk.folder / "syncd.db").exists()


def test_an_unknown_property_is_told_with_the_nearest_one_that_the_account_has(desk: Desk) -> None:
    desk.write('"firstname"', '"firstnme"')
    refused(desk, 'fields.first_name.crm: crm has no property "firstnme"', 'did you mean "firstname"?')


def test_a_type_that_does_not_fit_is_told_with_what_was_expected(desk: Desk) -> None:
    desk.write(_FIRST_NAME, _FIRST_NAME.replace('"text"', '"boolean"'))
    refused(desk, "fields.first_name.crm:", "boolean", "text")


def test_an_option_without_a_partner_is_told_by_name(desk: Desk) -> None:
    stage = '[syncs.people.fields.stage]\ntype = "choice"\ncrm = "lifecyclestage"\n'
    news = 'news = { field = "merge_fields.LNAME", values = { customer = "Customer" } }\n\n'
    desk.write("[syncs.people.fields.opted_out]", f"{stage}{news}[syncs.people.fields.opted_out]")
    refused(desk, "fields.stage.news: no option in news for", '"lead"', "partial = true")


def test_an_app_that_cannot_be_reached_is_told_by_name_with_what_to_look_at(desk: Desk) -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{door.getsockname()[1]}"
        desk.write(desk.urls["news"], nobody)
        refused(desk, "news: ", f"failed to reach {nobody.removeprefix('http://')}", "address is right", code=4)


def test_an_expired_token_is_told_as_such(desk: Desk) -> None:
    desk.faults("crm", revoked=True)
    refused(desk, "crm: ", "401", "renew the app's credentials", code=4)


def test_a_missing_scope_is_told_as_such(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_scope(call: Call) -> httpx.Response | None:
        if "/properties/" not in call.path:
            return None
        body = {"category": "MISSING_SCOPES", "message": "This app hasn't been granted crm.schemas.contacts.read"}
        return httpx.Response(403, json=body)

    monkeypatch.setattr(desk.twins["crm"], "refuses", no_scope)
    refused(desk, "crm: ", "403", "crm.schemas.contacts.read", "scopes", code=4)


def test_a_missing_configuration_is_told_with_how_to_make_one(desk: Desk) -> None:
    desk.config.unlink()
    refused(desk, "config.toml: there is no such file", "syncd init")


@pytest.mark.parametrize("words", [("check",), ("plan",), ("apply", "--yes"), ("run",), ("run", "--once")])
def test_a_configuration_with_nothing_to_sync_is_told_as_such(desk: Desk, words: tuple[str, ...]) -> None:
    apps = desk.config.read_text().split("[syncs.")[0]
    for text, expected in (("", "no [apps.…] and no [syncs.…]"), (apps, "nothing to sync: no [syncs.…]")):
        desk.config.write_text(text)
        said = desk.say(*words)
        assert said.code == 3
        assert expected in said.err
        assert "syncd init" in said.err
    assert not (desk.folder / "syncd.db").exists()


def test_a_byte_order_mark_is_told_as_such(desk: Desk) -> None:
    desk.config.write_bytes(b"\xef\xbb\xbf" + desk.config.read_bytes())
    refused(desk, "config.toml:1", "byte order mark", "UTF-8 without")


def test_a_missing_secret_is_told_by_the_name_of_its_variable(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEWS_KEY")
    refused(desk, "config.toml:8:apps.news.api_key: the environment variable NEWS_KEY is not set")
    assert not (desk.folder / "syncd.db").exists()


def test_what_is_wrong_with_a_sync_is_told_also_while_a_secret_is_missing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEWS_KEY")
    desk.write('entity = "person"', 'entity = "person"\nmtach = ["email"]')
    refused(desk, "environment variable NEWS_KEY is not set", "syncs.people.mtach: unknown key", "match")
    said = desk.say("check")
    assert said.code == 3
    assert "mtach: unknown key" in said.err


def test_several_mistakes_are_told_at_once_each_on_a_line_of_its_own(desk: Desk) -> None:
    desk.write("token     =", "tokn      =")
    text = desk.config.read_text().replace('type = "email"', 'type = "email"\nblnk = "hold"')
    desk.config.write_text(text.replace("[syncs.people]", "[stroe]\n\n[syncs.people]"))
    lines = refused(desk).err.splitlines()
    assert [line for line in lines if "stroe" in line and "store" in line]
    assert [line for line in lines if "tokn" in line]


def test_with_json_a_mistake_is_one_document_with_each_problem_and_its_place(desk: Desk) -> None:
    desk.write("token     =", "tokn      =")
    said = desk.say("plan", "--json")
    error = said.json["error"]
    assert said.code == error["exit_code"] == 3
    assert error["kind"] == "ConfigError"
    assert {"where", "message", "hint"} == set(error["problems"][0])
    assert any(problem["where"].endswith("apps.crm.tokn") for problem in error["problems"])
    assert said.err == ""


def test_a_wrong_command_line_is_a_mistake_of_usage(desk: Desk) -> None:
    assert desk.say("stauts").code == 3
    said = desk.say("plan", "--limt", "3")
    assert said.code == 3
    assert "--limit" in said.err
    assert "syncd plan --help" in said.err


@pytest.mark.parametrize(
    "words",
    [
        ("log", "--limit", "99999999999999999999"),
        ("approve", "99999999999999999999"),
        ("resolve", "99999999999999999999", "--value", "x"),
        ("undo", "--change", "99999999999999999999"),
        ("forget", "--lift", "99999999999999999999"),
    ],
)
def test_a_number_that_no_store_holds_is_told(desk: Desk, words: tuple[str, ...]) -> None:
    desk.say("apply", "--yes")
    said = desk.say(*words)
    assert (said.code, said.err) == (3, f"a number is larger than any there is\n  see: syncd {words[0]} --help\n")


@pytest.mark.parametrize("words", [("why", "\udcff", "email"), ("log", "--field", "\udcff"), ("forget", "a\udcffb")])
def test_a_word_in_another_encoding_is_told(desk: Desk, words: tuple[str, ...]) -> None:
    said = desk.say(*words)
    assert said.code == 3
    assert '?" is no text' in said.err or '?b" is no text' in said.err
    assert "write it in UTF-8" in said.err
