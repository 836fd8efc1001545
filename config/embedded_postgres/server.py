"""The server process of a data directory: found, started, stopped. Call under the lock of
`lifecycle`."""

import shlex
import time
from contextlib import suppress
from pathlib import Path

import psutil

from config.embedded_postgres.connection import socket_directory
from config.embedded_postgres.data_directory import owner
from config.embedded_postgres.errors import EmbeddedPostgresError
from config.embedded_postgres.installation import make_private, run_program

START_SECONDS = 120
ORPHANS_SECONDS = 30
LARGEST_LOG = 10_000_000


def server_pid(var_dir: Path) -> int | None:
    """The running server's process id; None if there is none, even beside a stale pid file."""
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


def start(var_dir: Path) -> None:
    """Start the server and wait until it accepts connections; raises EmbeddedPostgresError."""
    data, sockets = var_dir / "postgres", socket_directory(var_dir)
    make_private(sockets, owner(data))
    log = _rotated_log(data)
    deadline = time.monotonic() + ORPHANS_SECONDS
    while server_pid(var_dir) is None:
        for stale in (data / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
            stale.unlink(missing_ok=True)
        logged = log.stat().st_size if log.exists() else 0
        if _started(data, sockets, log):
            return
        output = log.read_bytes()[logged:].decode(errors="replace") if log.exists() else ""
        if "still in use" not in output or time.monotonic() > deadline:
            tail = "\n".join(output.splitlines()[-15:])
            raise EmbeddedPostgresError(
                f"the embedded PostgreSQL did not start; the end of {log}:\n{tail}"
            )
        time.sleep(0.3)


def stop(var_dir: Path) -> None:
    """Stop the server: its clients are disconnected, its data is written."""
    _control(var_dir / "postgres", "-m", "fast", "stop")


def _rotated_log(data: Path) -> Path:
    log = data / "server.log"
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.rename(data / "server.log.1")
    return log


def _started(data: Path, sockets: Path, log: Path) -> bool:
    options = "-k " + shlex.quote(f'"{sockets}"')
    with suppress(EmbeddedPostgresError):
        _control(data, "-l", str(log), "-o", options, "start")
        return True
    return False


def _control(data: Path, *arguments: str) -> None:
    waiting = ("-D", str(data), "-w", "-t", str(START_SECONDS))
    run_program("pg_ctl", *waiting, *arguments, user=owner(data))
