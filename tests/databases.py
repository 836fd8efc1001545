"""The database of each process that runs tests: migrated once a run, copied for every process, and
emptied after a test that committed.

No commit of a test waits for the disk: if this PostgreSQL crashes, the run has ended anyway.

Django empties a database by truncating every table, which makes each of their files and indexes
anew: a third of a second a test. Few tests fill more than a handful of tables, and few rows are
deleted at once.
"""

import os
from typing import Any

from django.conf import settings
from django.db import connection, connections, transaction
from django.test import TransactionTestCase

from monitoring.alerts import default_rules

MIGRATED = "test_tollgate_migrated"
_LOCK = 7_201_548_863
# What `migrate` stores and no test changes; making them anew costs as much as many a test.
KEPT = {"django_content_type", "auth_permission"}


def copy_the_migrated() -> None:
    """Have this process's database made from one that the first process of a run migrates; a
    process that runs tests alone migrates its own."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        return
    with connection._nodb_cursor() as server:
        server.execute("SELECT pg_advisory_lock(%s)", [_LOCK])  # until this connection ends
        server.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
            [MIGRATED],
        )
        if server.fetchone() != (run,):
            _migrate()
            server.execute(f"COMMENT ON DATABASE {MIGRATED} IS '{run}'")
    connection.settings_dict["TEST"]["TEMPLATE"] = MIGRATED


def _migrate() -> None:
    configured, own = connection.settings_dict["TEST"], connection.settings_dict["NAME"]
    name, configured["NAME"] = configured["NAME"], MIGRATED
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    connection.close()
    configured["NAME"] = name
    connection.settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = own


def drop_the_migrated() -> None:
    """At the end of a run."""
    with connection._nodb_cursor() as server:
        server.execute(f"DROP DATABASE IF EXISTS {MIGRATED}")


def wait_for_no_disk() -> None:
    """Let no commit in this process's database wait for the disk, whichever process commits."""
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    connection.close()  # the next connection obeys


def drop(creation: Any, test_database_name: str, verbosity: int) -> None:
    """Takes the place of Django's at the end of a run: what a test left behind may still be
    connected."""
    with creation._nodb_cursor() as server:
        server.execute(f'DROP DATABASE "{test_database_name}" WITH (FORCE)')


def empty_databases(test: TransactionTestCase) -> None:
    """Takes the place of Django's flush at the end of `test`: the same rows are gone afterwards,
    and those that `migrate` stores are there."""
    for alias in _own_databases(test):
        # The test may have lost its connection; Django opens a new one for the next anyway.
        connections[alias].close()
        with transaction.atomic(using=alias):
            for table in _filled(alias):
                _delete_all(alias, table)
        default_rules.store_missing(using=alias)


def _own_databases(test: TransactionTestCase) -> list[str]:
    """Without those that only show another one's rows."""
    names = list(connections) if test.databases == "__all__" else list(test.databases)
    return [name for name in names if not connections[name].settings_dict["TEST"]["MIRROR"]]


def _filled(alias: str) -> list[str]:
    introspection = connections[alias].introspection
    tables = introspection.django_table_names(only_existing=True, include_views=False)
    probes = [f"(SELECT '{table}' FROM \"{table}\" LIMIT 1)" for table in {*tables} - KEPT]
    with connections[alias].cursor() as cursor:
        cursor.execute(" UNION ALL ".join(probes))
        return [table for (table,) in cursor.fetchall()]


def _delete_all(alias: str, table: str) -> None:
    with connections[alias].cursor() as cursor:
        # No foreign key and no trigger of an append-only table is looked at: all goes.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f'DELETE FROM "{table}"')
