"""What comes from apps and people is shown, never obeyed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from syncd.console.show import grid, words
from syncd.console.tell import Line, line, said, tell, tell_field
from syncd.console.voice import clean, json_text, tables
from syncd.core.record import EntityId, Ref
from syncd.store.values import Entry, Event
from tests.console.ground import Desk

_HOSTILE = "\x1b[2J\x9b31mAda\u202e\n[red]x[/red]"


def test_control_and_direction_characters_never_reach_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tables(words(_HOSTILE), grid(("name",), [[_HOSTILE]]))
    out = capsys.readouterr().out
    assert not set(out) & set("\x1b\x9b\u202e")
    assert out.count("[red]x[/red]") == 2
    assert "\n" not in clean(_HOSTILE)


def test_json_keeps_every_character_but_escapes_those_a_terminal_would_obey() -> None:
    text = json_text({"b": _HOSTILE, "a": "Zoë"})
    assert not set(text) & set("\x1b\x9b\u202e")
    assert json.loads(text) == {"a": "Zoë", "b": _HOSTILE}
    assert text.index('"a"') < text.index('"b"')


def test_json_has_the_fields_of_an_answer_in_the_order_of_their_names() -> None:
    text = json_text(line(Entry(event=Event.PAUSED, app="crm", fields={"b": {}, "a": {}})))
    names = list(json.loads(text))
    assert names == sorted(names)
    assert text.index('"a"') < text.index('"b"')


def test_values_are_said_as_a_person_writes_them() -> None:
    assert [said(v) for v in (None, "", [], True, False, 3, "x", ["a", "b"])] == [
        "blank",
        "blank",
        "blank",
        "true",
        "false",
        "3",
        '"x"',
        '"a", "b"',
    ]


def test_an_object_is_said_as_the_json_that_it_is() -> None:
    assert said({"city": "Zürich", "zip": None}) == '{"city": "Zürich", "zip": null}'
    assert said({}) == "blank"


def test_a_long_value_is_cut_where_people_read_and_whole_in_json() -> None:
    long = "x" * 5000
    assert said(long) == f'"{"x" * 79}…"'
    assert len(said([long, long])) <= 80
    told = line(Entry(event=Event.MERGED, app="crm", fields={"note": {"old": None, "new": long}}))
    assert len(told.text) < 200
    assert told.fields["note"]["new"] == long


@pytest.mark.parametrize("event", list(Event))
def test_every_event_has_a_sentence_for_the_log_and_for_one_field(event: Event) -> None:
    entry = Entry(
        event=event,
        sync="people",
        entity=EntityId("e1"),
        ref=Ref("crm", "contacts", "7"),
        app="crm",
        fields={"phone": {"old": "1", "new": "2"}},
        note="update",
    )
    for text in (tell(entry), tell_field(entry, "phone", lambda _: "news")):
        words = (
            "crm",
            "decided",
            "people",
            "register",
            "taken back",
            "took",
            "saved",
            "began",
            "store",
            "person",
            "configuration",
        )
        assert any(word in text for word in words)
    assert isinstance(line(entry), Line)


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ("taken", 'crm showed "2"; it took the place of "1" (from news, entry 4) (edited)'),
        ("lost", 'crm showed "2"; it lost against "1" (from news, entry 4) (edited)'),
        ("agreed", 'crm showed "2", as agreed already'),
        (
            "asked",
            'crm showed "2", agreed is "1" (from news, entry 4); a person must say which stands (edited)',
        ),
        ("held", 'crm showed "2" against "1" (from news, entry 4); that waits for a person (edited)'),
        ("misfit", 'crm showed "2", which makes no sense: edited'),
    ],
)
def test_a_verdict_on_a_field_is_told_with_the_old_value_and_whence_it_came(verdict: str, expected: str) -> None:
    what = {"old": "1", "new": "2", "verdict": verdict, "rule": "edited", "from": 4}
    entry = Entry(event=Event.MERGED, app="crm", fields={"phone": what})
    assert tell_field(entry, "phone", lambda _: "news") == expected


def test_a_reader_who_has_seen_enough_is_no_failure(desk: Desk) -> None:
    program = "import sys; from syncd.console.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "mappings", "-c", str(desk.config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        told = run.stderr.read()
    assert (run.returncode, told) == (0, b"")


@pytest.mark.parametrize("words", [("mappings",), ("mappings", "--json"), ("--help",), ("--version",)])
def test_an_answer_that_cannot_be_written_is_told_in_one_line(words: tuple[str, ...]) -> None:
    for where in ("> /dev/full", ">&-"):
        shell = f'exec "$0" -m syncd {" ".join(words)} {where}'
        run = subprocess.run(["sh", "-c", shell, sys.executable], stderr=subprocess.PIPE, text=True)
        assert run.returncode == 1, where
        assert run.stderr.startswith("standard output "), run.stderr
        assert "Traceback" not in run.stderr


def test_an_interrupt_while_the_command_is_still_being_loaded_ends_it_without_a_word() -> None:
    program = """
import sys

class Interrupted:
    def find_spec(self, name, *rest):
        if name == "cyclopts":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
from syncd.__main__ import main

sys.exit(main())
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "")


def test_words_that_no_command_takes_are_told_in_plain_words(desk: Desk) -> None:
    said = desk.say("status", "everything", "now")
    assert said.code == 3
    assert "too many words: everything now" in said.err
    assert "oken" not in said.err


def test_a_line_stays_a_line_where_a_program_reads_it(capsys: pytest.CaptureFixture[str]) -> None:
    tables(words("a long story " * 300))
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_wrong_word_points_to_the_help_of_its_command(desk: Desk) -> None:
    assert "see: syncd resolve --help" in desk.say("resolve", "two").err
    assert "see: syncd --help" in desk.say("resolv", "2").err


def test_a_log_without_entries_says_so(desk: Desk) -> None:
    desk.say("plan")
    assert desk.say("log").out == "no entries\n"
    assert desk.ask("log") == []
