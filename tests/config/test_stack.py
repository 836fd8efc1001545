"""The whole stack as `make run` starts it, with its own database and simulated upstream."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from config.embedded_postgres import server_pid, socket_directory
from config.stack.state import running_stack
from tests.processes import alive, eventually, free_port, python

UNSET = dict.fromkeys(
    (
        "DATABASE_URL",
        "CLIPROXYAPI_MANAGEMENT_URL",
        "MANAGEMENT_API_KEY",
        "DASHBOARD_URL",
        "DJANGO_SUPERUSER_PASSWORD",
    ),
    "",
)

LOAD_SCHEMA = "from config.schema import loading; loading.load_into_empty_database()"
METRICS_TOKEN = "scraper-token-of-tests"
# As `-m config.stack`, with a past that takes no time to make and to collect.
BRIEF_PAST = """
from config.stack import __main__, simulated
simulated.HISTORY_PER_DAY = 10
raise SystemExit(__main__.main())
"""


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose database a lone command has made, with all tables."""
    folder = tmp_path_factory.mktemp("migrated")
    with python("manage.py", "shell", "-c", LOAD_SCHEMA, **environment_of(folder)) as command:
        out, _ = command.communicate(timeout=120)
        assert command.returncode == 0, out
    assert server_pid(folder) is None
    return folder


def environment_of(folder: Path) -> dict[str, str]:
    return {
        **UNSET,
        "VAR_DIR": str(folder),
        "HOST": "127.0.0.1",
        "PORT": str(free_port()),
        "WEB_WORKERS": "2",
        "DJANGO_SUPERUSER_USERNAME": "root",
        "METRICS_TOKEN": METRICS_TOKEN,
    }


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    yield environment_of(tmp_path)
    # A stack that a failed test killed takes its children along; its database goes when the last of
    # them does.
    eventually(lambda: server_pid(tmp_path) is None)


def lines_until(process: "subprocess.Popen[str]", wanted: str) -> list[str]:
    seen = []
    for line in process.stdout:
        seen.append(line)
        if wanted in line:
            return seen
    raise AssertionError(f"{wanted!r} never came:\n" + "".join(seen))


def test_it_serves_is_refused_a_second_time_and_stops_on_ctrl_c(
    environment: dict[str, str], tmp_path: Path
):
    with python("-c", BRIEF_PAST, **environment) as stack:
        seen = lines_until(stack, "tollgate: serving http://127.0.0.1:" + environment["PORT"])
        assert any("first administrator: root   password: " in line for line in seen)
        state = running_stack(tmp_path)
        assert state.pid == stack.pid
        assert state.management_url.startswith("http://127.0.0.1:")
        assert responds(int(environment["PORT"]))
        assert_counts_outlive_workers(
            state.url.rstrip("/"), tmp_path / "metrics" / environment["PORT"]
        )

        with python("-m", "config.stack", **environment) as second:
            assert (
                f"already running on this folder: {state.url} (process {stack.pid}"
                in second.communicate(timeout=120)[0]
            )
            assert second.returncode == 1

        database = server_pid(tmp_path)
        stack.send_signal(signal.SIGINT)
        rest, _ = stack.communicate(timeout=120)
        assert stack.returncode == 0, rest
        assert rest.rstrip().endswith("tollgate: stopped")
    assert not responds(int(environment["PORT"]))
    assert not alive(database)
    assert running_stack(tmp_path) is None


def assert_counts_outlive_workers(url: str, folder: Path) -> None:
    def requests_counted() -> float:
        bearer = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        shown = httpx.get(f"{url}/metrics", headers=bearer, timeout=30).text
        total = r"^monitoring_http_requests_total{.*} (\S+)"
        return sum(map(float, re.findall(total, shown, re.MULTILINE)))

    def workers() -> set[int]:
        return {int(file.stem.rpartition("_")[2]) for file in folder.glob("counter_*.db")} - {0}

    for _ in range(20):
        httpx.get(f"{url}/login/", timeout=30)
    # A request is counted once its caller has the response.
    eventually(lambda: requests_counted() >= 20)
    before, dead = requests_counted(), workers()
    for worker in dead:
        os.kill(worker, signal.SIGKILL)
    eventually(lambda: not workers() & dead)
    eventually(lambda: requests_counted() > before)


def responds(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"MANAGEMENT_API_KEY": "k"}, "CLIPROXYAPI_MANAGEMENT_URL is not"),
        ({"CLIPROXYAPI_MANAGEMENT_URL": "http://h/"}, "MANAGEMENT_API_KEY is not"),
    ],
)
def test_half_an_upstream_is_refused(
    environment: dict[str, str], given: dict[str, str], missing: str
):
    with python("-m", "config.stack", **{**environment, **given}) as stack:
        assert missing in stack.communicate(timeout=120)[0]
        assert stack.returncode == 1


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ({"COLLECTOR_LEASE_TTL_SECONDS": "2"}, "COLLECTOR_LEASE_TTL_SECONDS=2 is not between"),
        ({"COLLECTOR_INTERVAL_SECONDS": "3600"}, "COLLECTOR_INTERVAL_SECONDS=3600 is not between"),
        ({"CLIPROXYAPI_MANAGEMENT_URL": "h", "MANAGEMENT_API_KEY": "k"}, "'h' is no such URL"),
        ({"COLLECTOR_API_KEY": "short"}, "COLLECTOR_API_KEY"),
    ],
)
def test_mistake_in_the_configuration_ends_it_before_anything_starts(
    environment: dict[str, str], tmp_path: Path, mistake: dict[str, str], message: str
):
    with python("-m", "config.stack", **{**environment, **mistake}) as stack:
        out = stack.communicate(timeout=120)[0]
        assert stack.returncode == 1
    assert message in out
    assert "HINT: " in out
    assert not (tmp_path / "postgres").exists()


def test_web_server_that_cannot_start_ends_the_stack(migrated: Path):
    """Beside an upstream that does not respond."""
    environment = {
        **environment_of(migrated),
        "CLIPROXYAPI_MANAGEMENT_URL": "http://127.0.0.1:9/v0/management",
        "MANAGEMENT_API_KEY": "k",
        "WEB_WORKERS": "-1",
    }
    with python("-m", "config.stack", **environment) as stack:
        out = stack.communicate(timeout=120)[0]
        assert stack.returncode == 1
    assert "3 times without having started" in out
    assert out.rstrip().endswith("tollgate: stopped")
    assert server_pid(migrated) is None


def test_a_taken_port_is_refused(environment: dict[str, str]):
    with (
        socket.create_server(("127.0.0.1", int(environment["PORT"]))),
        python("-m", "config.stack", **environment) as stack,
    ):
        assert "choose another HOST or PORT" in stack.communicate(timeout=120)[0]
        assert stack.returncode == 1


def test_a_lone_command_leaves_no_database_behind(migrated: Path):
    assert (migrated / "postgres" / "PG_VERSION").exists()
    assert server_pid(migrated) is None
    assert os.listdir(socket_directory(migrated)) == []
