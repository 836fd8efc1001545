"""A throw-away database on the embedded server, empty or with the reference dataset, for benchmarks
in real processes."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import django
import psycopg

from tests.processes import PROJECT, database_url

NAME = "bench_tollgate"


@contextmanager
def arena(reference_events: int = 0) -> Iterator[dict[str, str]]:
    """Set Django up on a new database; the environment under which child processes use the same
    one.

    With reference events it is a copy of a database that holds so many of them, which is made at
    first and kept.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    sys.path.insert(0, str(PROJECT))
    from django.conf import settings

    from config import embedded_postgres

    if settings.EMBEDDED_POSTGRES:
        embedded_postgres.ensure_running(settings.VAR_DIR)
    django.setup()
    from django.db import connection
    from django.test.runner import DiscoverRunner

    connection.settings_dict["TEST"]["NAME"] = NAME
    if reference_events:
        _copy_reference(connection.settings_dict, reference_events)
    runner = DiscoverRunner(verbosity=0, interactive=False, keepdb=bool(reference_events))
    databases = runner.setup_databases(serialized_aliases=set())
    runner.keepdb = False
    try:
        with tempfile.TemporaryDirectory() as spool:
            yield _environment(connection.settings_dict, spool)
    finally:
        connection.creation.destroy_test_db(databases[0][1], verbosity=0)
        if settings.EMBEDDED_POSTGRES:
            embedded_postgres.stop_if_unused(settings.VAR_DIR)


def _copy_reference(database: dict[str, Any], events: int) -> None:
    template = f"bench_reference_{events}"
    address = {
        "host": database["HOST"],
        "port": database["PORT"],
        "user": database["USER"],
        "password": database["PASSWORD"],
    }
    with psycopg.connect(dbname="postgres", autocommit=True, **address) as server:
        server.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        existing = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [template])
        if existing.fetchone() is None:
            _make_reference(events)
            server.execute(f"ALTER DATABASE {NAME} RENAME TO {template}")
        # The default way writes all of it to the log as well.
        server.execute(f"CREATE DATABASE {NAME} TEMPLATE {template} STRATEGY FILE_COPY")


def _make_reference(events: int) -> None:
    from django.core.management import call_command
    from django.db import connection
    from django.test.runner import DiscoverRunner

    runner = DiscoverRunner(verbosity=0, interactive=False)
    databases = runner.setup_databases(serialized_aliases=set())
    call_command("seed_usage", events=events, days=90)
    connection.close()
    connection.settings_dict["NAME"] = databases[0][1]


def _environment(database: dict[str, Any], spool: str) -> dict[str, str]:
    secrets = {"SECRET_KEY": "b" * 50, "USAGE_HASH_KEY": "b" * 50, "ENCRYPTION_KEYS": "b" * 50}
    return {
        **os.environ,
        **secrets,
        "DATABASE_URL": database_url(database),
        "SPOOL_DIR": spool,
    }


def percentile(values: list[float], percent: float) -> float:
    """Nearest rank."""
    return sorted(values)[max(0, -(-len(values) * int(percent) // 100) - 1)]
