"""The conformance suite, on real servers: what the twins are held to holds of what they simulate."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import pytest
from pydantic import SecretStr

from syncd.core.record import Raws
from syncd.testing.conformance import Bench, ConnectorContract, MemoryVault, WallTurned
from syncd.testing.twin import Setup
from syncd_connectors import bottlecrm, carddav, ghost
from syncd_connectors.bottlecrm.connector import BottleCrmSettings
from syncd_connectors.carddav import CardDavSettings
from syncd_connectors.ghost import GhostSettings
from tests.live.accounts import BottleCrmAccount, Door, GhostAccount, RadicaleAccount, numbers
from tests.live.servers.bottlecrm import BottleCrm as BottleCrmServer
from tests.live.servers.bottlecrm import running_bottlecrm
from tests.live.servers.ghost import Ghost as GhostServer
from tests.live.servers.ghost import running_ghost
from tests.live.servers.radicale import Radicale, running_radicale

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800)]

_NO_TOMORROW = "the clock of a real server cannot be turned"


class OnARealServer(ConnectorContract):
    """What all real servers have in common: records outlive a check, and time cannot be turned."""

    step: ClassVar[float]
    kept: ClassVar = MemoryVault()

    def vault(self) -> MemoryVault:
        """One for all checks: what one has subscribed, another must be able to take back."""
        return self.kept

    @contextmanager
    def stage(self, subject: str, records: int) -> Iterator[Bench]:
        """The first records are as new: a check that changes one must find it unchanged."""
        with super().stage(subject, records) as bench:
            name, shown = next(iter(self.texts(bench)), ""), bench.people()
            for number, id_ in enumerate(bench.some(12) if name else ()):
                if not str(shown[id_].get(name)).startswith("Sample"):
                    bench.twin.person_edit(subject, id_, {name: f"Sample {number}"})
            bench.pass_time()
            yield bench

    def clock(self) -> WallTurned:
        return WallTurned(self.step)

    def fields(self, bench: Bench, number: int) -> Raws:
        """Unlike those of any other check."""
        return super().fields(bench, self.first + number)

    @functools.cached_property
    def first(self) -> int:
        """Where the numbers of this check begin."""
        return numbers()


class TestRealGhost(OnARealServer):
    plugin = ghost.plugin
    step = 1.1
    skew = 2.0
    impossible: ClassVar = {
        "an_old_webhook_is_refused_where_its_time_is_signed": _NO_TOMORROW,
    }
    door: ClassVar[Door]
    server: ClassVar[GhostServer]

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _served(cls) -> Iterator[None]:
        with running_ghost() as server, Door() as door:
            cls.server, cls.door = server, door
            cls.settings = GhostSettings(
                base_url=server.url,
                admin_key=SecretStr(server.admin_key),
                webhook_secret=SecretStr("signed-with-this" * 2),
            )
            stranger = f"{'00' * 12}:{'00' * 32}"
            cls.strangers = GhostSettings(base_url=server.url, admin_key=SecretStr(stranger))
            cls.hook_url = door.url
            yield

    def subjects(self) -> tuple[str, ...]:
        return GhostAccount.objects

    def twin(self, setup: Setup) -> GhostAccount:
        return GhostAccount(setup, self.server, self.door)


class TestRealBottleCrm(OnARealServer):
    plugin = bottlecrm.plugin
    step = 0.01
    impossible: ClassVar = {
        "text_of_the_full_length_is_kept": "names longer than its note of them are answered 500, and stay so",
    }
    server: ClassVar[BottleCrmServer]

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _served(cls) -> Iterator[None]:
        with running_bottlecrm() as server:
            cls.server = server
            cls.settings = BottleCrmSettings(base_url=server.url, token=SecretStr(server.token))
            cls.strangers = BottleCrmSettings(base_url=server.url, token=SecretStr("bcrm_pat_of_nobody"))
            yield

    def subjects(self) -> tuple[str, ...]:
        return BottleCrmAccount.objects

    def twin(self, setup: Setup) -> BottleCrmAccount:
        return BottleCrmAccount(setup, self.server)


class TestRealRadicale(OnARealServer):
    plugin = carddav.plugin
    step = 0.01
    impossible: ClassVar = {
        "a_listing_that_breaks_off_can_be_resumed": "Radicale answers a whole listing at once",
        "a_lost_permission_never_looks_like_a_tombstone": "what Radicale shows to whom may see nothing is not known",
        "an_empty_account_is_a_complete_listing_of_nobody": "cards are not told of that came and went before",
        "check_tells_a_wrong_token": "this Radicale lets in whoever names themselves",
    }
    server: ClassVar[Radicale]

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _served(cls) -> Iterator[None]:
        with running_radicale(books=("people",), name="radicale-conformance") as server:
            cls.server = server
            user, password = server.auth
            cls.settings = CardDavSettings(base_url=server.book("people"), username=user, password=SecretStr(password))
            yield

    def subjects(self) -> tuple[str, ...]:
        return RadicaleAccount.objects

    def twin(self, setup: Setup) -> RadicaleAccount:
        return RadicaleAccount(setup, self.server, "people")
