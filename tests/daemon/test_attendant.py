"""Looking after one app: what fails in one stage keeps no other waiting."""

from __future__ import annotations

from syncd.core.record import Cursor
from syncd.errors import Throttled
from tests.daemon.company import Company
from tests.daemon.house import eventually


def test_an_app_that_cannot_be_listed_is_told_what_it_is_owed(company: Company) -> None:
    company.person("ada@example.com", "Ada")
    with company.running():
        eventually(lambda: company.called("ada@example.com") == {"crm": "Ada", "news": "Ada"}, "both know her")

        def never(_: Cursor | None) -> None:
            raise Throttled("too many listings", retry_after=0.05)

        company.apps["news"].listing = never
        company.renames("crm", "ada@example.com", "Augusta")
        eventually(lambda: company.called("ada@example.com")["news"] == "Augusta", "the new name arrives")
