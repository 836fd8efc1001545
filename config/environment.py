"""The environment variables that Tollgate reads: one table for the settings and, by `make docs`,
for docs/configuration.md in each language."""

from pathlib import Path
from typing import Any

import environ
from django.utils.translation.trans_null import gettext_noop as _

from config.variable import Variable

VARIABLES: tuple[Variable, ...] = (
    Variable(
        "DATABASE_URL",
        _("`postgresql://user:password@host:port/name`, PostgreSQL 15 or newer."),
        shown_default=_("embedded PostgreSQL"),
    ),
    Variable(
        "DATABASE_REPLICA_URL",
        _("A streaming replica of that database, which history is read from while it is fresh."),
    ),
    Variable(
        "DATABASE_PREPARED_STATEMENTS",
        _(
            "Have the server keep the plans of the hottest statements. Not behind a pooler in"
            " transaction mode, unless it supports them (PgBouncer from 1.21)."
        ),
        cast=bool,
        default=False,
        shown_default=_("`false`; embedded PostgreSQL: always"),
    ),
    Variable(
        "CLIPROXYAPI_MANAGEMENT_URL",
        _("Management API of the upstream, e.g. `http://cliproxyapi:8317/v0/management`."),
        shown_default=_("simulated upstream"),
    ),
    Variable(
        "MANAGEMENT_API_KEY",
        _("Management key of that upstream (its `MANAGEMENT_PASSWORD`). Never stored."),
    ),
    Variable(
        "CLIPROXYAPI_PUBLIC_URL",
        _(
            "Where clients reach that upstream, e.g. `https://llm.example.com`; shown under"
            " “Connect a client”. Other upstreams have a field for it."
        ),
        shown_default=_("the field of the upstream"),
    ),
    Variable(
        "COLLECTOR_API_KEY",
        _("Bearer key for `POST /api/usage/collect`, at least 16 characters."),
        shown_default=_("unset: sessions only"),
    ),
    Variable(
        "METRICS_TOKEN",
        _("Bearer token for `GET /metrics`, at least 16 characters."),
        shown_default=_("unset: staff sessions only"),
    ),
    Variable(
        "METRICS_TOP_MODELS",
        _("Models that have figures of their own at `/metrics`; the others are `other`."),
        cast=int,
        default=20,
    ),
    Variable(
        "SECRET_KEY",
        _("Signs sessions and forms."),
        shown_default=_("generated under `VAR_DIR` beside the embedded database, else required"),
    ),
    Variable(
        "USAGE_HASH_KEY",
        _(
            "Key of the hash under which client keys are stored. Changing it makes every known"
            " client key unknown."
        ),
        shown_default=_("like `SECRET_KEY`"),
    ),
    Variable(
        "ENCRYPTION_KEYS",
        _(
            "Comma-separated secrets that encrypt stored management keys and dead letters; the"
            " first encrypts, all decrypt (rotation)."
        ),
        cast=list,
        default=[],
        shown_default=_("like `SECRET_KEY`"),
    ),
    Variable(
        "CURRENCY",
        _("Currency in which pages show amounts to users who chose none, once it has a rate."),
        default="USD",
    ),
    Variable("TZ", _("IANA time zone of days in reports."), default="UTC"),
    Variable(
        "DEFAULT_LANGUAGE",
        _(
            "Language of alerts, and of pages for browsers that prefer none of ours: `en`, `de` or"
            " `zh-hans`."
        ),
        default="en",
    ),
    Variable("LOG_LEVEL", _("`debug`, `info`, `warning` or `error`."), default="info"),
    Variable("LOG_FORMAT", _("`text` for people, `json` for machines."), default="text"),
    Variable(
        "LOG_SLOW_SECONDS",
        _(
            "Statements of history that take so long are logged with the shape of their plan; 0"
            " logs none."
        ),
        cast=float,
        default=1.0,
    ),
    Variable(
        "DEBUG",
        _("Django's debug mode; changed code is loaded at once. Never in production."),
        cast=bool,
        default=False,
    ),
    Variable("HOST", _("Address that the web server listens on."), default="127.0.0.1"),
    Variable("PORT", _("Port that the web server listens on."), cast=int, default=8000),
    Variable(
        "DASHBOARD_URL",
        _("Public URL when behind a reverse proxy, e.g. `https://tollgate.example.com`."),
    ),
    Variable(
        "ALLOWED_HOSTS",
        _("Comma-separated host names that requests may name."),
        cast=list,
        default=[],
        shown_default=_("loopback, `HOST` and the host of `DASHBOARD_URL`"),
    ),
    Variable(
        "TRUSTED_PROXIES",
        _(
            "Comma-separated addresses or networks of reverse proxies that pass on the client's"
            " address."
        ),
        cast=list,
        default=[],
        shown_default=_("unset: no `X-Forwarded-For` is believed"),
    ),
    Variable("WEB_WORKERS", _("Processes of the web server."), cast=int, default=2),
    Variable(
        "WEB_THREADS",
        _("Threads in each of them; calls to one upstream take at most half."),
        cast=int,
        default=16,
    ),
    Variable(
        "VAR_DIR",
        _("Where the embedded database, the spool and generated secrets live."),
        cast=Path,
        default=None,
        shown_default="`var`",
    ),
    Variable(
        "SPOOL_DIR",
        _("Where popped bytes wait until they are stored; must survive a restart."),
        cast=Path,
        default=None,
        shown_default="`VAR_DIR/spool`",
    ),
    Variable(
        "COLLECTOR_INTERVAL_SECONDS",
        _(
            "Seconds between two polls of an idle queue; must be well under the upstream's"
            " retention."
        ),
        cast=float,
        default=2.0,
    ),
    Variable(
        "COLLECTOR_PAGE_SIZE",
        _("Most events requested in one pop, 1 to 10000; fewer if they are large."),
        cast=int,
        default=5000,
    ),
    Variable(
        "COLLECTOR_TIME_BUDGET_SECONDS",
        _("Longest that a single run drains the queue."),
        cast=float,
        default=60.0,
    ),
    Variable(
        "COLLECTOR_LEASE_TTL_SECONDS",
        _("Longest that a dead collector blocks the next."),
        cast=float,
        default=30.0,
    ),
    Variable(
        "WRITE_LEASE_TTL_SECONDS",
        _("Longest that a process which died while changing an upstream blocks the next change."),
        cast=float,
        default=10.0,
    ),
    Variable(
        "MAX_PROVIDER_KEYS_PER_USER",
        _("Provider keys that one user may own on one upstream; staff may assign more."),
        cast=int,
        default=10,
    ),
    Variable(
        "MAX_CLIENT_KEYS_PER_USER",
        _("Client keys in use that one user may own on one upstream; staff may assign more."),
        cast=int,
        default=10,
    ),
    Variable(
        "TOLLGATE_SIMULATED",
        _("Set by `make run` when the upstream is the simulated one; shows the banner."),
        cast=bool,
        default=False,
    ),
    Variable(
        "TOLLGATE_MUTATION",
        _(
            "A mistake that the self-test of the rollout gate makes on purpose. Refused in"
            " production."
        ),
    ),
    Variable(
        "UPDATE_PRICES_NIGHTLY",
        _(
            "Fetch the newest catalogue of prices each night, from the repository of genai-prices;"
            " otherwise on a button, or with the package."
        ),
        cast=bool,
        default=False,
    ),
    Variable(
        "EVENT_RETENTION_MONTHS",
        _(
            "Whole months of events kept before the present one; older ones are dropped, their"
            " rollups stay."
        ),
        cast=int,
        default=0,
        shown_default=_("`0`: all"),
    ),
    Variable(
        "ALERT_HISTORY_DAYS",
        _("Days for which alerts that are over, and their messages, are kept; `0`: for ever."),
        cast=int,
        default=365,
    ),
    Variable(
        "HISTORY_MAX_DAYS",
        _("Longest range that one query of the history may span."),
        cast=int,
        default=366,
    ),
    Variable(
        "PRIVATE_PROVIDER_NETWORKS",
        _(
            "Comma-separated private networks that custom providers and channels of alerts may lie"
            " in, e.g. `127.0.0.1,10.0.0.0/8`."
        ),
        cast=list,
        default=[],
    ),
    Variable(
        "CACHE_URL",
        _(
            "Cache of results about usage: `dbcache://tollgate_cache` or `redis://host:6379/0`"
            " where several instances share it."
        ),
        default="locmemcache://",
        shown_default=_("memory of each process"),
    ),
    Variable(
        "HISTORY_CACHE_SECONDS",
        _("Longest that a result about usage is served from the cache; 0 caches none."),
        cast=float,
        default=5.0,
    ),
    Variable(
        "HISTORY_REPLICA_MAX_LAG_SECONDS",
        _("Furthest that the replica may be behind to be read."),
        cast=float,
        default=10.0,
    ),
    Variable("DJANGO_SUPERUSER_USERNAME", _("Name of the first administrator."), default="admin"),
    Variable(
        "DJANGO_SUPERUSER_PASSWORD",
        _("Password of the first administrator."),
        shown_default=_("generated and printed once"),
    ),
    Variable("DJANGO_SUPERUSER_EMAIL", _("E-mail address of the first administrator.")),
)


def read_environment() -> dict[str, Any]:
    """Every variable of the table by name, cast, or its default; raises
    `environ.ImproperlyConfigured` on a bad value."""
    env = environ.Env()
    return {v.name: env.get_value(v.name, cast=v.cast, default=v.default) for v in VARIABLES}
