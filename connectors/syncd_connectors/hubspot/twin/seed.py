"""Who lives in a simulated portal on its first day: people of the shared population, and where they work."""

from __future__ import annotations

import random
from typing import Final

from syncd.testing.population import Person, person
from syncd_connectors.hubspot.twin.ground import HubSpotGround

__all__ = ["populate"]

_HOUR: Final = 3_600_000


def populate(portal: HubSpotGround) -> None:
    """Let the people of the twin's set-up move in, a second apart, the last of them an hour ago."""
    setup, now = portal.setup, portal.now()
    companies: dict[str, str] = {}
    for place, number in enumerate(range(setup.start, setup.start + setup.records)):
        someone = person(setup.seed, number)
        at = now - _HOUR - (setup.records - place) * 1000
        if someone.company not in companies:
            companies[someone.company] = portal.born("companies", _company(someone), at)
        company = companies[someone.company]
        values = _contact(someone) | {"associatedcompanyid": company}
        chance = random.Random(f"untidy:{setup.seed}:{number}")
        if chance.random() < setup.dirty:
            values |= _untidy(someone, chance)
        if someone.opted_out:
            portal.opted_out[someone.email] = {"all"}
            portal.own_word.add(someone.email)
            values |= portal.consent_values(someone.email)
        contact = portal.born("contacts", values, at)
        portal.tie("contacts", contact, "companies", company, (1, 279))
        portal.tie("companies", company, "contacts", contact, (2, 280))
    for table in portal.tables.values():
        table.settle(now)


def _contact(someone: Person) -> dict[str, str]:
    return {
        "email": someone.email,
        "firstname": someone.first,
        "lastname": someone.last,
        "phone": someone.phone,
        "company": someone.company,
        "lifecyclestage": someone.stage,
        "city": someone.city,
        "state": someone.region,
        "zip": someone.postcode,
        "country": someone.country,
        "birthday": someone.birthday,
    }


def _company(someone: Person) -> dict[str, str]:
    slug = "".join(c if c.isalnum() else "-" for c in someone.company.lower())
    return {"name": someone.company, "domain": f"{slug}.example.com", "lifecyclestage": "customer"}


def _untidy(someone: Person, chance: random.Random) -> dict[str, str]:
    """The same person as kept by somebody in a hurry. The address is not among it: the portal folds it itself."""
    digits = someone.phone[-10:]
    return {
        "firstname": chance.choice((f" {someone.first}", someone.first.upper(), f"{someone.first} ")),
        "lastname": chance.choice((someone.last.upper(), f"{someone.last}  ", someone.last)),
        "phone": chance.choice((f"({digits[:3]}) {digits[3:6]}-{digits[6:]}", f" {someone.phone}", "")),
        "city": chance.choice((someone.city.lower(), "", someone.city)),
    }
