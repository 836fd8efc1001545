"""`collect_usage --loop` as a real process over several upstreams, changed from outside while it
runs."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from management_proxy.models import CollectionMode, Upstream
from management_proxy.simulator import running_simulator
from tests.factories import give_key, make_upstream, make_user
from tests.processes import PROJECT, eventually, process_environment
from usage.collector.loop import CollectorLoop
from usage.models import CollectorRun, UsageEvent

pytestmark = pytest.mark.django_db(transaction=True)
UPSTREAMS = "/admin/management_proxy/upstream/"


@pytest.fixture
def simulators() -> Iterator[list]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                running_simulator(key=f"management-key-{n}", retention=3600, statistics=True)
            )
            for n in range(2)
        ]


@pytest.fixture
def loop(settings, tmp_path) -> Iterator["subprocess.Popen[str]"]:
    """The collector, with what is in the database when the test asks for it."""
    environment = process_environment(
        SPOOL_DIR=str(settings.SPOOL_DIR),
        VAR_DIR=str(tmp_path / "var"),
        PYTHONWARNINGS="default",
    )
    with (tmp_path / "loop.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "collect_usage", "--loop", "--interval", "0.2"],
            cwd=PROJECT,
            env=environment,
            stdout=log,
            stderr=log,
            text=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def upstream_of(simulator, name: str, **fields) -> Upstream:
    upstream = make_upstream(name=name, management_url=simulator.management_url, **fields)
    give_key(upstream, simulator.key)
    upstream.save()
    return upstream


def stored_of(upstream: Upstream) -> int:
    return UsageEvent.objects.filter(series__upstream=upstream).count()


def test_upstream_that_hangs_delays_no_other(simulators, loop):
    hanging, quick = (
        upstream_of(simulator, name)
        for simulator, name in zip(simulators, ("hanging", "quick"), strict=True)
    )
    simulators[0].control(
        "faults",
        {"kind": "hang_before_headers", "path": "*usage-queue", "count": None, "seconds": 60},
    )
    eventually(lambda: CollectorRun.objects.filter(upstream=hanging, status="running").exists(), 30)
    for number in range(1, 4):
        simulators[1].app.generate(10, 0.0, None)
        eventually(lambda n=number: stored_of(quick) == 10 * n)
    assert stored_of(hanging) == 0
    # Its pop still hangs, and the process has to be ended by a second signal.
    loop.send_signal(signal.SIGTERM)


def test_upstream_added_paused_resumed_and_removed_in_the_admin_takes_effect_without_a_restart(
    simulators, loop, client
):
    first = upstream_of(simulators[0], "first")
    client.force_login(make_user("ada", staff=True))
    simulators[0].app.generate(5, 0.0, None)
    eventually(lambda: stored_of(first) == 5, 30)

    form = {
        "name": "second",
        "management_url": simulators[1].management_url,
        "is_enabled": "on",
        "collection_mode": "pull",
        "management_key": simulators[1].key,
    }
    assert client.post(f"{UPSTREAMS}add/", form).status_code == 302
    second = Upstream.objects.get(name="second")
    simulators[1].app.generate(7, 0.0, None)
    eventually(lambda: stored_of(second) == 7, 30)

    client.post(UPSTREAMS, {"action": "pause", "_selected_action": [first.pk]})
    eventually(lambda: not CollectorRun.objects.filter(upstream=first, status="running").exists())
    simulators[0].app.generate(5, 0.0, None)
    simulators[1].app.generate(1, 0.0, None)
    eventually(lambda: stored_of(second) == 8, 30)
    assert stored_of(first) == 5

    client.post(UPSTREAMS, {"action": "resume", "_selected_action": [first.pk]})
    eventually(lambda: stored_of(first) == 10, 30)

    client.post(f"{UPSTREAMS}{second.pk}/delete/")
    assert list(Upstream.objects.all()) == [first]
    eventually(lambda: not CollectorRun.objects.filter(upstream=second, status="running").exists())
    simulators[1].app.generate(3, 0.0, None)
    simulators[0].app.generate(1, 0.0, None)
    eventually(lambda: stored_of(first) == 11, 30)
    assert len(simulators[1].app.state.queue) == 3
    assert stored_of(second) == 8


def test_upstream_switched_to_push_and_back_goes_on_without_a_gap(simulators, loop):
    upstream = upstream_of(simulators[0], "pushed")
    total = 0
    for mode in (CollectionMode.PUSH, CollectionMode.PULL):
        Upstream.objects.filter(pk=upstream.pk).update(collection_mode=mode)
        wanted = 1 if mode == CollectionMode.PUSH else 0
        while simulators[0].control("state")["subscribers"] != wanted:
            simulators[0].app.generate(1, 0.0, None)
            total += 1
            # The upstream drops what comes in the very instant in which it is left, for which the
            # collector chooses one when nothing comes.
            time.sleep(0.5)
        simulators[0].app.generate(20, 0.0, None)
        total += 20
        eventually(lambda t=total: stored_of(upstream) == t, 40)
    assert set(CollectorRun.objects.values_list("trigger", flat=True)) == {"push", "loop"}


def test_subscription_that_is_cut_off_falls_back_to_pulling(simulators, loop):
    upstream = upstream_of(simulators[0], "pushed", collection_mode=CollectionMode.PUSH)
    eventually(lambda: simulators[0].control("state")["subscribers"] == 1, 30)
    simulators[0].app.generate(3000, 0.0, None)
    # One message found no room; everything else was buffered, or is queued again and pulled.
    eventually(lambda: stored_of(upstream) >= 2999, 40)
    assert CollectorRun.objects.filter(upstream=upstream, trigger="push", status="failed").exists()
    eventually(
        lambda: CollectorRun.objects.filter(
            upstream=upstream, trigger="loop", status="succeeded"
        ).exists(),
        30,
    )


def test_looking_for_upstreams_costs_one_statement(settings):
    settings.CLIPROXYAPI_MANAGEMENT_URL = "http://127.0.0.1:1/v0/management"
    make_upstream(
        from_environment=True, management_url=settings.CLIPROXYAPI_MANAGEMENT_URL, is_enabled=False
    )
    loop = CollectorLoop(threading.Event(), 1.0)
    with CaptureQueriesContext(connection) as queries:
        loop.adjust()
    assert len(queries) == 1


def test_upstream_of_the_environment_is_made_and_brought_up_to_date(settings):
    loop = CollectorLoop(threading.Event(), 1.0, only="none of that name")
    for url in ("http://127.0.0.1:1/v0/management", "http://127.0.0.1:2/v0/management"):
        settings.CLIPROXYAPI_MANAGEMENT_URL = url
        loop.adjust()
        assert Upstream.objects.get().management_url == url
