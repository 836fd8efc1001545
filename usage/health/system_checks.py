"""System checks of what collection needs. Each has an id and says what to do."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ValidationError

from management_proxy.client.usage import DEFAULT_RETENTION_SECONDS, LONGEST_RETENTION_SECONDS
from management_proxy.models.upstreams import validate_public_url
from usage.models.currencies import CODE


@register()
def check_upstream(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E010: the URL is none. E011: no key. E012: a key without a URL. W010: not the management
    API's path."""
    url, key = settings.CLIPROXYAPI_MANAGEMENT_URL, settings.MANAGEMENT_API_KEY
    if not url:
        return _check_key_alone(key)
    return [*_check_url(url), *_check_key(key)]


def _check_key_alone(key: str) -> list[CheckMessage]:
    if not key:
        return []
    hint = (
        "Set both CLIPROXYAPI_MANAGEMENT_URL and MANAGEMENT_API_KEY, or neither for the"
        " simulated upstream."
    )
    message = "MANAGEMENT_API_KEY is set, CLIPROXYAPI_MANAGEMENT_URL is not."
    return [Error(message, hint=hint, id="tollgate.E012")]


def _check_url(url: str) -> list[CheckMessage]:
    parts = urlsplit(url)
    is_plain = not (parts.username or parts.query or parts.fragment)
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
        hint = (
            "For instance http://cliproxyapi:8317/v0/management, without user, query or fragment."
        )
        message = f"CLIPROXYAPI_MANAGEMENT_URL={_without_user(url)!r} is no such URL."
        return [Error(message, hint=hint, id="tollgate.E010")]
    if parts.path.endswith("/v0/management"):
        return []
    message = "CLIPROXYAPI_MANAGEMENT_URL does not end in /v0/management."
    return [Warning(message, hint="CLIProxyAPI serves it there.", id="tollgate.W010")]


def _check_key(key: str) -> list[CheckMessage]:
    if key.strip():
        return []
    hint = (
        "It is the upstream's MANAGEMENT_PASSWORD or remote-management.secret-key. A request"
        " without a key counts towards a ban."
    )
    return [Error("MANAGEMENT_API_KEY is not set.", hint=hint, id="tollgate.E011")]


@register()
def check_public_url(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E016: the address for clients is none."""
    try:
        if settings.CLIPROXYAPI_PUBLIC_URL:
            validate_public_url(settings.CLIPROXYAPI_PUBLIC_URL)
    except ValidationError as error:
        shown = _without_user(settings.CLIPROXYAPI_PUBLIC_URL)
        message = f"CLIPROXYAPI_PUBLIC_URL={shown!r} is no address for clients."
        return [Error(message, hint=error.messages[0], id="tollgate.E016")]
    return []


def _without_user(url: str) -> str:
    return url.rsplit("@", 1)[-1]


@register()
def check_cadence(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E013: the interval outlives any retention. W011: it outlives the default one. E014: a value
    out of bounds."""
    interval = settings.COLLECTOR_INTERVAL_SECONDS
    found: list[CheckMessage] = []
    if not 0.1 <= interval < LONGEST_RETENTION_SECONDS:
        found.append(
            Error(
                f"COLLECTOR_INTERVAL_SECONDS={interval:g} is not between 0.1 and the longest"
                f" retention of an upstream, {LONGEST_RETENTION_SECONDS} s.",
                hint="Events older than the upstream's retention are gone: poll every few seconds.",
                id="tollgate.E013",
            )
        )
    elif interval > DEFAULT_RETENTION_SECONDS / 3:
        found.append(
            Warning(
                f"COLLECTOR_INTERVAL_SECONDS={interval:g} is more than a third of the default"
                f" retention of {DEFAULT_RETENTION_SECONDS} s.",
                hint="Lower it, or raise redis-usage-queue-retention-seconds upstream.",
                id="tollgate.W011",
            )
        )
    bounds = {
        "COLLECTOR_PAGE_SIZE": (1, 10_000),
        "COLLECTOR_TIME_BUDGET_SECONDS": (1, 3600),
        "COLLECTOR_LEASE_TTL_SECONDS": (3, 600),
        "WRITE_LEASE_TTL_SECONDS": (1, 600),
        "HISTORY_MAX_DAYS": (1, 3660),
        "HISTORY_CACHE_SECONDS": (0, 300),
        "HISTORY_REPLICA_MAX_LAG_SECONDS": (1, 3600),
        "EVENT_RETENTION_MONTHS": (0, 1200),
    }
    for name, (least, most) in bounds.items():
        if not least <= (value := getattr(settings, name)) <= most:
            found.append(
                Error(
                    f"{name}={value:g} is not between {least} and {most}.",
                    hint="See docs/configuration.md.",
                    id="tollgate.E014",
                )
            )
    return found


@register()
def check_currency(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E015: no code of a currency."""
    if re.fullmatch(CODE, settings.CURRENCY):
        return []
    message = f"CURRENCY={settings.CURRENCY!r} is no code of a currency."
    return [Error(message, hint="Three capital letters, such as EUR.", id="tollgate.E015")]
