"""Start everything, keep it alive, stop everything."""

import os
import secrets
import signal
import socket
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import django
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from config import embedded_postgres
from config.environment import read_environment
from config.stack import simulated
from config.stack.state import StackState, running_stack, take_lock, write_state
from config.stack.supervisor import Child, Supervisor, say


def main() -> int:
    """The exit status: 0 after a clean stop, 1 if nothing could be started."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    var_dir: Path = settings.VAR_DIR
    lock = take_lock(var_dir)
    if lock is None:
        _say_what_runs(var_dir)
        return 1
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: _request_stop(stop, number, frame))
    try:
        if settings.EMBEDDED_POSTGRES:
            embedded_postgres.ensure_running(var_dir)
        return _run(var_dir, stop)
    except (embedded_postgres.EmbeddedPostgresError, CannotStart, SystemCheckError) as error:
        say(f"tollgate: {error}")
        return 1
    finally:
        if settings.EMBEDDED_POSTGRES:
            embedded_postgres.stop_if_unused(var_dir)
        lock.close()
        say("tollgate: stopped")


class CannotStart(Exception):
    """Something an operator must change first."""


def _request_stop(stop: threading.Event, number: int, frame: FrameType | None) -> None:
    if not stop.is_set():
        say("tollgate: stopping")
    stop.set()


def _say_what_runs(var_dir: Path) -> None:
    for _ in range(20):
        if (running := running_stack(var_dir)) is not None:
            say(f"tollgate: already running on this folder: {running.url} (process {running.pid}, since {running.started_at})")
            return
        time.sleep(0.1)
    say("tollgate: another process is starting on this folder")


def _run(var_dir: Path, stop: threading.Event) -> int:
    environment = read_environment()
    host, port = environment["HOST"], environment["PORT"]
    _refuse_taken_port(host, port)
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    _ensure_first_administrator(environment)
    supervisor = Supervisor(stop)
    try:
        upstream = _start_simulator(var_dir, supervisor) if not settings.CLIPROXYAPI_MANAGEMENT_URL else {}
        shown = "localhost" if host in ("0.0.0.0", "::") else host  # noqa: S104
        url = settings.DASHBOARD_URL or f"http://{shown}:{port}/"
        write_state(var_dir, _state(url, upstream))
        supervisor.start(Child("collector", [sys.executable, "manage.py", "collect_usage", "--loop"], upstream))
        supervisor.start(Child("web", _gunicorn(environment), upstream))
        _say_when_serving(host, port, url, stop)
        supervisor.watch()
    finally:
        supervisor.stop_all()
    return 0


def _refuse_taken_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(f"cannot listen on {host}:{port}: {error.strerror}; choose another HOST or PORT") from error


def _ensure_first_administrator(environment: dict[str, str]) -> None:
    from django.contrib.auth.models import User

    if User.objects.filter(is_superuser=True).exists():
        return
    name = environment["DJANGO_SUPERUSER_USERNAME"]
    given = environment["DJANGO_SUPERUSER_PASSWORD"]
    password = given or secrets.token_urlsafe(12)
    User.objects.create_superuser(name, environment["DJANGO_SUPERUSER_EMAIL"], password)
    shown = "as configured" if given else f"{password}   (shown this once)"
    say(f"tollgate: first administrator: {name}   password: {shown}")


def _start_simulator(var_dir: Path, supervisor: Supervisor) -> dict[str, str]:
    port, key = simulated.identity(var_dir)
    from usage.models import UsageEvent

    first_start = not UsageEvent.objects.exists()
    child = Child("simulator", [sys.executable, *simulated.arguments(port, key, with_history=first_start)], {})
    supervisor.start(child)
    # Should it die, what it has handed out is not handed out again.
    child.command = [sys.executable, *simulated.arguments(port, key, with_history=False)]
    _wait_for_port("127.0.0.1", port, child)
    return {
        "CLIPROXYAPI_MANAGEMENT_URL": f"http://127.0.0.1:{port}/v0/management",
        "MANAGEMENT_API_KEY": key,
        "TOLLGATE_SIMULATED": "true",
    }


def _wait_for_port(host: str, port: int, child: Child) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and child.process and child.process.poll() is None:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise CannotStart("the simulated upstream did not start; its last words:\n" + "\n".join(child.last_words))


def _state(url: str, upstream: dict[str, str]) -> StackState:
    return StackState(
        pid=os.getpid(), url=url, started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        management_url=upstream.get("CLIPROXYAPI_MANAGEMENT_URL", ""), management_key=upstream.get("MANAGEMENT_API_KEY", ""),
    )  # fmt: skip


def _gunicorn(environment: dict[str, str]) -> list[str]:
    host = environment["HOST"]
    address = f"[{host}]" if ":" in host else host
    return [
        sys.executable, "-m", "gunicorn", "config.wsgi:application", "--bind", f"{address}:{environment['PORT']}", "--worker-class", "gthread",
        "--workers", str(environment["WEB_WORKERS"]), "--threads", str(environment["WEB_THREADS"]),
        "--worker-tmp-dir", "/dev/shm" if os.path.isdir("/dev/shm") else "/tmp", "--graceful-timeout", "10", "--log-level", "warning",  # noqa: S108
    ]  # fmt: skip


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
