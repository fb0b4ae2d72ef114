"""The tables `[safety]` and `[apps.NAME.guards.OBJECT]`: what makes syncd wait, hold or ask."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from syncd.section import Duration, Section

__all__ = ["Guards", "Safety"]


class Guards(Section):
    """Bounds of one app and object, beyond which syncd stops and asks."""

    max_deletes: int = Field(default=25, ge=0)
    """Deletes in one hour and app beyond which every further one is held."""
    max_delete_share: float = Field(default=0.05, ge=0, le=1)
    """The same, as a share of the linked records."""
    mass_changes: int = Field(default=500, ge=1)
    """More changed records than this within an hour, and more than the share below, halt the app."""
    mass_change_share: float = Field(default=0.5, ge=0, le=1)
    """The same, as a share of the linked records."""
    mass_blanks: int = Field(default=50, ge=1)
    """More records with a field emptied than this within an hour, and more than the share below, halt the app."""
    mass_blank_share: float = Field(default=0.2, ge=0, le=1)
    """The same, as a share of the linked records."""
    mass_creates: int = Field(default=500, ge=1)
    """More new records than this within an hour, and more than the share below, halt the app."""
    mass_create_share: float = Field(default=0.5, ge=0, le=1)
    """The same, as a share of the records that were linked before."""
    mass_gone: int = Field(default=20, ge=0)
    """More records that are gone, or lacking in a listing, than this, and more than the share below, halt the app."""
    mass_gone_share: float = Field(default=0.5, ge=0, le=1)
    """The same, as a share of the linked records."""


class Safety(Guards):
    """Brakes: what makes syncd wait, hold or ask."""

    second_look: Duration = timedelta(minutes=10)
    """A record that is missing must still be missing after this long to count as deleted."""
    skew: Duration = timedelta(seconds=120)
    """How wrong an app's clock may be: times of two apps that differ by less than twice this are not ordered."""
    late_write: Duration | None = None
    """How long a timed-out write may still be applied; unset: what each connector says."""
