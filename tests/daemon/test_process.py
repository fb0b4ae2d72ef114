"""The daemon as a process: it mirrors, stops when asked, outlives a power cut, and is alone."""

from __future__ import annotations

from tests.daemon.house import House, eventually


def test_an_edit_in_one_app_reaches_the_other_and_a_stop_is_clean(home: House) -> None:
    daemon = home.start()
    email = home.emails()[0]
    eventually(lambda: daemon.health()["status"] == "quiet", "everything is linked")
    home.crm.person_edit("contacts", home.contact(email)[0], {"firstname": "Ada"})
    eventually(lambda: home.first_name(email) == ("Ada", "Ada"), "the newsletter tool hears of Ada")
    home.news.person_edit("members", home.member(email)[0], {"merge_fields.FNAME": "Adele"})
    eventually(lambda: home.first_name(email) == ("Adele", "Adele"), "the CRM hears of Adele")
    assert daemon.stop() == 0
    assert email not in daemon.said()
    assert "Adele" not in daemon.said()
