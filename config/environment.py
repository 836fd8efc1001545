"""The environment variables that Tollgate reads: one table for the settings, the README and
docs/configuration.md."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environ


@dataclass(frozen=True)
class Variable:
    """One environment variable: how it is read, what it is when unset and what it means to an
    operator."""

    name: str
    cast: Callable[[str], Any] | type
    default: Any
    shown_default: str
    meaning: str
    secret: bool = False


VARIABLES: tuple[Variable, ...] = (
    Variable(
        "DATABASE_URL",
        str,
        "",
        "embedded PostgreSQL",
        "`postgresql://user:password@host:port/name`, PostgreSQL 15 or newer.",
    ),
    Variable(
        "DATABASE_REPLICA_URL",
        str,
        "",
        "unset",
        "A streaming replica of that database, which history is read from while it is fresh.",
    ),
    Variable(
        "DATABASE_PREPARED_STATEMENTS",
        bool,
        False,
        "`false`; embedded PostgreSQL: always",
        "Have the server keep the plans of the hottest statements. Not behind a pooler in"
        " transaction mode, unless it supports them (PgBouncer from 1.21).",
    ),
    Variable(
        "CLIPROXYAPI_MANAGEMENT_URL",
        str,
        "",
        "simulated upstream",
        "Management API of the upstream, e.g. `http://cliproxyapi:8317/v0/management`.",
    ),
    Variable(
        "MANAGEMENT_API_KEY",
        str,
        "",
        "unset",
        "Management key of that upstream (its `MANAGEMENT_PASSWORD`). Never stored.",
        secret=True,
    ),
    Variable(
        "COLLECTOR_API_KEY",
        str,
        "",
        "unset: sessions only",
        "Bearer key for `POST /api/usage/collect`, at least 16 characters.",
        secret=True,
    ),
    Variable(
        "METRICS_TOKEN",
        str,
        "",
        "unset: staff sessions only",
        "Bearer token for `GET /metrics`, at least 16 characters.",
        secret=True,
    ),
    Variable(
        "SECRET_KEY",
        str,
        "",
        "generated under `VAR_DIR` beside the embedded database, else required",
        "Signs sessions and forms.",
        secret=True,
    ),
    Variable(
        "USAGE_HASH_KEY",
        str,
        "",
        "like `SECRET_KEY`",
        "Key of the hash under which client keys are stored. Changing it makes every known client"
        " key a stranger.",
        secret=True,
    ),
    Variable(
        "ENCRYPTION_KEYS",
        list,
        [],
        "like `SECRET_KEY`",
        "Comma-separated secrets that encrypt stored management keys and dead letters; the first"
        " encrypts, all decrypt (rotation).",
        secret=True,
    ),
    Variable("TZ", str, "UTC", "`UTC`", "IANA time zone of days in reports."),
    Variable("LOG_LEVEL", str, "info", "`info`", "`debug`, `info`, `warning` or `error`."),
    Variable("LOG_FORMAT", str, "text", "`text`", "`text` for people, `json` for machines."),
    Variable(
        "DEBUG",
        bool,
        False,
        "`false`",
        "Django's debug mode; changed code is loaded at once. Never in production.",
    ),
    Variable("HOST", str, "127.0.0.1", "`127.0.0.1`", "Address that the web server listens on."),
    Variable("PORT", int, 8000, "`8000`", "Port that the web server listens on."),
    Variable(
        "DASHBOARD_URL",
        str,
        "",
        "unset",
        "Public URL when behind a reverse proxy, e.g. `https://tollgate.example.com`.",
    ),
    Variable(
        "ALLOWED_HOSTS",
        list,
        [],
        "loopback, `HOST` and the host of `DASHBOARD_URL`",
        "Comma-separated host names that may be asked for.",
    ),
    Variable(
        "TRUSTED_PROXIES",
        list,
        [],
        "unset: nobody's `X-Forwarded-For` is believed",
        "Comma-separated addresses or networks of reverse proxies that tell the client's address.",
    ),
    Variable("WEB_WORKERS", int, 2, "`2`", "Processes of the web server."),
    Variable(
        "WEB_THREADS",
        int,
        16,
        "`16`",
        "Threads in each of them; calls to one upstream take at most half.",
    ),
    Variable(
        "VAR_DIR",
        Path,
        None,
        "`var`",
        "Where the embedded database, the spool and generated secrets live.",
    ),
    Variable(
        "SPOOL_DIR",
        Path,
        None,
        "`VAR_DIR/spool`",
        "Where popped bytes wait until they are stored; must survive a restart.",
    ),
    Variable(
        "COLLECTOR_INTERVAL_SECONDS",
        float,
        2.0,
        "`2`",
        "Seconds between two looks at an idle queue; must be well under the upstream's retention.",
    ),
    Variable(
        "COLLECTOR_PAGE_SIZE",
        int,
        5000,
        "`5000`",
        "Most events asked for in one pop, 1 to 10000; fewer if they are large.",
    ),
    Variable(
        "COLLECTOR_TIME_BUDGET_SECONDS",
        float,
        60.0,
        "`60`",
        "Longest a single run goes on draining.",
    ),
    Variable(
        "COLLECTOR_LEASE_TTL_SECONDS",
        float,
        30.0,
        "`30`",
        "Longest that a dead collector blocks the next.",
    ),
    Variable(
        "WRITE_LEASE_TTL_SECONDS",
        float,
        10.0,
        "`10`",
        "Longest that a process which died while changing an upstream blocks the next change.",
    ),
    Variable(
        "MAX_PROVIDER_KEYS_PER_USER",
        int,
        10,
        "`10`",
        "Provider keys that one user may own on one upstream; staff may assign more.",
    ),
    Variable(
        "MAX_CLIENT_KEYS_PER_USER",
        int,
        10,
        "`10`",
        "Client keys in use that one user may own on one upstream; staff may assign more.",
    ),
    Variable(
        "TOLLGATE_SIMULATED",
        bool,
        False,
        "`false`",
        "Set by `make run` when the upstream is the simulated one; shows the banner.",
    ),
    Variable(
        "EVENT_RETENTION_MONTHS",
        int,
        0,
        "`0`: all",
        "Whole months of events kept before the present one; older ones are dropped, their rollups"
        " stay.",
    ),
    Variable(
        "HISTORY_MAX_DAYS",
        int,
        366,
        "`366`",
        "Longest range that one question about history may span.",
    ),
    Variable(
        "PRIVATE_PROVIDER_NETWORKS",
        list,
        [],
        "none",
        "Comma-separated private networks that custom providers may lie in, e.g."
        " `127.0.0.1,10.0.0.0/8`.",
    ),
    Variable(
        "CACHE_URL",
        str,
        "locmemcache://",
        "memory of each process",
        "Cache of answers about usage: `dbcache://tollgate_cache` or `redis://host:6379/0` where"
        " several instances share it.",
    ),
    Variable(
        "HISTORY_CACHE_SECONDS",
        float,
        5.0,
        "`5`",
        "Longest that a remembered answer about usage is told again; 0 remembers none.",
    ),
    Variable(
        "HISTORY_REPLICA_MAX_LAG_SECONDS",
        float,
        10.0,
        "`10`",
        "Furthest that the replica may be behind to be read.",
    ),
    Variable(
        "DJANGO_SUPERUSER_USERNAME", str, "admin", "`admin`", "Name of the first administrator."
    ),
    Variable(
        "DJANGO_SUPERUSER_PASSWORD",
        str,
        "",
        "generated and printed once",
        "Password of the first administrator.",
        secret=True,
    ),
    Variable(
        "DJANGO_SUPERUSER_EMAIL", str, "", "unset", "E-mail address of the first administrator."
    ),
)


def read_environment() -> dict[str, Any]:
    """Every variable of the table by name, cast, or its default; raises
    `environ.ImproperlyConfigured` on a bad value."""
    env = environ.Env()
    return {v.name: env.get_value(v.name, cast=v.cast, default=v.default) for v in VARIABLES}
