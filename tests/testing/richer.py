"""The guide's Guestbook with more kinds of fields, a bin, merges and a quota, for checks that the guide's needs not."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["richer"]

_FIELDS = """
    Field(name="visits", type=FieldType.INTEGER),
    Field(name="rating", type=FieldType.DECIMAL),
    Field(name="vip", type=FieldType.BOOLEAN, blank=False),
    Field(name="born", type=FieldType.DATE),
    Field(name="met_at", type=FieldType.INSTANT),
    Field(name="topics", type=FieldType.CHOICES, options=(Option("art"), Option("food"), Option("sea")), blank=[]),
"""
_TWIN = """

MORE = {"visits": None, "rating": None, "vip": False, "born": None, "met_at": None, "topics": []}
WRITABLE |= set(MORE)
LONGEST, QUOTA, WINDOW = 100, 100, 10


class RicherTwin(GuestbookTwin):
    def __init__(self, setup, **more):
        self.bin, self.asked = {}, []
        super().__init__(setup, **more)

    def refuses(self, call):
        now = self.clock.now()
        self.asked = [at for at in self.asked if now - at < WINDOW] + [now]
        return self.throttled(call) if len(self.asked) > QUOTA else super().refuses(call)

    def throttled(self, call):
        return answer(429, {"message": "not so fast"}, {"Retry-After": "7"})

    def store(self, id, given, author):
        cut = {name: value[:LONGEST] if name == "name" and value else value for name, value in given.items()}
        return super().store(id, cut if id else {**MORE, **cut}, author)

    def drop(self, id, author):
        self.bin[id] = self.rows[id]
        super().drop(id, author)

    def person_restore(self, object, id):
        self.rows[id] = self.bin.pop(id)
        self.store(id, {}, "person")

    def person_merge(self, object, keep, lose):
        fields = {name: self.rows[keep][name] for name in WRITABLE}
        for id in (keep, lose):
            self.drop(id, "person")
        made = self.person_create(object, fields)
        self.rows[made]["merged"] = True
        return made
"""


def richer(files: Mapping[str, str]) -> Mapping[str, str]:
    """The guide's files, so changed."""
    last = '    Field(name="changed_at"'
    connector = files["guestbook.py"].replace(last, _FIELDS.lstrip("\n") + last)
    connector = connector.replace("GuestbookTwin", "RicherTwin").replace(
        "hmac_sha256,\n)", "hmac_sha256,\n)\nfrom syncd.errors import Unauthorised"
    )
    return {**files, "guestbook.py": connector, "guestbook_twin.py": files["guestbook_twin.py"] + _TWIN}
