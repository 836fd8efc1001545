"""Configuration of gunicorn: `gunicorn --config python:config.gunicorn`, within the stack or on its
own."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from config import memory
from config.environment import read_environment

memory.settle()  # what the workers inherit
_environment = read_environment()
_host: str = _environment["HOST"]
_project = Path(__file__).resolve().parent.parent
# Before anything of prometheus_client is imported, which reads it then
# (monitoring/metrics/registry.py). One folder a server.
_metrics = (
    (_environment["VAR_DIR"] or _project / "var").resolve() / "metrics" / str(_environment["PORT"])
)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_metrics)

wsgi_app = "config.wsgi:application"
bind = f"[{_host}]:{_environment['PORT']}" if ":" in _host else f"{_host}:{_environment['PORT']}"
worker_class = "config.web_server.worker.Worker"
# Of a worker, which needs descriptors for databases and upstreams as well.
worker_connections = 512
# Responses go through the worker's buffer, so that their readers hold no thread.
sendfile = False
workers: int = _environment["WEB_WORKERS"]
threads: int = _environment["WEB_THREADS"]
loglevel = "warning"
# Long enough for a response that waits for the upstream, shorter than the stack's patience.
graceful_timeout = 10
# Heartbeats go to memory where there is some: a slow disk must not look like a dead worker.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
# Its runtime control is not used, and its default path would be shared by all instances of a user.
control_socket_disable = True


def on_starting(_arbiter: Any) -> None:
    """Use the embedded database for as long as the server lives, and count from zero."""
    from config import embedded_postgres
    from monitoring.metrics.registry import begin_counting

    begin_counting(_metrics)
    settings = _settings()
    if settings.EMBEDDED_POSTGRES:
        embedded_postgres.ensure_running(settings.VAR_DIR)


def post_worker_init(_worker: Any) -> None:
    """Store the figures of the proxy's calls and what all processes count together, and evaluate
    alerts while no collector does."""
    from management_proxy.traffic.recording import start_flushing
    from monitoring.alerts.worker import start_standing_in
    from monitoring.metrics.shared import Flushing

    start_flushing()
    Flushing("web").start()
    start_standing_in()


def worker_exit(_arbiter: Any, _worker: Any) -> None:
    """Store what the worker had not stored yet."""
    from django.db import Error as DatabaseError

    from management_proxy.traffic.recording import stop_flushing
    from monitoring.alerts.worker import stop_standing_in
    from monitoring.metrics.shared import flush

    stop_standing_in()
    stop_flushing()
    with suppress(DatabaseError):
        flush()


def child_exit(_arbiter: Any, worker: Any) -> None:
    """Keep what a dead worker had counted."""
    from monitoring.metrics.registry import fold_worker

    fold_worker(_metrics, worker.pid)


def on_exit(_arbiter: Any) -> None:
    """Leave no database behind that no process uses."""
    from config import embedded_postgres

    settings = _settings()
    if settings.EMBEDDED_POSTGRES:
        embedded_postgres.stop_if_unused(settings.VAR_DIR)


def _settings() -> Any:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.conf import settings

    return settings
