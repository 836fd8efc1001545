"""The collector as real processes against a real simulated upstream: single flight, kill -9,
SIGTERM."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from management_proxy.models import Upstream
from management_proxy.simulator import running_simulator
from management_proxy.upstreams.registry import ensure_environment_upstream
from monitoring.models import Lease
from tests.processes import PROJECT, process_environment
from usage.collector import spool
from usage.ingest.page_parser import identity, split_page
from usage.models import CollectorRun, UsageEvent, UsageHourly

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def simulator(settings) -> Iterator:
    with running_simulator(
        key="management-key-for-tests", retention=3600, statistics=True
    ) as simulator:
        settings.CLIPROXYAPI_MANAGEMENT_URL = simulator.management_url
        settings.MANAGEMENT_API_KEY = simulator.key
        yield simulator


@pytest.fixture
def environment(simulator, settings, tmp_path) -> dict[str, str]:
    return process_environment(
        CLIPROXYAPI_MANAGEMENT_URL=simulator.management_url,
        MANAGEMENT_API_KEY=simulator.key,
        SPOOL_DIR=str(settings.SPOOL_DIR),
        COLLECTOR_LEASE_TTL_SECONDS="3",
        VAR_DIR=str(tmp_path / "var"),
        PYTHONWARNINGS="default",
    )


def command(
    environment: dict[str, str], *arguments: str, **changed: str
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "collect_usage", *arguments],
        cwd=PROJECT,
        env={**environment, **changed},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def exit_code(process: "subprocess.Popen[str]") -> int:
    process.communicate(timeout=60)
    return process.returncode


def successor(environment: dict[str, str]) -> "subprocess.Popen[str]":
    """One that collects when the lease has run out; its own lasts, however busy the machine is."""
    wait_until(lambda: not Lease.objects.filter(expires_at__gt=Now()).exists())
    return command(environment, COLLECTOR_LEASE_TTL_SECONDS="30")


def wait_until(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def control(simulator, route: str, body: dict) -> None:
    httpx.post(f"{simulator.url}/__control/{route}", json=body, timeout=30).raise_for_status()


def handed_out(simulator) -> int:
    return httpx.get(f"{simulator.url}/__control/state", timeout=30).json()["handed_out"]


def stored() -> int:
    return UsageEvent.objects.count()


def reached_the_host() -> set[UUID]:
    """The identities of all events whose bytes are stored or lie whole in the spool."""
    upstream = Upstream.objects.get()
    pages = [path.read_bytes() for path in spool.directory_of(upstream.pk).iterdir()]
    spooled = {identity(element, upstream.pk) for page in pages for element in split_page(page)[0]}
    return spooled | set(UsageEvent.objects.values_list("digest", flat=True))


def test_sixteen_triggers_from_processes_and_http_give_one_run(simulator, environment, live_server):
    """Also on an empty database, where neither lease nor upstream exists yet."""
    control(simulator, "generate", {"events": 20})
    bearer = {"Authorization": "Bearer collector-key-for-tests"}
    responses: list[tuple[int, dict]] = []

    def trigger() -> None:
        response = httpx.post(f"{live_server.url}/api/usage/collect", headers=bearer, timeout=60)
        responses.append((response.status_code, response.json()))

    threads = [threading.Thread(target=trigger) for _ in range(10)]
    # The winner cannot store before all the others had their response.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE usage_event IN ACCESS EXCLUSIVE MODE")
        processes = [
            command(environment, "--json", COLLECTOR_LEASE_TTL_SECONDS="30") for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        wait_until(
            lambda: len(responses) + sum(process.poll() is not None for process in processes) >= 15
        )
    for thread in threads:
        thread.join()
    outcomes = [(process.communicate(timeout=60), process.returncode) for process in processes]
    codes = [{0: 200, 3: 202}.get(code, code) for _, code in outcomes] + [
        status for status, _ in responses
    ]
    assert sorted(codes) == [200] + [202] * 15, [out for out, _ in outcomes]
    run = CollectorRun.objects.get()
    run_ids = {body["runId"] for status, body in responses} | {
        json.loads(out[0])["runId"] for out, _ in outcomes
    }
    assert run_ids - {None} == {str(run.id)}
    assert (run.status, stored()) == (CollectorRun.Status.SUCCEEDED, 20)


def test_kill_9_during_a_drain_loses_nothing(simulator, environment):
    control(simulator, "generate", {"events": 4000})
    first = command(environment, COLLECTOR_PAGE_SIZE="100")
    wait_until(lambda: stored() >= 300)
    first.kill()
    first.communicate()
    before, reached = handed_out(simulator), reached_the_host()
    # A page popped upstream may still have been on its way; nothing else may be missing.
    assert before - 100 <= len(reached) <= before
    assert exit_code(successor(environment)) == 0
    assert handed_out(simulator) == 4000
    assert reached <= set(UsageEvent.objects.values_list("digest", flat=True))
    assert stored() == len(reached) + 4000 - before
    assert sum(UsageHourly.objects.values_list("attempts", flat=True)) == stored()
    assert set(CollectorRun.objects.values_list("status", flat=True)) == {"abandoned", "succeeded"}


def test_loop_collects_until_sigterm_and_ends_cleanly(simulator, environment):
    loop = command(environment, "--loop", "--interval", "0.2")
    control(simulator, "generate", {"events": 50})
    wait_until(lambda: stored() == 50)
    loop.send_signal(signal.SIGTERM)
    assert exit_code(loop) == 0
    assert not CollectorRun.objects.filter(status="running").exists()


def test_frozen_holder_neither_writes_state_nor_pops_again(simulator, environment):
    """SIGSTOP past the TTL: the next one takes over; resumed, the first stores what it had and
    nothing more."""
    ensure_environment_upstream()
    control(simulator, "generate", {"events": 200})
    control(
        simulator, "faults", {"kind": "hang_before_headers", "path": "*usage-queue", "seconds": 2}
    )
    frozen = command(environment, COLLECTOR_PAGE_SIZE="50")
    wait_until(lambda: CollectorRun.objects.filter(status="running").exists())
    os.kill(frozen.pid, signal.SIGSTOP)
    try:
        assert exit_code(successor(environment)) == 0
    finally:
        os.kill(frozen.pid, signal.SIGCONT)
    frozen.communicate(timeout=60)
    assert frozen.returncode == 1
    assert set(CollectorRun.objects.values_list("status", flat=True)) == {"abandoned", "succeeded"}
    assert stored() == handed_out(simulator)


@pytest.mark.parametrize("arguments", [("--interval", "soon"), ("--upstream", "nowhere")])
def test_bad_arguments_are_told(environment, arguments):
    process = command(environment, *arguments)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (1, 2)
    assert arguments[1] in errors
