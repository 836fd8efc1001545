"""System checks of what every process needs: secrets, time zone, database. Each has an id and
states what to do."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import connection
from django.utils.translation import to_language

from monitoring.request_context import is_network

OLDEST_POSTGRES = 15


@register(Tags.security)
def check_secrets(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E001: a secret is missing. E002: a bearer key is too short to withstand guessing."""
    found: list[CheckMessage] = [
        Error(
            f"{name} is not set.",
            hint=f"With a database of your own, set {name} to a long random text and keep it.",
            id="tollgate.E001",
        )
        for name in ("SECRET_KEY", "USAGE_HASH_KEY", "ENCRYPTION_KEYS")
        if not _is_set(name)
    ]
    found += [
        Error(
            f"{name} is shorter than 16 characters.",
            hint="Use `openssl rand -hex 32`.",
            id="tollgate.E002",
        )
        for name in ("COLLECTOR_API_KEY", "METRICS_TOKEN")
        if 0 < len(getattr(settings, name)) < 16
    ]
    return found


def _is_set(name: str) -> bool:
    try:
        return bool(getattr(settings, name))
    except ImproperlyConfigured:  # Django's own word for an empty SECRET_KEY
        return False


@register(Tags.translation)
def check_languages(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E021: an unknown default language. W021: a catalogue that could not be compiled."""
    known = [code for code, _ in settings.LANGUAGES]
    folder = settings.LOCALE_PATHS[0]
    written = [to_language(path.parent.parent.name) for path in folder.glob("*/*/django.po")]
    found: list[CheckMessage] = [
        Warning(
            f"The catalogue of {code!r} is not compiled: its folder under {folder} is read-only.",
            hint="Run `manage.py check` once as a user who may write there.",
            id="tollgate.W021",
        )
        for code in sorted({*written} - {*known})
    ]
    if settings.DEFAULT_LANGUAGE not in known:
        found.append(
            Error(
                f"DEFAULT_LANGUAGE={settings.DEFAULT_LANGUAGE!r} is no language of the pages.",
                hint=f"Use one of {', '.join(known)}.",
                id="tollgate.E021",
            )
        )
    return found


@register()
def check_environment(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E003: an unknown time zone. E004: a database that is no PostgreSQL. E020: a trusted proxy
    that is no network."""
    found: list[CheckMessage] = []
    if settings.TIME_ZONE not in available_timezones():
        found.append(
            Error(
                f"TZ={settings.TIME_ZONE!r} is no IANA time zone.",
                hint="For instance TZ=Europe/Berlin.",
                id="tollgate.E003",
            )
        )
    if settings.DATABASE_URL and urlsplit(settings.DATABASE_URL).scheme not in (
        "postgres",
        "postgresql",
    ):
        found.append(
            Error(
                "DATABASE_URL is no PostgreSQL address.",
                hint=(
                    "Use postgresql://user:password@host:5432/name, or leave it unset for the"
                    " embedded database."
                ),
                id="tollgate.E004",
            )
        )
    found += [
        Error(
            f"TRUSTED_PROXIES names {text!r}, which is no address or network.",
            hint="For instance TRUSTED_PROXIES=10.0.0.0/8,::1.",
            id="tollgate.E020",
        )
        for text in settings.TRUSTED_PROXIES
        if not is_network(text)
    ]
    return found


@register(Tags.security)
def check_mutation(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """E022: a mistake is to be made on purpose, and nothing is being tested."""
    if not settings.MUTATION or settings.DEBUG or settings.TESTING:
        return []
    return [
        Error(
            f"TOLLGATE_MUTATION={settings.MUTATION!r} is for the self-test of the rollout gate.",
            hint="Remove it from the environment.",
            id="tollgate.E022",
        )
    ]


@register()
def check_tracing(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """W020: spans are wanted, but none can be sent."""
    if not settings.TRACING_TROUBLE:
        return []
    hint = "See docs/tracing.md, or set OTEL_SDK_DISABLED=true."
    return [Warning(settings.TRACING_TROUBLE, hint=hint, id="tollgate.W020")]


@register(Tags.database)
def check_database(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """E005: the database is unreachable. E006: it is older than PostgreSQL 15."""
    if "default" not in (databases or ()):
        return []
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        reason = str(error).strip().split("\n")[0]
        return [
            Error(
                f"The database is unreachable: {reason}",
                hint="Check DATABASE_URL, and that the server runs.",
                id="tollgate.E005",
            )
        ]
    version = connection.pg_version // 10_000  # type: ignore[attr-defined]
    if version < OLDEST_POSTGRES:
        return [
            Error(
                f"PostgreSQL {version} is too old.",
                hint=f"Tollgate needs PostgreSQL {OLDEST_POSTGRES} or newer.",
                id="tollgate.E006",
            )
        ]
    return []
