"""Processes under observation: a collector or web server of its own, with its memory and time."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.bench.arena import ROOT


class Watched:
    """A process, its largest memory so far in bytes, and the seconds of CPU that it took."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        )
        self._seen = psutil.Process(self.process.pid)
        self.largest = 0
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
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
    """A process that is asked to end at the end."""
    watched = Watched(command, environment)
    try:
        yield watched
    finally:
        watched.process.terminate()
        watched.process.communicate()


def collector_loop(environment: dict[str, str]):
    return running([sys.executable, "manage.py", "collect_usage", "--loop"], environment)


@contextmanager
def web_server(environment: dict[str, str]) -> Iterator[str]:
    """gunicorn as an operator runs it; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with running(
        [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn"],
        {**environment, "PORT": str(port), "LOG_LEVEL": "error"},
    ):
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                break
        yield f"http://127.0.0.1:{port}"
