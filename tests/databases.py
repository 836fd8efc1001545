"""The database of each process that runs tests: migrated once a run, and copied for every process.

No commit of a test waits for the disk: if this PostgreSQL crashes, the run has ended anyway.
"""

import os

from django.conf import settings
from django.db import connection

MIGRATED = "test_tollgate_migrated"
_LOCK = 7_201_548_863


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
