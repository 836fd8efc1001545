"""The real web server on the test's database, for what only it does: threads, workers,
the caller's own connection."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.processes import PROJECT, free_port, process_environment


@dataclass(frozen=True)
class WebServer:
    """A running gunicorn; its log is what it wrote on standard error."""

    url: str
    process: "subprocess.Popen[bytes]"
    log_path: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")


@contextmanager
def web_server(folder: Path, **environment: str) -> Iterator[WebServer]:
    """Serve until the block ends; one worker unless the environment says otherwise."""
    port = free_port()
    log_path = folder / "web.log"
    variables = {
        "VAR_DIR": str(folder / "var"),
        "WEB_WORKERS": "1",
        "DATABASE_PREPARED_STATEMENTS": "1",
        **environment,
        "HOST": "127.0.0.1",
        "PORT": str(port),
    }
    with log_path.open("wb") as log:
        command = [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn"]
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=process_environment(**variables),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = WebServer(f"http://127.0.0.1:{port}", process, log_path)
    try:
        _wait_until_it_answers(server)
        yield server
    finally:
        with suppress(ProcessLookupError):  # a test may have ended it
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_it_answers(server: WebServer) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"{server.url}/login/", timeout=30)
            return
        except httpx.TransportError:
            assert server.process.poll() is None, server.log()
            assert time.monotonic() < deadline, server.log()
            time.sleep(0.05)
