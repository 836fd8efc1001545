"""Start everything, keep it alive, stop everything.

States: locked -> checked -> database up -> migrated -> simulator responds (if there is no real
upstream) -> serving -> stopping. The stack's lock is held throughout, so a folder has one stack;
the embedded database outlives all children. In a new folder the simulator makes its past while the
database is made.
"""

import io
import os
import signal
import socket
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO, Any

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from config import embedded_postgres
from config.environment import read_environment
from config.stack import simulated
from config.stack.errors import CannotStart
from config.stack.simulated import Simulator
from config.stack.sources import Sources
from config.stack.state import StackState, running_stack, take_lock, write_state
from config.stack.supervisor import PROJECT, Child, Supervisor, say


def main() -> int:
    """The exit status: 0 after a clean stop, 1 if nothing could be started."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        var_dir: Path = settings.VAR_DIR
    except (ImproperlyConfigured, OSError) as error:
        say(f"tollgate: {error}")
        return 1
    lock = _take_lock_patiently(var_dir)
    if lock is None:
        _say_what_runs(var_dir)
        return 1
    with lock:
        return _with_database(var_dir, _stop_on_signals())


def _take_lock_patiently(var_dir: Path) -> IO[str] | None:
    # A command that checks whether a stack runs holds the lock for an instant.
    for _ in range(10):
        if (lock := take_lock(var_dir)) is not None:
            return lock
        time.sleep(0.05)
    return None


def _say_what_runs(var_dir: Path) -> None:
    for _ in range(20):
        if (running := running_stack(var_dir)) is not None:
            say(
                f"tollgate: already running on this folder: {running.url} (process {running.pid},"
                f" since {running.started_at})"
            )
            return
        time.sleep(0.1)
    say("tollgate: another process is starting on this folder")


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def request_stop(_number: int, _frame: FrameType | None) -> None:
        if not stop.is_set():
            say("tollgate: stopping")
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, request_stop)
    return stop


def _with_database(var_dir: Path, stop: threading.Event) -> int:
    supervisor = Supervisor(stop, Sources(PROJECT) if settings.DEBUG else None)
    try:
        environment = read_environment()
        _refuse_half_an_upstream(environment)
        _refuse_taken_port(environment["HOST"], environment["PORT"])
        _refuse_mistakes()
        simulator = _begin_simulator(var_dir, environment, supervisor)
        if settings.EMBEDDED_POSTGRES:
            embedded_postgres.ensure_running(var_dir)
        _prepare_database(environment)
        _supervise(var_dir, environment, supervisor, simulator, stop)
    except (embedded_postgres.EmbeddedPostgresError, CannotStart, SystemCheckError) as error:
        say(f"tollgate: {error}")
        return 1
    finally:
        supervisor.stop_all()
        (var_dir / "stack.json").unlink(missing_ok=True)
        if settings.EMBEDDED_POSTGRES:
            embedded_postgres.stop_if_unused(var_dir)
        say("tollgate: stopped")
    return 0


def _refuse_half_an_upstream(environment: dict[str, Any]) -> None:
    names = ("CLIPROXYAPI_MANAGEMENT_URL", "MANAGEMENT_API_KEY")
    given = [name for name in names if environment[name]]
    if len(given) == 1:
        missing = next(name for name in names if name not in given)
        raise CannotStart(
            f"{given[0]} is set, but {missing} is not: set both, or neither for a simulated"
            " upstream"
        )


def _refuse_taken_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CannotStart(
                f"cannot listen on {host}:{port}: {reason}; choose another HOST or PORT"
            ) from error


def _refuse_mistakes() -> None:
    """The checks by which every child would refuse to start, but for those of the database; raises
    SystemCheckError."""
    django.setup()
    call_command("check", stdout=io.StringIO())


def _prepare_database(environment: dict[str, Any]) -> None:
    from config.schema.loading import load_into_empty_database
    from config.stack.first_administrator import ensure_first_administrator

    call_command("check", databases=["default"], stdout=io.StringIO(), stderr=io.StringIO())
    if settings.EMBEDDED_POSTGRES:
        load_into_empty_database()
    call_command("migrate", verbosity=0, interactive=False)
    ensure_first_administrator(
        *(environment[f"DJANGO_SUPERUSER_{name}"] for name in ("USERNAME", "PASSWORD", "EMAIL"))
    )


def _begin_simulator(
    var_dir: Path, environment: dict[str, Any], supervisor: Supervisor
) -> Simulator | None:
    """The simulator of a new folder; of another one, its database decides later what it begins
    with."""
    is_new = settings.EMBEDDED_POSTGRES and not embedded_postgres.exists(var_dir)
    if environment["CLIPROXYAPI_MANAGEMENT_URL"] or not is_new:
        return None
    return simulated.start(var_dir, supervisor, with_history=True)


def _supervise(
    var_dir: Path,
    environment: dict[str, Any],
    supervisor: Supervisor,
    simulator: Simulator | None,
    stop: threading.Event,
) -> None:
    from config.stack.collector import collector

    url = _url(environment["HOST"], environment["PORT"])
    upstream = (
        {}
        if environment["CLIPROXYAPI_MANAGEMENT_URL"]
        else _simulated_upstream(var_dir, supervisor, simulator, stop)
    )
    _close_connections()
    write_state(var_dir, _state(url, upstream))
    if not stop.is_set():
        supervisor.start(
            Child(
                "web",
                [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn"],
                upstream,
            )
        )
        supervisor.start(collector(upstream))
        _say_when_serving(environment["HOST"], environment["PORT"], url, stop)
    supervisor.watch()


def _url(host: str, port: int) -> str:
    shown = "localhost" if host in ("0.0.0.0", "::") else host  # noqa: S104
    bracketed = f"[{shown}]" if ":" in shown else shown
    return settings.DASHBOARD_URL or f"http://{bracketed}:{port}/"


def _simulated_upstream(
    var_dir: Path, supervisor: Supervisor, simulator: Simulator | None, stop: threading.Event
) -> dict[str, str]:
    from config.stack.demonstration.preparing import prepare
    from usage.models import UsageEvent

    # The database knows best whether a past was collected: it may have been emptied, moved or
    # replaced.
    is_new = not UsageEvent.objects.exists()
    simulator = simulator or simulated.start(var_dir, supervisor, with_history=is_new)
    if is_new:
        prepare(simulator.identity)
    simulator.wait(stop)
    return simulator.identity.environment()


def _close_connections() -> None:
    # The supervisor needs the database no more, and holds no connection of those that others
    # need.
    from django.db import connections

    connections.close_all()


def _state(url: str, upstream: dict[str, str]) -> StackState:
    # A real upstream's key is not written down: a process that needs it has it in the environment.
    return StackState(
        pid=os.getpid(),
        url=url,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        management_url=upstream.get("CLIPROXYAPI_MANAGEMENT_URL", ""),
        management_key=upstream.get("MANAGEMENT_API_KEY", ""),
    )


def _say_when_serving(host: str, port: int, url: str, stop: threading.Event) -> None:
    def wait() -> None:
        target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        while not stop.wait(0.2):
            try:
                socket.create_connection((target, port), timeout=1).close()
            except OSError:
                continue
            say(f"tollgate: serving {url}   (Ctrl-C stops everything)")
            return

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
