"""Real processes on the test's database, and waiting for what they do."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent


def eventually(condition: Callable[[], object], seconds: float = 60) -> None:
    """Return as soon as the condition holds; fail if it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie that waits for its parent does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def free_port() -> int:
    """A port of the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def database_url(database: dict[str, Any] | None = None) -> str:
    """The present database, or another of Django's `DATABASES`, as a URL for another process."""
    if database is None:
        from django.db import connection

        database = connection.settings_dict
    host = str(database["HOST"])
    at = f":{database['PORT']}/{host}/" if host.startswith("/") else f"{host}:{database['PORT']}/"
    return f"postgresql://{database['USER']}@{at}{database['NAME']}"


def process_environment(**changed: str) -> dict[str, str]:
    """The environment of a process that works on the test's database with the test's secrets."""
    from django.conf import settings

    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COV_")}
    return {
        **inherited,
        "DATABASE_URL": database_url(),
        "SECRET_KEY": settings.SECRET_KEY,
        "USAGE_HASH_KEY": settings.USAGE_HASH_KEY,
        "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
        "CLIPROXYAPI_MANAGEMENT_URL": "",
        "MANAGEMENT_API_KEY": "",
        **changed,
    }


@contextmanager
def python(*arguments: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """A Python process in the project, killed at the end if it is still there."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
