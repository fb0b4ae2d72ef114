"""A simulated HubSpot portal: the vendor's routes, shapes, limits, errors and quirks, without the vendor."""

from __future__ import annotations

from syncd_connectors.hubspot.twin.portal import HubSpotTwin

__all__ = ["HubSpotTwin"]
