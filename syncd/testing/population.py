"""Invented people, the same for the same seed, so that two twins can know some of the same persons.

Every address is in a reserved domain (RFC 2606); every phone number is in a range set aside for fiction.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

__all__ = ["Person", "person"]

_FIRST = (
    "Ada Alan Amara Anil Aoife Arjun Astrid Aylin Bao Beatriz Björn Carmen Chidi Chloé Dana Darius Dilan Edith "
    "Elif Emeka Emma Esra Fatima Felix Freya Gaëlle Grace Hana Hiro Ines Ingrid Ivan Jamal Jana João Kaito Karin "
    "Lakshmi Lars Leïla Liam Lucía Magda Malik Marek Mei Mila Miguel Nadia Niamh Noor Nuno Olga Omar Paula Petra "
    "Priya Quentin Rafael Rania Rosa Ruben Sana Sofia Søren Tariq Tomás Uma Vera Viktor Wanda Xenia Yara Yusuf Zoë"
).split()
_LAST = (
    "Abbott Adeyemi Andersson Bakker Banerjee Becker Bianchi Castro Chen Costa Diallo Dubois Eriksen Fernández "
    "Fischer Garcia Haddad Hansen Hughes Ibrahim Ito Jansen Kaya Khan Kim Kowalski Kumar Larsen Lefèvre Lopez "
    "Martin Meyer Mbeki Moreau Müller Nakamura Nguyen Novak Nowak O'Brien Okafor Okonkwo Olsen Öztürk Park Patel "
    "Pereira Petrov Popescu Rossi Ruiz Sato Schmidt Silva Singh Sørensen Suzuki Tanaka Torres Turner Usman "
    "Van-Dijk Vargas Virtanen Wagner Walker Watanabe Weber Yamamoto Yilmaz Young Zhang Zieliński"
).split()
_COMPANIES = (
    "Alder Works,Birch & Sons,Cobalt Freight,Dune Optics,Ember Foods,Fjord Energy,Granite Tools,Harbor Books,"
    "Indigo Textiles,Juniper Labs,Kestrel Air,Lumen Health,Meadow Dairy,Nimbus Data,Opal Travel,Pine Robotics,"
    "Quarry Stone,River Legal,Summit Sports,Tidal Music"
).split(",")
_CITIES = (
    ("Oslo", "", "0150", "NO"),
    ("Lyon", "", "69001", "FR"),
    ("Austin", "TX", "78701", "US"),
    ("Leeds", "", "LS1 4AP", "GB"),
    ("Porto", "", "4000-001", "PT"),
    ("Denver", "CO", "80202", "US"),
    ("Hamburg", "", "20095", "DE"),
)
_STAGES = ("lead", "customer", "opportunity", "subscriber")


@dataclass(frozen=True, slots=True)
class Person:
    """One invented person, in tidy form."""

    number: int
    first: str
    last: str
    email: str
    phone: str
    """E.164, in a range reserved for fiction."""
    company: str
    stage: str
    city: str
    region: str
    postcode: str
    country: str
    birthday: str
    """MM-DD."""
    opted_out: bool


def person(seed: int, number: int) -> Person:
    """The person with this number in the population of this seed."""
    chance = random.Random(f"person:{seed}:{number}")
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    city, region, postcode, country = chance.choice(_CITIES)
    ascii_name = "".join(c for c in f"{first}.{last}".lower() if c.isascii() and (c.isalnum() or c == "."))
    return Person(
        number=number,
        first=first,
        last=last,
        email=f"{ascii_name.strip('.') or 'someone'}.{number}@example.com",
        phone=f"+1202555{chance.randrange(100, 200):04d}",
        company=chance.choice(_COMPANIES),
        stage=chance.choice(_STAGES),
        city=city,
        region=region,
        postcode=postcode,
        country=country,
        birthday=f"{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}",
        opted_out=chance.random() < 0.04,
    )
