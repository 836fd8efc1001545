"""Processes under observation: a collector or web server of its own, with its memory and time."""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil

from tests.processes import PROJECT
from tests.web_server import web_server


class Watched:
    """A process, its largest memory so far in bytes, and the seconds of CPU that it took."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True
        )
        self._seen = psutil.Process(self.process.pid)
        self.largest = 0
        threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        while self.process.poll() is None:
            try:
                self.largest = max(self.largest, self._seen.memory_info().rss)
            except psutil.NoSuchProcess:
                return
            time.sleep(0.05)

    @property
    def cpu_seconds(self) -> float:
        times = self._seen.cpu_times()
        return float(times.user + times.system)


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[Watched]:
    """A process that is terminated at the end."""
    watched = Watched(command, environment)
    try:
        yield watched
    finally:
        watched.process.terminate()
        watched.process.communicate()


def collector_loop(environment: dict[str, str]) -> AbstractContextManager[Watched]:
    return running([sys.executable, "manage.py", "collect_usage", "--loop"], environment)


@contextmanager
def served(environment: dict[str, str]) -> Iterator[str]:
    """The address of a web server with the workers that an operator's has."""
    usual = {"WEB_WORKERS": "2", "LOG_LEVEL": "error", "DATABASE_PREPARED_STATEMENTS": "false"}
    with (
        tempfile.TemporaryDirectory() as folder,
        web_server(Path(folder), **{**environment, **usual}) as server,
    ):
        yield server.url
