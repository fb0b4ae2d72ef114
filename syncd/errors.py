"""Every error of syncd. The class is the remedy: what the engine does next follows from it alone.

SyncdError                 message and hint; never a traceback for a person
├── ConfigError      STOP    a file, key or command is wrong: edit it. Carries every problem, each with its place
├── StoreError       STOP    the store cannot be used: full disk, locked, newer schema
├── Halted           STOP    a guard tripped, or the world moved: a person must say go
├── BrokenPromise    PAUSE   syncd itself was about to do what it never does: pause this app alone, tell a person
└── ConnectorError           raised by connectors; about a whole call, never about one record of a batch
    ├── Transient    RETRY   nothing was applied; the same again later
    │   └── Throttled    ... not before `retry_after` seconds
    ├── InDoubt      LOOK    a write may have been applied: wait, read, then decide
    ├── Unavailable  RETRY   the app is down or answers rubbish; nothing it says counts as evidence
    ├── Rejected     PARK    the app refuses this one record (only inside one-record calls; see sdk.each)
    ├── Unauthorised PAUSE   credentials or scopes: pause this app alone, tell a person
    └── BrokenProtocol PAUSE an answer the connector does not know: a bug or a changed API
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "BrokenPromise",
    "BrokenProtocol",
    "ConfigError",
    "ConnectorError",
    "Halted",
    "InDoubt",
    "Problem",
    "Rejected",
    "StoreError",
    "SyncdError",
    "Throttled",
    "Transient",
    "Unauthorised",
    "Unavailable",
]


class SyncdError(Exception):
    """An error a person reads. `message` says what happened and where; `hint` says what to do."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration: `where` is `file:line:key`, or `app, object, field`."""

    where: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class ConfigError(SyncdError):
    """The configuration or a command line is wrong. Nothing has been written anywhere."""

    exit_code = 3

    def __init__(self, problems: Sequence[Problem] | str, *, hint: str = "") -> None:
        self.problems = (Problem("syncd", problems),) if isinstance(problems, str) else tuple(problems)
        text = problems if isinstance(problems, str) else "\n".join(str(p) for p in problems)
        super().__init__(text, hint=hint)


class StoreError(SyncdError):
    """The store cannot be used. Writing to vendors has stopped."""

    exit_code = 5


class Halted(SyncdError):
    """A guard tripped, or a plan no longer fits the world. Nothing goes on until a person says so."""

    exit_code = 6


class BrokenPromise(SyncdError):
    """Something that syncd promises would not have been so: a defect of syncd. What would have broken it was not done.

    `promise` is its name (S1 ...), `told` what it says and where; `about` is what there is to add for a reader.
    """

    exit_code = 6

    def __init__(
        self, promise: str, told: str, *, app: str, about: str = "", entity: str = "", record: str = "", field: str = ""
    ) -> None:
        place = ", ".join(part for part in (record and f"record {record}", field and f"field {field}", about) if part)
        self.told = f"{promise}, {told}" + (f" ({place})" if place else "")
        super().__init__(
            f"{app}: a promise would have been broken: {self.told}",
            hint=f"nothing of it was written. This is a defect of syncd: report it; go on with: syncd resume {app}",
        )
        self.promise = promise
        self.app = app
        self.entity = entity
        self.record = record
        self.field = field


class ConnectorError(SyncdError):
    """A call to an app failed as a whole."""

    exit_code = 4


class Transient(ConnectorError):
    """Nothing was applied; the same call may be made again later."""


class Throttled(Transient):
    """The app asks for patience; the call was not applied."""

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        """Seconds to wait, as the app said; None where it did not say."""


class InDoubt(ConnectorError):
    """The call may or may not have been applied: time-out, reset, or 5xx after a write was sent."""


class Unavailable(ConnectorError):
    """The app is down or unreachable. What it says of records (404, empty) is no evidence."""


class Rejected(ConnectorError):
    """The app refuses this record. `field` is the app's own field name where the app names one."""

    def __init__(self, message: str, *, field: str | None = None, code: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.field = field
        self.code = code


class Unauthorised(ConnectorError):
    """Credentials expired, were revoked, or lack a scope."""


class BrokenProtocol(ConnectorError):
    """The app's answer does not have the shape its documentation promises."""
