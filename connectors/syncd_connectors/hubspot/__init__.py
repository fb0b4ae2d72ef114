"""HubSpot: contacts, companies and deals, over the CRM API v3 (associations v4)."""

from __future__ import annotations

from syncd.sdk.contract import Grant, Plugin, Quota
from syncd_connectors.hubspot.api import TOKEN_PATH
from syncd_connectors.hubspot.connector import HUBSPOT, HubSpot
from syncd_connectors.hubspot.settings import HubSpotSettings

__all__ = ["HubSpot", "HubSpotSettings", "plugin"]

plugin = Plugin(
    name="hubspot",
    title="HubSpot",
    settings=HubSpotSettings,
    open=HubSpot,
    # Professional and Enterprise; for smaller plans HubSpot's own headers lower it. Search has a budget of its own.
    quotas=(Quota(190, 10), Quota(5, 1, "search")),
    concurrency=4,
    base_url=HUBSPOT,
    hosts=("*.hubapi.com",),
    twin="syncd_connectors.hubspot.twin:HubSpotTwin",
    grant=Grant(
        page="https://app.hubspot.com/oauth/authorize",
        token_path=TOKEN_PATH,
        scopes={
            "": ("oauth",),
            "contacts": ("crm.objects.contacts.read", "crm.schemas.contacts.read", "communication_preferences.read"),
            "companies": ("crm.objects.companies.read", "crm.schemas.companies.read"),
            "deals": ("crm.objects.deals.read", "crm.schemas.deals.read"),
        },
        writes={
            "contacts": ("crm.objects.contacts.write", "communication_preferences.read_write"),
            "companies": ("crm.objects.companies.write",),
            "deals": ("crm.objects.deals.write",),
        },
    ),
    notes={
        "Identity": "Contacts are kept unique by email, additional addresses included. Companies are not kept unique.",
        "Deletes": "HubSpot's API does not list deletes; webhooks and full listings show them.",
        "Merges": "Two records become one, usually under a new id; the old ids lead to it.",
        "Consent": (
            "hs_email_optout is read as a property. An opt-out is written as an unsubscribe from all. An opt-in is "
            "refused by HubSpot for whoever has opted out before: recorded consent is entered in HubSpot itself, then."
        ),
        "Search": "HubSpot's search index lags behind writes; syncd takes its hits as hints and reads by id.",
        "Lifecycle stage": (
            "HubSpot moves lifecyclestage forwards only, and shows what it kept. With `lifecycle = 'free'` syncd "
            "clears it before moving it back."
        ),
    },
)
