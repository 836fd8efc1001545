"""Two versions on one database: the code from before the newest migration on the schema of now.

A rollout replaces one instance after the other, and a roll-back leaves the schema where it is; in
both, the previous code reads and writes tables that it does not know.
"""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from management_proxy.models import Upstream
from management_proxy.simulator import RunningSimulator, running_simulator
from management_proxy.tokens.actions import create_token
from tests.factories import give_key, make_user
from tests.processes import PROJECT, eventually, free_port, process_environment
from usage.models import UsageEvent
from usage.upkeep.rebuild import differences

pytestmark = pytest.mark.django_db(transaction=True)


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the commit before the newest that changed a migration; one that was taken back
    does not count."""
    try:
        present = git("ls-files", "*/migrations/*.py").decode().split()
        newest = git("log", "-1", "--format=%H", "--", *present).decode().strip()
        archive = git("archive", f"{newest}^")
    except (OSError, subprocess.CalledProcessError):
        assert "TOLLGATE_REQUIRE_HISTORY" not in os.environ, "there is no history before it"
        pytest.skip("NO HISTORY: two versions on one database are not tested without git's history")
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(key="canary-management-key", retention=3600, statistics=True) as made:
        upstream = Upstream(name="canary", management_url=made.management_url)
        give_key(upstream, made.key)
        upstream.save()
        yield made


def collect(code: Path, tmp_path: Path) -> dict[str, Any]:
    """What a collection by this code reports."""
    done = subprocess.run(
        [sys.executable, "manage.py", "collect_usage", "--json"],
        cwd=code,
        env=process_environment(SPOOL_DIR=str(tmp_path / "spool"), VAR_DIR=str(tmp_path / "var")),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture
def old_site(previous: Path, simulator: RunningSimulator, tmp_path: Path) -> Iterator[str]:
    """A web instance of the previous code."""
    port = free_port()
    variables = {"PORT": str(port), "VAR_DIR": str(tmp_path / "web"), "WEB_WORKERS": "1"}
    command = [sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn"]
    with subprocess.Popen(
        command, cwd=previous, env=process_environment(**variables), stderr=subprocess.DEVNULL
    ) as process:
        url = f"http://127.0.0.1:{port}"

        def responds() -> bool:
            try:
                return httpx.get(f"{url}/healthz").status_code == 200
            except httpx.TransportError:
                return False

        try:
            eventually(responds, 60)
            yield url
        finally:
            process.terminate()


def test_old_and_new_code_collect_and_read_the_same(
    previous: Path, old_site: str, simulator: RunningSimulator, tmp_path: Path
):
    """The sums that both show are those of all events, whichever code stored them."""
    for code in (previous, PROJECT, previous):
        simulator.control("generate", {"events": 40, "spread": 60})
        assert collect(code, tmp_path)["stored"] == 40
    assert UsageEvent.objects.count() == 120
    now = datetime.now(UTC)
    assert differences(now - timedelta(days=1), now + timedelta(days=1)) == []
    _, token = create_token(make_user(staff=True), "canary", "write")
    bearer = {"Authorization": f"Bearer {token}"}
    days = {"from": str(now.date() - timedelta(days=1)), "to": str(now.date())}
    with httpx.Client(base_url=old_site, headers=bearer, timeout=30) as http:
        history = http.get("/api/usage/history", params=days)
        assert history.json()["data"]["totals"]["totalRequests"] == 120
        added = http.post("/api/client-keys", json={"name": "c", "key": "sk-canary-000000000001"})
        assert added.status_code == 201, added.text
        assert http.get("/api/management/@canary/debug").json() == {"debug": False}
    assert os.listdir(tmp_path / "spool" / str(Upstream.objects.get().pk)) == []
