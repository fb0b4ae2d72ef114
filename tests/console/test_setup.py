"""Setting up: init, check, schema, mappings, sandbox, verify, backup."""

from __future__ import annotations

import io
import re
import socket
import sqlite3
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from syncd import plugins
from syncd.access import fits
from syncd.console.init import Wanted, interview
from syncd.console.sandbox import build
from syncd.errors import ConfigError
from syncd.testing.serve import serve
from syncd_connectors.hubspot.twin import HubSpotTwin
from tests.console.ground import Desk


def wanted(desk: Desk) -> tuple[str, ...]:
    return (
        *("--app", "crm=hubspot", "--app", "news=mailchimp"),
        *("--set", f"crm.base_url={desk.urls['crm']}", "--set", f"news.base_url={desk.urls['news']}"),
        *("--secret", "news.api_key=NEWS_KEY", "--yes"),
    )


def test_init_takes_the_ready_mapping_of_the_two_apps_and_what_it_writes_passes_the_check(desk: Desk) -> None:
    desk.config.unlink()
    made = desk.ask("init", *wanted(desk))
    assert made["template"] == "contacts-hubspot-mailchimp"
    assert {"email", "first_name", "opted_out"} <= set(made["fields"])
    text = desk.config.read_text()
    assert 'token     = { env = "CRM_TOKEN" }' in text
    assert "pat-twin" not in text
    assert desk.say("check").code == 0
    assert desk.written("crm") == desk.written("news") == 0
    assert [path.name for path in desk.folder.iterdir() if "draft" in path.name] == []


def test_init_proposes_fields_by_likeness_where_no_ready_mapping_fits(desk: Desk) -> None:
    desk.config.unlink()
    made = desk.ask(
        "init",
        *("--app", "old=hubspot", "--app", "new=hubspot", "--secret", "old.token=CRM_TOKEN", "--yes"),
        *("--set", f"old.base_url={desk.urls['crm']}", "--set", f"new.base_url={desk.urls['crm']}"),
        *("--secret", "new.token=CRM_TOKEN"),
    )
    assert made["template"] == ""
    assert {"email", "first_name", "last_name", "phone"} <= set(made["fields"])
    assert '[syncs.people.fields.first_name]\ntype = "text"\nold  = "firstname"\nnew  = "firstname"' in (
        desk.config.read_text()
    )
    assert desk.say("check").code == 0


def test_init_never_writes_over_a_configuration(desk: Desk) -> None:
    before = desk.config.read_bytes()
    said = desk.say("init", *wanted(desk))
    assert said.code == 3
    assert "exists already" in said.err
    assert desk.config.read_bytes() == before


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("--app", "my crm=mailchimp"), '--app: "my crm" is no name'),
        (("--set", "crm.token=pat-twin"), "--set crm.token: is a secret"),
        (("--set", "crm.tokn=x"), "--set crm.tokn: unknown key"),
    ],
)
def test_init_tells_a_mistake_on_the_command_line_as_one_of_the_option(
    desk: Desk, more: tuple[str, ...], expected: str
) -> None:
    desk.config.unlink()
    said = desk.say("init", *wanted(desk), *more)
    assert said.code == 3
    assert expected in said.err
    assert "config.toml" not in said.err
    assert "pat-twin" not in said.err


def test_init_tells_a_missing_secret_as_one_of_the_option(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.config.unlink()
    monkeypatch.delenv("CRM_TOKEN")
    said = desk.say("init", *wanted(desk))
    assert said.code == 3
    assert "--secret crm.token: the environment variable CRM_TOKEN is not set" in said.err
    assert ".draft" not in said.err
    assert not desk.config.exists()


def test_init_asks_nobody_where_nobody_can_answer(desk: Desk) -> None:
    desk.config.unlink()
    said = desk.say("init", "--app", "crm=hubspot")
    assert said.code == 3
    assert "--yes" in said.err


def test_init_asks_for_what_it_was_not_told() -> None:
    answers = {
        "Which kind of app": iter(["hubspot", "ghost"]),
        "What shall it be called": iter(["crm", ""]),
        "A further app": iter(["n"]),
        "crm: which environment variable has the token": iter([""]),
        "ghost: which environment variable has the admin_key": iter(["BLOG_KEY"]),
        "ghost: base_url": iter(["https://blog.example.com"]),
    }

    def ask(question: str) -> str:
        return next(next(said for start, said in answers.items() if question.startswith(start)))

    told = interview(Wanted(), ask)
    assert told.apps == {"crm": "hubspot", "ghost": "ghost"}
    assert told.secrets == {("crm", "token"): "CRM_TOKEN", ("ghost", "admin_key"): "BLOG_KEY"}
    assert told.settings == {("ghost", "base_url"): "https://blog.example.com"}


def test_init_asks_again_after_a_typo_and_after_an_empty_answer() -> None:
    said = iter(["hubspt", "hubspot", "crm", "", "ghost", "", "n", "", "", "", "https://blog.example.com"])
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return next(said)

    told = interview(Wanted(), ask)
    assert told.apps == {"crm": "hubspot", "ghost": "ghost"}
    assert told.settings == {("ghost", "base_url"): "https://blog.example.com"}
    assert 'did you mean "hubspot"?' in asked[1]


def test_init_asks_again_for_a_name_that_is_none_or_taken() -> None:
    said = iter(["hubspot", "My CRM", "crm", "mailchimp", "crm", "type", "news", "n", "", ""])
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return next(said)

    assert interview(Wanted(), ask).apps == {"crm": "hubspot", "news": "mailchimp"}
    assert '"My CRM" is no name' in asked[2]
    assert 'there is a "crm" already' in asked[5]
    assert '"type" is no name' in asked[6]


def test_init_stops_asking_after_three_mistakes() -> None:
    answers = iter(["a", "b", "c"])
    with pytest.raises(ConfigError, match='no connector "c"'):
        interview(Wanted(), lambda _: next(answers))


def test_an_init_that_fails_leaves_nothing_behind(desk: Desk) -> None:
    desk.config.unlink()
    desk.faults("news", revoked=True)
    assert desk.say("init", *wanted(desk)).code == 4
    assert list(desk.folder.iterdir()) == []


def test_the_settings_that_init_leaves_as_comments_are_toml_once_uncommented(desk: Desk) -> None:
    desk.config.unlink()
    desk.ask("init", *wanted(desk))
    text = re.sub(r"^# (?=\w+ +=)", "", desk.config.read_text(), flags=re.MULTILINE)
    news = tomllib.loads(text)["apps"]["news"]
    assert news["audience"] == ""
    assert news["new_members"] == "transactional"


def test_a_comment_that_init_leaves_shows_the_default_and_for_a_secret_where_it_may_stand(desk: Desk) -> None:
    desk.config.unlink()
    desk.ask("init", *wanted(desk))
    text = desk.config.read_text()
    assert '# app_secret        = { env = "CRM_APP_SECRET" }    #' in text
    assert re.search(r"^# search_overlap +  = \d", text, re.MULTILINE)
    assert re.search(r"^# bulk_from +  = \d+", text, re.MULTILINE)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Wanted.of(["crm"], [], []),
        lambda: Wanted.of(["crm=hubspot"], ["news.base_url=x"], []),
        lambda: Wanted.of(["crm=hubspot"], [], ["crm=TOKEN"]),
    ],
)
def test_what_init_is_told_must_name_apps_and_their_settings(make: Callable[[], Wanted]) -> None:
    with pytest.raises(ConfigError):
        make()


def test_the_check_reports_every_app_and_tries_each_field_on_real_records(desk: Desk) -> None:
    found = desk.ask("check", "--samples", "3")
    assert [(app["name"], app["reached"], app["sampled"]) for app in found["apps"]] == [
        ("crm", True, 3),
        ("news", True, 3),
    ]
    (sync,) = found["syncs"]
    assert sync["breaches"] == []
    assert [row["field"] for row in sync["fields"]] == ["email", "first_name", "opted_out"]
    assert desk.written("crm") == desk.written("news") == 0
    assert "everything fits" in desk.say("check").out


def test_the_check_tells_how_many_values_make_no_sense_as_the_type_of_their_field(desk: Desk) -> None:
    desk.write('type = "text"\ncrm  = "firstname"', 'type = "integer"\ncrm  = "firstname"')
    (sync,) = desk.ask("check", "--samples", "3")["syncs"]
    assert sync["misfits"][0].startswith("crm, first_name: 3 of 3 values make no sense, the first ")
    said = desk.say("check", "--samples", "3").out
    assert "they would wait in syncd quarantine" in said
    names = {fields["firstname"] for fields in desk.records("crm").values()}
    assert not [name for name in names if name in said]


def test_the_check_shows_which_settings_an_app_may_have_and_never_their_values(desk: Desk) -> None:
    shown = desk.say("check", "--samples", "0", "--settings").out
    assert "access token of a private app" in shown
    assert "pat-twin" not in shown
    crm = desk.ask("check", "--samples", "0")["apps"][0]
    assert {one["name"]: one["given"] for one in crm["settings"]}["token"]
    assert not {one["name"]: one["given"] for one in crm["settings"]}["client_id"]


def test_the_check_goes_on_to_the_next_app_where_one_lets_nobody_in(desk: Desk) -> None:
    desk.faults("crm", revoked=True)
    said = desk.say("check", "--json")
    assert said.code == 4
    crm, news = said.json["apps"]
    assert (crm["reached"], news["reached"]) == (False, True)
    assert "401" in crm["problem"]
    assert "crm: " in desk.say("check").out


def test_the_check_tells_a_field_that_does_not_fit_with_its_place(desk: Desk) -> None:
    desk.write('"firstname"', '"firstnme"')
    said = desk.say("check")
    assert said.code == 3
    assert "config.toml:" in said.out
    assert 'did you mean "firstname"?' in said.out


def test_a_schema_names_fields_types_and_options_as_a_mapping_may_use_them(desk: Desk) -> None:
    (contacts,) = desk.ask("schema", "crm", "contacts")
    fields = {field["name"]: field for field in contacts["fields"]}
    assert fields["firstname"]["type"] == "text"
    assert "customer" in fields["lifecyclestage"]["options"]
    assert fields["hs_email_optout"]["consent"]
    assert "lifecyclestage" in desk.say("schema", "crm").out
    said = desk.say("schema", "crm", "contact")
    assert said.code == 3
    assert 'did you mean "contacts"?' in said.err


def test_ready_mappings_are_listed_with_the_operators_own(desk: Desk) -> None:
    own = desk.folder / "mappings"
    own.mkdir()
    (own / "mine.toml").write_text(
        'entity = "person"\napps = { hubspot = "contacts" }\n[fields.email]\ntype = "email"\n'
    )
    found = {one["name"]: one for one in desk.ask("mappings")}
    assert found["mine"]["own"]
    assert not found["contacts-hubspot-mailchimp"]["own"]
    assert found["contacts-hubspot-mailchimp"]["apps"] == {"hubspot": "contacts", "mailchimp": "members"}


def test_a_sandbox_is_a_twin_that_answers_as_the_vendor_does() -> None:
    made = build("mailchimp", seed=3, records=2, start=0, faults="none")
    with serve(made.twin) as served:
        refused = httpx.get(f"{served.url}/3.0/ping")
        people = httpx.get(f"{served.url}/_people/records/members").json()["records"]
    assert refused.status_code == 401
    assert len(people) == 2
    assert f'base_url  = "{served.url}"' in made.settings(served.url)


@pytest.mark.parametrize("connector", list(plugins.announced()))
def test_what_a_sandbox_says_to_write_in_the_configuration_lets_syncd_in(
    connector: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build(connector, seed=1, records=1, start=0, faults="none")
    for name, value in made.twin.credentials.items():
        monkeypatch.setenv(made.variable(name), value)
    with serve(made.twin) as served:
        desk.config.write_text(made.settings(served.url))
        assert desk.ask("schema", connector)


def test_a_sandbox_of_an_unknown_connector_or_with_unknown_faults_says_what_there_is(desk: Desk) -> None:
    unknown = desk.say("sandbox", "hubspt")
    assert unknown.code == 3
    assert 'did you mean "hubspot"?' in unknown.err
    faults = desk.say("sandbox", "hubspot", "--faults", "rouhg")
    assert faults.code == 3
    assert 'did you mean "rough"?' in faults.err


@pytest.mark.parametrize(
    ("option", "number", "expected"),
    [("--port", "70000", "65535"), ("--port", "-1", "65535"), ("--records", "-1", "0")],
)
def test_a_sandbox_refuses_numbers_that_make_no_sense(desk: Desk, option: str, number: str, expected: str) -> None:
    said = desk.say("sandbox", "hubspot", option, number)
    assert said.code == 3
    assert option in said.err
    assert expected in said.err


def test_a_store_is_verified_and_a_log_that_somebody_altered_is_found(desk: Desk) -> None:
    desk.say("apply", "--yes")
    assert desk.ask("verify")["sound"]
    with sqlite3.connect(desk.folder / "syncd.db") as db:
        db.execute("UPDATE change SET note = 'forged' WHERE seq = 2")
    db.close()
    said = desk.say("verify")
    assert said.code == 5
    assert "from entry 2 on" in said.err


def test_a_backup_is_a_store_of_its_own_that_only_its_owner_may_read(desk: Desk) -> None:
    desk.say("apply", "--yes")
    copy = desk.folder / "copy.db"
    assert desk.ask("backup", str(copy))["bytes"] > 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    before = desk.ask("status")["changes"]
    assert _changes(copy) == before
    said = desk.say("backup", str(copy))
    assert said.code == 3
    assert _changes(copy) == before


def _changes(file: Path) -> int:
    db = sqlite3.connect(file)
    try:
        return int(db.execute("SELECT count(*) FROM change").fetchone()[0])
    finally:
        db.close()


def test_a_backup_that_fails_says_why_and_leaves_no_half_copy(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_target: Path) -> sqlite3.Connection:
        raise sqlite3.OperationalError("database or disk is full")

    desk.say("apply", "--yes")
    monkeypatch.setattr("syncd.store.copying.sqlite3.connect", full)
    said = desk.say("backup", str(desk.folder / "copy.db"))
    assert said.code == 5
    assert "database or disk is full" in said.err
    assert "Traceback" not in said.err
    assert not (desk.folder / "copy.db").exists()


def test_a_schema_of_an_app_that_lets_nobody_in_is_told_as_such(desk: Desk) -> None:
    desk.faults("crm", revoked=True)
    said = desk.say("schema", "crm")
    assert said.code == 4
    assert "crm: " in said.err
    assert "renew the app's credentials" in said.err


def test_a_mapping_of_ones_own_that_makes_no_sense_is_listed_by_its_name(desk: Desk) -> None:
    own = desk.folder / "mappings"
    own.mkdir()
    (own / "broken.toml").write_text("entity = ")
    (own / "binary.toml").write_bytes(b"\xff\xfe")
    (own / "odd.toml").write_text('entity = "person"\napps = "hubspot"\nfields = ["email"]\n')
    found = {one["name"]: one for one in desk.ask("mappings")}
    assert {name for name, one in found.items() if one["own"]} == {"broken", "binary", "odd"}
    assert (found["broken"]["entity"], found["broken"]["apps"], found["broken"]["fields"]) == ("", {}, [])
    assert (found["odd"]["entity"], found["odd"]["apps"], found["odd"]["fields"]) == ("person", {}, [])


def test_a_sandbox_on_a_port_that_is_taken_is_told_which(desk: Desk) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = desk.say("sandbox", "hubspot", "--port", str(port))
    assert said.code == 3
    assert f"cannot listen on port {port}" in said.err
    assert "--port" in said.err


def test_init_leaves_out_what_the_account_does_not_have_and_says_so(desk: Desk) -> None:
    crm = desk.twins["crm"]
    assert isinstance(crm, HubSpotTwin)
    del crm.properties["contacts"]["phone"]
    desk.config.unlink()
    made = desk.ask("init", *wanted(desk))
    assert made["template"] == "contacts-hubspot-mailchimp"
    assert "phone" not in made["fields"]
    assert [line for line in made["left_out"] if line.startswith('phone: crm has no property "phone"')]
    assert desk.say("check").code == 0


def test_a_password_for_the_console_becomes_a_hash(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a few words here\n"))
    assert fits("a few words here", desk.ask("console", "password")["hash"])
    monkeypatch.setattr("sys.stdin", io.StringIO("only nine\n"))
    assert "safer with 15 characters" in desk.say("console", "password").err
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert "at least 8 characters" in desk.say("console", "password").err


class Keyboard(io.StringIO):
    """Standard input with a person at it."""

    def isatty(self) -> bool:
        return True


def test_a_password_that_is_typed_is_typed_twice(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    said = iter(["a few words here", "a few words there", "a few words here", "a few words here"])
    monkeypatch.setattr("getpass.getpass", lambda _: next(said))
    monkeypatch.setattr("sys.stdin", Keyboard())
    assert "the two were not the same" in desk.say("console", "password").err
    assert fits("a few words here", desk.ask("console", "password")["hash"])
