"""Service tiers: which of them have rates of their own."""

# The tiers that have rates, and what selects them in the catalogue.
CONTEXTS: dict[str, dict[str, str]] = {
    "": {},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast", "speed": "fast"},
    "batch": {"processing": "batch"},
}


def billed_tier(reported: str) -> str:
    """The tier by whose rates an attempt was billed, from what the provider reported; empty for the
    standard one.

    What was requested is no tier that was billed, and `auto` is no rate.
    """
    tier = reported.strip().lower()
    return tier if tier in CONTEXTS else ""
