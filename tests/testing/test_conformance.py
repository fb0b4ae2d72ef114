"""The conformance suite notices: each way to break a good connector fails the check that is meant for it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.connectors.hubspot.test_contract import TestHubSpot as _HubSpot
from tests.docs.guide import files
from tests.testing.richer import richer

pytestmark = pytest.mark.unmeasured

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
        "no_secret_is_told_of_an_answer_of_another_shape_or_of_a_refusal",
        "return Gone(ref) if answer.status == 404 else self._record(answer.json)",
        """if answer.status == 200 and "rev" not in answer.json:
            raise Unauthorised("odd, for twin-token")
        return Gone(ref) if answer.status == 404 else self._record(answer.json)

    from syncd.sdk import Unauthorised
    import builtins
    builtins.Unauthorised = Unauthorised""",
    ),
    (
        "a_connector_waits_by_its_clock_and_starts_nothing",
        'answer = self._http.call("GET", _path(ref), expect=(404,))',
        '__import__("time").sleep(0.01); answer = self._http.call("GET", _path(ref), expect=(404,))',
    ),
    (
        "every_ref_that_is_asked_is_answered",
        "{ref: self._read(ref) for ref in refs}",
        "dict(zip(refs, map(self._read, sorted(refs))))",
    ),
    (
        "an_update_to_a_value_that_another_record_has_is_refused",
        "json=dict(patch), headers=_if(write), expect=(404, 412)",
        "json=dict(patch), headers=_if(write), expect=(404, 409, 412)",
    ),
    (
        "a_webhook_that_lacks_only_its_signature_is_refused",
        'hmac_sha256(request.body, request.headers.get("x-guestbook-signature", ""), self._secrets)',
        """if request.headers.get("x-guestbook-signature"):
            hmac_sha256(request.body, request.headers["x-guestbook-signature"], self._secrets)""",
    ),
    (
        "without_its_secret_a_connector_believes_no_forged_webhook",
        'hmac_sha256(request.body, request.headers.get("x-guestbook-signature", ""), self._secrets)',
        """if self._secrets:
            hmac_sha256(request.body, request.headers.get("x-guestbook-signature", ""), self._secrets)""",
    ),
    (
        "opening_a_connector_makes_no_call_and_starts_no_thread",
        "auth=Bearer(settings.token))",
        "auth=Bearer(settings.token)); self.check()",
    ),
)


# What only a guestbook with more kinds of fields shows; see tests/testing/richer.py.
_SENT = "json=dict(patch)"
_READ = 'answer = self._http.call("GET", _path(ref), expect=(404,))'
_LISTED = "for row in rows)"
_SIGNED = 'hmac_sha256(request.body, request.headers.get("x-guestbook-signature", ""), self._secrets)'
RICHER = (
    (
        "a_value_of_every_type_comes_back_as_it_was_sent",
        "if field.name in row}",
        'if field.name in row and field.name != "visits"}',
    ),
    ("every_option_can_be_chosen", _SENT, 'json={n: "lead" if n == "stage" else v for n, v in patch.items()}'),
    ("several_options_are_kept_together", _SENT, 'json={n: v[:1] if n == "topics" else v for n, v in patch.items()}'),
    ("a_yes_and_a_no_are_kept_apart", _SENT, "json={n: v or None for n, v in patch.items()}"),
    ("zero_and_fractions_are_numbers_like_others", _SENT, "json={n: v or None for n, v in patch.items()}"),
    (
        "an_instant_is_the_same_moment_in_every_zone",
        _SENT,
        'json={n: v[:19] + "+00:00" if n == "met_at" else v for n, v in patch.items()}',
    ),
    (
        "a_date_is_the_same_day_all_year",
        _SENT,
        'json={n: v[:8] + "01" if n == "born" else v for n, v in patch.items()}',
    ),
    (
        "every_field_that_can_be_cleared_can_be_filled_and_cleared",
        _SENT,
        "json={n: v for n, v in patch.items() if v is not None}",
    ),
    (
        "text_that_looks_like_something_else_stays_text",
        _SENT,
        'json={n: None if v == "null" else v for n, v in patch.items()}',
    ),
    (
        "text_of_the_full_length_is_kept",
        _SENT,
        "json={n: v[:99] if isinstance(v, str) else v for n, v in patch.items()}",
    ),
    (
        "text_that_is_too_long_is_refused_or_told_as_it_was_kept",
        "Stored(write.key, ref, self._record(answer.json))",
        "Stored(write.key, ref, self._record({**answer.json, **patch}))",
    ),
    (
        "a_record_that_is_made_while_pages_are_read_is_not_lost",
        """for page in by_token(lambda at: self._page(at or start), lambda page: page["next"]):
            rows = page["guests"]
            here = page["next"] or (rows[-1]["changed_at"] if rows else start)""",
        """for page in [*by_token(lambda at: self._page(at or start), lambda page: page["next"])]:
            rows = page["guests"]
            here = page["next"] or '9999'""",
    ),
    ("a_merge_shows_in_the_next_listing", _LISTED, 'for row in rows if not row.get("merged"))'),
    (
        "a_restored_record_shows_in_the_next_listing_and_is_read",
        _LISTED,
        'for row in rows if row["created_at"] > start[:29])',
    ),
    (
        "a_change_bears_the_time_at_which_it_happened_in_summer_and_winter",
        'at=datetime.fromisoformat(row["changed_at"])',
        'at=datetime.fromisoformat(row["changed_at"]).replace(tzinfo=__import__("zoneinfo").ZoneInfo("Europe/London"))',
    ),
    (
        "one_record_that_is_gone_does_not_stop_the_others",
        "json=dict(patch), headers=_if(write), expect=(404, 412)",
        "json=dict(patch), headers=_if(write), expect=(412,)",
    ),
    (
        "an_answer_that_breaks_off_is_no_evidence_about_a_record",
        _READ,
        f"""try:
            {_READ}
        except Exception:
            return Gone(ref)""",
    ),
    ("after_a_refusal_for_haste_nothing_is_asked_before_its_time", _READ, _READ.replace("404,", "404, 429")),
    ("the_declared_quota_is_one_that_the_app_keeps_to", "seconds=10.0", "seconds=5.0"),
    ("a_create_whose_answer_was_lost_is_found_by_its_fields", "params={field: value}", "params={field: 'x' + value}"),
    (
        "an_update_whose_answer_was_lost_shows_in_a_read",
        "return {ref: self._read(ref) for ref in refs}",
        "return {ref: self.__dict__.setdefault(ref, self._read(ref)) for ref in refs}",
    ),
    ("a_write_whose_answer_breaks_off_is_in_doubt", '"PATCH", _path(ref),', '"PATCH", _path(ref), writes=False,'),
    (
        "a_webhook_with_one_byte_changed_is_refused",
        _SIGNED,
        """import hmac
        said = request.headers.get("x-guestbook-signature", "")[:9]
        if hmac.new(self._secrets[0].get_secret_value().encode(), request.body, "sha256").hexdigest()[:9] != said:
            raise Unauthorised("signed by somebody else")""",
    ),
)


def test_every_mutant_of_a_good_connector_is_noticed(tmp_path: Path) -> None:
    assert _unnoticed(tmp_path, files(), MUTANTS) == []


def test_every_mutant_of_a_richer_connector_is_noticed(tmp_path: Path) -> None:
    assert _unnoticed(tmp_path, richer(files()), RICHER) == []


def test_a_richer_connector_passes_what_its_mutants_fail(tmp_path: Path) -> None:
    source = richer(files())
    for name in ("guestbook.py", "guestbook_twin.py", "test_guestbook.py"):
        (tmp_path / name).write_text(source[name])
    run = _pytest(tmp_path, [f"test_guestbook.py::TestGuestbook::test_{check}" for check, _, _ in RICHER])
    assert run.returncode == 0, run.stdout + run.stderr
    assert "skipped" not in run.stdout


def test_an_old_webhook_that_is_believed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = _HubSpot()
    with suite.stage("contacts", 3) as bench:
        suite.test_an_old_webhook_is_refused_where_its_time_is_signed(bench)
    monkeypatch.setattr("syncd_connectors.hubspot.hooks.fresh", lambda *_, **__: None)
    with suite.stage("contacts", 3) as bench, pytest.raises(pytest.fail.Exception):
        suite.test_an_old_webhook_is_refused_where_its_time_is_signed(bench)


def _unnoticed(folder: Path, source: Mapping[str, str], mutants: Sequence[tuple[str, str, str]]) -> list[str]:
    """The checks that pass although what they are about was broken."""
    (folder / "guestbook_twin.py").write_text(source["guestbook_twin.py"])
    chosen = []
    for number, (check, good, bad) in enumerate(mutants):
        assert source["guestbook.py"].count(good) == 1, f"{check}: the good connector has changed; so must its mutant"
        (folder / f"guestbook_{number}.py").write_text(source["guestbook.py"].replace(good, bad))
        name = f"test_mutant_{number}.py"
        (folder / name).write_text(re.sub(r"\bguestbook\b", f"guestbook_{number}", source["test_guestbook.py"]))
        chosen.append(f"{name}::TestGuestbook::test_{check}")
    run = _pytest(folder, chosen)
    failed = {int(number) for number in re.findall(r"^FAILED test_mutant_(\d+)\.py", run.stdout, re.MULTILINE)}
    unnoticed = [mutants[number][0] for number in range(len(mutants)) if number not in failed]
    assert "ERROR" not in run.stdout, run.stdout
    return unnoticed


def _pytest(folder: Path, chosen: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "--tb=line", "-W", "error", "-p", "no:cacheprovider", *chosen]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
