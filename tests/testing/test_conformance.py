"""The conformance suite notices: each way to break a good connector fails the check that is meant for it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.docs.guide import files

# The check; what stands in the guide's connector; what a hurried author might have written.
MUTANTS = (
    ("a_full_listing_says_so_once_and_at_the_end", 'since is None and page["next"] is None', "since is None"),
    ("a_full_listing_shows_every_record", 'lambda page: page["next"]', "lambda page: None"),
    ("every_page_can_be_resumed_from_and_nobody_is_skipped", "Cursor(here)", 'Cursor(here[:29] + "~~")'),
    ("a_listing_since_a_cursor_shows_less_than_everything", "Cursor(here)", 'Cursor("1970")'),
    ("changes_of_one_instant_that_fill_more_than_a_page_are_all_shown", "Cursor(here)", 'Cursor(here[:29] + "~~")'),
    (
        "a_change_within_the_instant_of_the_cursor_is_shown",
        'rows[-1]["changed_at"] if',
        'rows[-1]["changed_at"] + "~~" if',
    ),
    ("no_page_is_longer_than_declared", '"limit": 50', '"limit": 80'),
    (
        "an_outage_is_no_evidence_about_a_record",
        "expect=(404,))\n        return Gone(ref) if answer.status == 404",
        "expect=(404, 503))\n        return Gone(ref) if answer.status > 400",
    ),
    ("an_id_that_nobody_has_is_gone_and_stops_nobody_else", "if not ref.id.isalnum():", "if not ref.id:"),
    ("every_ref_that_is_asked_is_answered", "for ref in refs}", "for ref in refs[1:]}"),
    (
        "the_time_of_birth_stays",
        'datetime.fromisoformat(row["created_at"])',
        'datetime.fromisoformat(row["changed_at"])',
    ),
    (
        "an_edit_makes_a_new_version",
        'token=row["rev"], at=datetime.fromisoformat(row["changed_at"])',
        'token=row["id"]',
    ),
    ("a_field_that_was_emptied_is_blank_and_not_absent", "if field.name in row}", "if row.get(field.name)}"),
    ("a_second_record_with_a_unique_value_is_met_by_the_first", "headers=headers, expect=(409,)", "headers=headers"),
    (
        "a_second_record_with_a_unique_value_is_met_by_the_first",
        'Exists(key, self._ref(answer.json["id"]))',
        'Exists(key, self._ref("another"))',
    ),
    (
        "a_create_returns_the_record_as_a_read_shows_it",
        "self._record(answer.json))\n            case Update",
        "None)\n            case Update",
    ),
    ("an_update_of_another_version_is_stale_where_declared", '{"If-Match": write.expect.token}', "{}"),
    (
        "an_update_of_a_record_that_is_gone_is_stale",
        "json=dict(patch), headers=_if(write), expect=(404, 412)",
        "json=dict(patch), headers=_if(write), expect=(412,)",
    ),
    ("an_update_changes_only_what_it_names", "json=dict(patch)", 'json={"stage": "lead", **patch}'),
    ("one_refused_record_does_not_stop_the_others", "each(writes, self._write)", "[*map(self._write, writes)]"),
    (
        "a_throttled_write_is_known_not_to_be_applied",
        "json=dict(patch), headers=_if(write), expect=(404, 412)",
        "json=dict(patch), headers=_if(write), expect=(404, 412, 429)",
    ),
    ("a_write_without_an_answer_is_in_doubt", '"PATCH", _path(ref),', '"PATCH", _path(ref), writes=False,'),
    ("records_hold_only_declared_fields", "if field.name in row}", "if field.name in row} | {'rev': row['rev']}"),
    ("records_hold_values_of_the_declared_types", "FieldType.BOOLEAN", "FieldType.DATE"),
    ("check_tells_a_revoked_token", '"GET", "/v1/me"', '"GET", "/v1/me", expect=(401,)'),
    ("a_record_is_found_by_each_field_that_can_be_searched", "params={field: value}", "params={field: 'x' + value}"),
    ("a_cunning_value_finds_nobody", "params={field: value}", "params={'from': '', 'limit': 50}"),
    ("a_webhook_whose_body_was_changed_is_refused", "hmac_sha256(request.body,", "hmac_sha256(request.body.strip(),"),
    (
        "nonsense_from_a_stranger_is_refused",
        'hmac_sha256(request.body, request.headers.get("x-guestbook-signature", ""), self._secrets)',
        "pass",
    ),
    (
        "no_secret_is_told_to_anybody",
        "self._app = tools.app",
        "self._app = tools.app; tools.log.info(settings.token.get_secret_value())",
    ),
    (
        "the_log_tells_nobody_s_data",
        'self._http.call("GET", _path(ref), expect=(404,))',
        'self._http.call("GET", _path(ref), expect=(404,)); self._http._shared.log.info(answer.text)',
    ),
    (
        "opening_a_connector_makes_no_call_and_starts_no_thread",
        "auth=Bearer(settings.token))",
        "auth=Bearer(settings.token)); self.check()",
    ),
)


def test_every_mutant_of_a_good_connector_is_noticed(tmp_path: Path) -> None:
    source = files()
    (tmp_path / "guestbook_twin.py").write_text(source["guestbook_twin.py"])
    chosen = []
    for number, (check, good, bad) in enumerate(MUTANTS):
        assert source["guestbook.py"].count(good) == 1, (
            f"{check}: the guide's connector has changed; so must its mutant"
        )
        (tmp_path / f"guestbook_{number}.py").write_text(source["guestbook.py"].replace(good, bad))
        name = f"test_mutant_{number}.py"
        (tmp_path / name).write_text(re.sub(r"\bguestbook\b", f"guestbook_{number}", source["test_guestbook.py"]))
        chosen.append(f"{name}::TestGuestbook::test_{check}")
    command = [sys.executable, "-m", "pytest", "-q", "--tb=line", "-W", "error", "-p", "no:cacheprovider", *chosen]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    failed = {int(number) for number in re.findall(r"^FAILED test_mutant_(\d+)\.py", run.stdout, re.MULTILINE)}
    unnoticed = [MUTANTS[number][0] for number in range(len(MUTANTS)) if number not in failed]
    assert unnoticed == [], run.stdout + run.stderr
