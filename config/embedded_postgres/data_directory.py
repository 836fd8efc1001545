"""The data directory: made whole or not at all, refused where it is another's."""

import os
import shutil
from pathlib import Path

from config.embedded_postgres.connection import SUPERUSER
from config.embedded_postgres.errors import EmbeddedPostgresError
from config.embedded_postgres.installation import (
    installed_version,
    make_private,
    new_owner,
    run_program,
)

# The built-in locale sorts the same on every machine, and after every upgrade of its C library.
_LOCALE = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
_CONFIGURATION = """
# Written by Tollgate.
listen_addresses = ''
shared_buffers = 256MB
max_connections = 200
max_wal_size = 2GB
wal_compression = on
checkpoint_timeout = 15min
random_page_cost = 1.1
jit = off
log_min_messages = warning
log_timezone = 'UTC'
timezone = 'UTC'
"""


def owner(data: Path) -> int:
    """The system user that a data directory belongs to, and that its server runs as."""
    return data.stat().st_uid


def ensure_initialised(data: Path) -> None:
    """Make the data directory unless there is one; raises EmbeddedPostgresError for one that this
    process or this PostgreSQL cannot use."""
    _refuse_foreign_data(data)
    if not (data / "PG_VERSION").exists():
        _initialise(data)
    _refuse_other_version(data)


def _refuse_foreign_data(data: Path) -> None:
    if data.exists() and os.geteuid() not in (0, owner(data)):
        raise EmbeddedPostgresError(
            f"{data} belongs to the system user {owner(data)}: start Tollgate as that user,"
            " or as root, or set VAR_DIR"
        )


def _initialise(data: Path) -> None:
    if data.exists() and any(data.iterdir()):
        raise EmbeddedPostgresError(
            f"{data} holds files but no database: move that folder away and start again"
        )
    unfinished = data.with_name("postgres.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    user = new_owner()
    make_private(unfinished, user)
    place = ("-D", str(unfinished), "-U", SUPERUSER)
    run_program("initdb", *place, "--auth=trust", *_LOCALE, "--no-instructions", user=user)
    with (unfinished / "postgresql.conf").open("a") as configuration:
        configuration.write(_CONFIGURATION)
    unfinished.rename(data)


def _refuse_other_version(data: Path) -> None:
    found, wanted = (data / "PG_VERSION").read_text().strip(), installed_version()
    if found != wanted:
        raise EmbeddedPostgresError(
            f"{data} was made by PostgreSQL {found}, the installed one is {wanted}: dump it with"
            " the release of Tollgate that made it (pg_dump), move the folder away, start and"
            " restore"
        )
