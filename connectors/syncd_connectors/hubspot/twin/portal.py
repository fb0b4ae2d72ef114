"""The whole portal: all routes, the people of the population, and what persons do in HubSpot's screens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx

from syncd.testing.twin import Call, Setup, answer, route
from syncd_connectors.hubspot.twin.account import AccountRoutes
from syncd_connectors.hubspot.twin.consent import ConsentRoutes
from syncd_connectors.hubspot.twin.objects import ObjectRoutes
from syncd_connectors.hubspot.twin.refusals import Refusal
from syncd_connectors.hubspot.twin.seed import populate
from syncd_connectors.hubspot.twin.ties import TieRoutes

__all__ = ["HubSpotTwin"]


class HubSpotTwin(ObjectRoutes, AccountRoutes, ConsentRoutes, TieRoutes):
    """A portal with contacts, companies and deals, as the specs and docs of HubSpot describe it.

    Takes a `Setup` and the knobs of `HubSpotGround`. Beyond the twin's common people's side it has
    `person_restore`, and `POST /_people/hooks` with `{"url": ...}` names the address that webhooks go to.
    """

    def __init__(self, setup: Setup, **knobs: Any) -> None:
        super().__init__(setup, **knobs)
        populate(self)

    def records(self, object: str) -> Mapping[str, Mapping[str, Any]]:
        """Everything that lives in the portal now; a property without a value is missing."""
        return {id_: row.values for id_, row in self.tables[object].live.items()}

    def person_edit(self, object: str, id: str, fields: Mapping[str, Any]) -> None:
        """A person edits a record. KeyError for an unknown one, ValueError for a value the form refuses."""
        row = self.tables[object].find(id)
        if row is None:
            raise KeyError(id)
        done = self.update(object, row, fields, "person")
        self.flush()
        if isinstance(done, Refusal):
            raise ValueError(done.message)  # noqa: TRY004  # the person typed it, no caller passed it

    def person_create(self, object: str, fields: Mapping[str, Any]) -> str:
        """A person makes a record; its id. ValueError for values the form refuses."""
        done = self.create(object, fields, "person")
        self.flush()
        if isinstance(done, Refusal):
            raise ValueError(done.message)  # noqa: TRY004  # the person typed it, no caller passed it
        return done.id

    def person_delete(self, object: str, id: str) -> None:
        """A person moves a record to the bin."""
        self.archive(object, self.tables[object].live[id], "person")
        self.flush()

    def person_restore(self, object: str, id: str) -> None:
        """A person fetches a record back from the bin, under its old id."""
        table = self.tables[object]
        row = replace(table.archived.pop(id), archived=None, modified=self.now())
        table.put(row)
        self.journal.note(self.clock.now(), "person", object, id, row.values)
        self.happened(object, id, "restore", "person")
        self.flush()

    def person_opt_out(self, object: str, id: str) -> None:
        """The person behind a contact follows the unsubscribe link in a mail."""
        self.opt_out(self.tables[object].live[id].values["email"], ("all",), "person")
        self.flush()

    def person_merge(self, object: str, keep: str, lose: str) -> str:
        """A person merges two records; the id of the survivor."""
        live = self.tables[object].live
        survivor = self.merge(object, live[keep], live[lose], "person")
        self.flush()
        return survivor.id

    @route("POST", "/_people/hooks")
    def set_hooks(self, call: Call) -> httpx.Response:
        """Subscribe an address to every event, as a person does in the settings of a private app."""
        self.hook_url = call.json()["url"]
        return answer(200, {"url": self.hook_url})
